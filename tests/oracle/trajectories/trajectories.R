# Models of trajectories in nlme and mgcv: Rscript trajectories.R DIR writes samples.csv and
# trajectories.json into DIR. Times stand 0.5 s apart; corCAR1 is told their number, `step`. Factors
# sum to zero where terms are tested, so that marginal tests are those of type III.
suppressPackageStartupMessages({ library(nlme); library(mgcv); library(splines); library(jsonlite) })
out <- commandArgs(trailingOnly = TRUE)[1]
set.seed(19)
course <- function(n, rho, sd) {
  e <- rnorm(1, 0, sd)
  for (i in seq_len(n - 1)) e <- c(e, rho * e[i] + rnorm(1, 0, sd * sqrt(1 - rho^2)))
  e
}
lists <- expand.grid(participant = 1:8, item = 1:6)
lists$modality <- c("music", "visual", "both")[(lists$participant + 2 * lists$item) %% 3 + 1]
who <- rnorm(8, 0, 0.3); drift <- rnorm(8, 0, 0.08); what <- rnorm(6, 0, 0.4)
rise <- c(music = 0.05, visual = -0.02, both = 0.02)
rows <- lapply(seq_len(nrow(lists)), function(i) {
  p <- lists$participant[i]; v <- lists$item[i]; m <- lists$modality[i]
  time <- (0:19) / 2
  y <- who[p] + drift[p] * time + what[v] + rise[m] * time + 0.2 * sin(time / 2) +
    rnorm(1, 0, 0.15) + course(20, 0.7, 0.3)
  data.frame(participant = sprintf("P%d", p), item = sprintf("V%d", v), modality = m, time = time,
             y = round(y, 4), gap = runif(20) < 0.25, weight = round(runif(20, 0.5, 2), 2))
})
d <- do.call(rbind, rows)
# an annotation that ends early, one that begins late, one with a long hole
part <- function(p, v) d$participant == p & d$item == v
d$gap[part("P1", "V1") & d$time > 5] <- TRUE
d$gap[part("P2", "V2") & d$time < 3] <- TRUE
d$gap[part("P3", "V3") & d$time > 2 & d$time < 8] <- TRUE
write.csv(d, file.path(out, "samples.csv"), row.names = FALSE, quote = FALSE)
d$modality <- factor(d$modality, c("music", "visual", "both"))
d$annotation <- interaction(d$participant, d$item)
d$known <- 1 / d$weight
d$step <- round(2 * d$time)

fine <- lmeControl(maxIter = 500, msMaxIter = 500, msMaxEval = 5000, tolerance = 1e-12,
                   msTol = 1e-13, niterEM = 50, opt = "nlminb", returnObject = TRUE)
of_lme <- function(formula, random, rows, form, method, weights = NULL) {
  fit <- lme(formula, rows, random, correlation = corCAR1(0.6, form = form), method = method,
             weights = weights, control = fine)
  table <- summary(fit, adjustSigma = FALSE)$tTable
  limits <- tryCatch(intervals(fit, which = "var-cov")$corStruct[1, c(1, 3)],
                     error = function(e) c(NA, NA))
  list(method = method, log_likelihood = as.numeric(logLik(fit)), sigma = fit$sigma,
       rho = as.numeric(coef(fit$modelStruct$corStruct, unconstrained = FALSE)),
       limits = as.numeric(limits), terms = rownames(table),
       estimate = table[, "Value"], std_error = table[, "Std.Error"], n = nrow(rows),
       deviations = unlist(lapply(rev(fit$modelStruct$reStruct), function(own)
         as.numeric(fit$sigma * sqrt(diag(as.matrix(own)))))),
       F = anova(update(fit, contrasts = list(modality = "contr.sum")), adjustSigma = FALSE,
                 type = "marginal")$`F-value`[-1])
}
whole <- d[order(d$participant, d$item, d$time), ]
gaps <- whole[!whole$gap, ]
smooth <- y ~ modality * bs(time, df = 4)
steady <- ~ 1 | participant / annotation
values <- list(
  intercepts = of_lme(smooth, steady, gaps, ~ step | participant / annotation, "REML"),
  likelihood = of_lme(smooth, steady, gaps, ~ step | participant / annotation, "ML"),
  slopes = of_lme(smooth, list(participant = ~ time, annotation = ~ 1), gaps,
                  ~ step | participant / annotation, "REML"),
  weighted = of_lme(smooth, steady, gaps, ~ step | participant / annotation, "REML",
                    varFixed(~ known)),
  single = of_lme(y ~ modality * time, ~ 1 | participant, gaps[gaps$item == "V4", ],
                  ~ step | participant, "REML")
)

knots <- c(0, 2, 4.5, 7, 9.5)
d$participant <- factor(d$participant); d$item <- factor(d$item)
for (name in c("participant", "item")) whole[[name]] <- factor(whole[[name]])
whole$first <- whole$time == 0
of_bam <- function(rho) {
  fit <- bam(y ~ modality + s(time, by = modality, bs = "cr", k = 5, fx = TRUE) +
               s(participant, bs = "re") + s(item, bs = "re") + s(annotation, bs = "re"),
             data = whole, rho = rho, AR.start = whole$first, knots = list(time = knots),
             method = "fREML", control = gam.control(epsilon = 1e-13, maxit = 500))
  grid <- expand.grid(time = c(0, 1.25, 3, 6, 9.5), modality = levels(whole$modality))
  grid <- cbind(grid, participant = "P1", item = "V1", annotation = whole$annotation[1])
  random <- c("s(participant)", "s(item)", "s(annotation)")
  found <- predict(fit, grid, se.fit = TRUE, exclude = random)
  list(rho = rho, time = grid$time, modality = as.character(grid$modality),
       estimate = as.numeric(found$fit), std_error = as.numeric(found$se.fit),
       sigma = sqrt(fit$sig2),
       deviations = as.numeric(sqrt(fit$sig2 / fit$sp)))
}
values$crossed <- lapply(c(0, 0.3, 0.6), of_bam)
values$versions <- list(R = R.version.string, nlme = as.character(packageVersion("nlme")),
                     mgcv = as.character(packageVersion("mgcv")))
write(toJSON(values, digits = 14, auto_unbox = TRUE, pretty = TRUE),
      file.path(out, "trajectories.json"))

# Fifty small logistic and Poisson mixed models in lme4: the least deviance from many starts.
# Rscript glmm.R OUT_DIR writes drawn.csv (the studies) and values.json (deviances).
# Variances are drawn at, near and away from zero, where searches stop too early.
suppressPackageStartupMessages({ library(lme4); library(jsonlite) })
out <- commandArgs(trailingOnly = TRUE)[1]
set.seed(20261128)
sds <- c(0, 0, 0.1, 0.3, 1)
draw <- function(number) {
  people <- sample(6:10, 1); items <- sample(4:6, 1)
  d <- expand.grid(person = seq_len(people), item = seq_len(items))
  d <- d[runif(nrow(d)) > 0.15, ]
  d$x <- round(rnorm(nrow(d)), 2)
  eta <- 0.3 + 0.5 * d$x + rnorm(people, sd = sample(sds, 1))[d$person] +
    rnorm(items, sd = sample(sds, 1))[d$item]
  d$y <- if (number %% 2) rbinom(nrow(d), 1, plogis(eta)) else rpois(nrow(d), exp(0.5 * eta))
  d$person <- paste0("p", d$person); d$item <- paste0("i", d$item)
  cbind(study = number, d[, c("person", "item", "x", "y")])
}
best <- function(d) {
  family <- if (d$study[1] %% 2) binomial else poisson
  starts <- list(c(0.01, 0.01), c(1, 1), c(0.01, 1), c(1, 0.01), c(0.3, 0.3), c(2, 2))
  control <- glmerControl(
    optimizer = "bobyqa", tolPwrss = 1e-12, calc.derivs = FALSE,
    optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5),
    check.conv.singular = "ignore", check.conv.grad = "ignore", check.conv.hess = "ignore")
  fits <- lapply(starts, function(theta) tryCatch(suppressWarnings(glmer(
    y ~ x + (1 | person) + (1 | item), d, family, start = list(theta = theta),
    control = control)), error = function(e) NULL))
  fits <- Filter(Negate(is.null), fits)
  deviances <- sapply(fits, function(fit) -2 * as.numeric(logLik(fit)))
  fit <- fits[[which.min(deviances)]]
  list(study = d$study[1], family = family()$family, deviance = min(deviances),
       sd = unname(getME(fit, "theta")), estimate = unname(fixef(fit)))
}
studies <- lapply(1:50, draw)
write.csv(do.call(rbind, studies), file.path(out, "drawn.csv"), row.names = FALSE, quote = FALSE)
values <- list(versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4"))),
               fits = lapply(studies, best))
write(toJSON(values, digits = 15, auto_unbox = TRUE, pretty = FALSE), file.path(out, "values.json"))

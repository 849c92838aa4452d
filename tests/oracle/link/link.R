# Mixed models of ordinal and bounded ratings: Rscript link.R OUT_DIR writes ratings.csv, link.json.
suppressPackageStartupMessages({library(ordinal); library(glmmTMB); library(emmeans); library(jsonlite)})
out <- commandArgs(trailingOnly = TRUE)[1]
set.seed(8)
d <- expand.grid(item = paste0("i", 1:12), participant = paste0("p", 1:18))
d$modality <- factor(sample(rep_len(c("music", "visual", "both"), nrow(d))), c("music", "visual", "both"))
d$loud <- round(rnorm(nrow(d)), 2)
own <- rnorm(18, sd = 0.9)[as.integer(d$participant)] + rnorm(12, sd = 0.7)[as.integer(d$item)] +
  rnorm(18, sd = 0.8)[as.integer(d$participant)] * d$loud
eta <- c(0, 0.8, -0.5)[as.integer(d$modality)] + 0.4 * d$loud + own
d$calm <- as.integer(cut(eta + rlogis(nrow(d)), c(-Inf, -1.5, -0.3, 0.4, 1.8, Inf)))
d$share <- round(pmin(pmax(rbeta(nrow(d), plogis(eta) * 6, plogis(-eta) * 6), 0.001), 0.999), 4)
write.csv(d, file.path(out, "ratings.csv"), row.names = FALSE, quote = FALSE)
d$calm <- factor(d$calm, ordered = TRUE)
tight <- clmm.control(gradTol = 1e-7, innerCtrl = "noWarn")
# clmm's own Hessian carries the noise of its inner search; numDeriv's is of the same likelihood.
covariance <- function(m, f) {
  rho <- clmm(f, d, doFit = FALSE)
  v <- solve(numDeriv::hessian(function(p) ordinal:::getNLA(rho, p), m$optRes$par))
  k <- length(coef(m))
  structure(v[1:k, 1:k], dimnames = list(names(coef(m)), names(coef(m))))
}
clmms <- function(f) {
  m <- clmm(f, d, control = tight)
  list(coef = as.list(coef(m)), se = as.list(sqrt(diag(covariance(m, f)))),
       sd = lapply(VarCorr(m), function(v) unname(attr(v, "stddev"))), logLik = as.numeric(logLik(m)))
}
means <- function(object) {
  t <- as.data.frame(summary(object, infer = c(TRUE, TRUE)))
  lapply(as.list(t), function(x) if (is.factor(x)) as.character(x) else x)
}
two <- calm ~ modality * loud + (1 | participant) + (1 | item)
one <- calm ~ modality + loud + (1 | participant) + (1 | item)
fixed <- clmm(two, d, control = tight)
crossed <- clmm(one, d, control = tight)
v1 <- covariance(crossed, one)
v2 <- covariance(fixed, two)
none <- clmm(calm ~ loud + (1 | participant) + (1 | item), d, control = tight)
ratio <- anova(none, crossed)
betas <- function(f) {
  m <- glmmTMB(f, d, family = beta_family(), control = glmmTMBControl(
    optCtrl = list(iter.max = 2000, eval.max = 2000, rel.tol = 1e-14, x.tol = 1e-12)))
  list(coef = as.list(fixef(m)$cond), se = as.list(sqrt(diag(vcov(m)$cond))),
       sd = lapply(VarCorr(m)$cond, function(v) unname(attr(v, "stddev"))), phi = sigma(m),
       logLik = as.numeric(logLik(m)))
}
write(toJSON(list(
  R = R.version.string, ordinal = as.character(packageVersion("ordinal")),
  glmmTMB = as.character(packageVersion("glmmTMB")), emmeans = as.character(packageVersion("emmeans")),
  crossed = clmms(one),
  slopes = clmms(calm ~ loud + (1 + loud | participant) + (1 | item)),
  means = means(emmeans(crossed, ~ modality, vcov. = v1)),
  pairs = means(pairs(emmeans(crossed, ~ modality, vcov. = v1), adjust = "none")),
  trends = means(emtrends(fixed, ~ modality, var = "loud", vcov. = v2)),
  ratio = list(statistic = ratio$LR.stat[2], df = ratio$df[2], p = ratio$`Pr(>Chisq)`[2]),
  beta = betas(share ~ modality + loud + (1 | participant) + (1 | item)),
  beta_slopes = betas(share ~ loud + (1 + loud | participant) + (1 | item)),
  beta_means = means(emmeans(glmmTMB(share ~ modality + loud + (1 | participant) + (1 | item), d,
                                     family = beta_family()), ~ modality))
), digits = 12, auto_unbox = TRUE, pretty = TRUE), file.path(out, "link.json"))

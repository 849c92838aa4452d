# Models of drawn studies in lme4 and lmerTest: values to check muvistats against.
# Rscript drawn.R DIR reads drawn.csv and the formulas of drawn.json in DIR, and prints the fits.
# The best of several starts, with tight tolerances, so that the values are those of the optimum.
# Years are centred where R's search needs it (r_formula); the slope is the same.
suppressPackageStartupMessages({ library(lme4); library(lmerTest); library(jsonlite) })
place <- commandArgs(trailingOnly = TRUE)[1]
source(file.path(place, "even.R"))
studies <- read.csv(file.path(place, "drawn.csv"), stringsAsFactors = TRUE)
asked <- fromJSON(file.path(place, "drawn.json"), simplifyVector = FALSE)$fits
quiet <- list(check.conv.singular = "ignore", check.conv.grad = "ignore", check.conv.hess = "ignore",
              check.scaleX = "ignore")
search <- list(rhobeg = 0.1, rhoend = 1e-11, maxfun = 5e5)
linear <- do.call(lmerControl, c(quiet, list(optimizer = "bobyqa", optCtrl = search)))
general <- do.call(glmerControl,
                   c(quiet, list(optimizer = "bobyqa", optCtrl = search, tolPwrss = 1e-13)))
best <- function(fit, again, starts) {
  for (start in starts) {
    other <- tryCatch(again(start), error = function(e) NULL)
    if (!is.null(other) && logLik(other) > logLik(fit) + 1e-9) fit <- other
  }
  fit
}
fit_of <- function(one) {
  rows <- droplevels(studies[studies$study == one$study, ])
  f <- as.formula(one$r_formula)
  if (one$family == "gaussian") {
    rows$prior <- if (is.null(one$weights)) rep(1, nrow(rows)) else rows[[one$weights]]
    again <- function(start) lmerTest::lmer(f, rows, REML = one$reml, control = linear,
                                            weights = prior, start = start)
    fit <- again(NULL)
    theta <- getME(fit, "theta")
    fit <- best(fit, again, list(theta * 0 + 0.3, theta * 0 + 1, theta * 2 + 0.1))
    list(log_likelihood = as.numeric(logLik(fit)), coefficients = coef(summary(fit)),
         anova = even_anova(fit, rows))
  } else {
    again <- function(start) glmer(f, rows, one$family, control = general, start = start)
    fit <- again(NULL)
    found <- getME(fit, c("theta", "fixef"))
    starts <- lapply(c(0.3, 1, 0.01), function(s) list(theta = found$theta * 0 + s,
                                                       fixef = found$fixef))
    fit <- best(fit, again, starts)
    list(log_likelihood = as.numeric(logLik(fit)), coefficients = coef(summary(fit)))
  }
}
for (one in asked) print(fit_of(one), digits = 15)

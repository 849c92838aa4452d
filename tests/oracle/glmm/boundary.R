# Mixed models whose variance of items is small but not zero, in lme4: its least deviance of many starts.
# Rscript boundary.R OUT_DIR writes boundary.csv (the studies) and boundary.json (deviances).
# At a variance of zero the gradient is zero, and a search that trusts it stops there. A drawn study is
# kept where the model without items is worse by .002 to .5 only.
suppressPackageStartupMessages({ library(lme4); library(jsonlite) })
out <- commandArgs(trailingOnly = TRUE)[1]
set.seed(15)
kinds <- list(
  list(fixed = "m + x", random = "(x | person)", family = "binomial", people = 10, items = 8),
  list(fixed = "g + trained + m", random = "(1 | person)", family = "binomial", people = 24, items = 20),
  list(fixed = "m + x", random = "(x | person)", family = "poisson", people = 9, items = 7))
draw <- function(kind) {
  d <- expand.grid(person = seq_len(kind$people), item = seq_len(kind$items), m = c("a", "b", "c"))
  d <- d[runif(nrow(d)) < 0.4, ]
  people <- data.frame(g = sample(c("f", "h"), kind$people, TRUE),
                       trained = as.integer(runif(kind$people) < 0.4))
  d$g <- people$g[d$person]; d$trained <- people$trained[d$person]
  d$x <- round(rnorm(nrow(d)), 3)
  eta <- 0.2 + 0.3 * (d$m == "b") + (0.25 + rnorm(kind$people, sd = 0.3)[d$person]) * d$x +
    rnorm(kind$people, sd = 0.6)[d$person] + rnorm(kind$items, sd = 0.15)[d$item]
  d$y <- if (kind$family == "binomial") rbinom(nrow(d), 1, plogis(eta)) else rpois(nrow(d), exp(eta / 2))
  d$person <- paste0("p", d$person); d$item <- paste0("i", d$item)
  d[, c("person", "item", "m", "g", "trained", "x", "y")]
}
control <- glmerControl(
  optimizer = "bobyqa", tolPwrss = 1e-13, calc.derivs = FALSE,
  optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 1e5),
  check.conv.singular = "ignore", check.conv.grad = "ignore", check.conv.hess = "ignore")
fit <- function(formula, d, family, starts) {
  first <- suppressWarnings(glmer(formula, d, family, control = control))
  theta <- getME(first, "theta")
  others <- lapply(starts, function(size) tryCatch(suppressWarnings(glmer(
    formula, d, family, start = list(theta = theta * 0 + size, fixef = fixef(first)),
    control = control)), error = function(e) NULL))
  fits <- Filter(Negate(is.null), c(list(first), others))
  fits[[which.min(sapply(fits, function(one) -2 * as.numeric(logLik(one))))]]
}
deviance_of <- function(one) -2 * as.numeric(logLik(one))
find <- function(number) {
  kind <- kinds[[number]]
  without <- paste("y ~", kind$fixed, "+", kind$random)
  formula <- paste(without, "+ (1 | item)")
  repeat {
    d <- draw(kind)
    none <- fit(as.formula(without), d, kind$family, 1)
    quick <- suppressWarnings(glmer(as.formula(formula), d, kind$family, control = control,
                                    start = list(theta = c(getME(none, "theta"), 0.2),
                                                 fixef = fixef(none))))
    gain <- deviance_of(none) - deviance_of(quick)
    if (gain > 0.002 && gain < 0.5) break
  }
  best <- fit(as.formula(formula), d, kind$family, c(0.1, 0.3, 1))
  if (deviance_of(quick) < deviance_of(best)) best <- quick
  list(rows = cbind(study = number, d),
       value = list(study = number, formula = formula, family = kind$family,
                    deviance = deviance_of(best), deviance_without_items = deviance_of(none),
                    sd = unname(attr(VarCorr(best)$item, "stddev")), estimate = unname(fixef(best))))
}
found <- lapply(seq_along(kinds), find)
write.csv(do.call(rbind, lapply(found, `[[`, "rows")), file.path(out, "boundary.csv"),
          row.names = FALSE, quote = FALSE)
values <- list(versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4"))),
               fits = lapply(found, `[[`, "value"))
write(toJSON(values, digits = 15, auto_unbox = TRUE), file.path(out, "boundary.json"))

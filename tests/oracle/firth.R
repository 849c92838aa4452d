# Firth's estimates by brglm2 (0.9): Rscript firth.R OUT.json. Data is written out whole.
suppressMessages({library(brglm2); library(jsonlite)})
set.seed(7)
n <- 60
d <- data.frame(x = round(rnorm(n), 3), g = sample(c("a", "b", "c"), n, TRUE),
                o = round(rnorm(n) / 4, 3), w = sample(1:3, n, TRUE))
d$y <- as.integer(runif(n) < plogis(0.3 + d$x - (d$g == "b")))
d$z <- ifelse(d$g == "c", 1L, d$y)  # separated
fits <- list(
  plain = list(formula = "y ~ x + g", offset = FALSE, weights = FALSE),
  separated = list(formula = "z ~ x + g", offset = FALSE, weights = FALSE),
  interaction = list(formula = "z ~ x * g", offset = FALSE, weights = FALSE),
  offset = list(formula = "z ~ x + g", offset = TRUE, weights = FALSE),
  weights = list(formula = "z ~ x + g", offset = FALSE, weights = TRUE)
)
out <- lapply(fits, function(f) {
  oo <- if (f$offset) d$o else rep(0, n)
  ww <- if (f$weights) d$w else rep(1, n)
  m <- suppressWarnings(glm(as.formula(f$formula, env = environment()), binomial, d, offset = oo, weights = ww,
    method = "brglmFit", type = "AS_mean", epsilon = 1e-12, maxit = 10000))
  s <- coef(summary(m))
  list(formula = f$formula, offset = f$offset, weights = f$weights, term = rownames(s),
       estimate = s[, 1], std_error = s[, 2], log_likelihood = as.numeric(logLik(m)))
})
versions <- list(R = as.character(getRversion()), brglm2 = as.character(packageVersion("brglm2")))
write_json(list(data = d, fits = out, versions = versions), commandArgs(TRUE)[1],
           digits = 17, auto_unbox = TRUE)

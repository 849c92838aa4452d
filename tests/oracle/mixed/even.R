# Type III tests by lmerTest's contestMD, with orthonormal contrasts instead of treatment contrasts:
# the same F, and pooled degrees of freedom that no order of levels changes.
even_anova <- function(fit, data) {
  fixed <- delete.response(terms(nobars(formula(fit))))
  factors <- Filter(function(name) is.factor(data[[name]]), all.vars(fixed))
  even <- function(name) {
    columns <- contr.helmert(nlevels(data[[name]]))
    sweep(columns, 2, sqrt(colSums(columns^2)), "/")
  }
  contrasts <- if (length(factors)) sapply(factors, even, simplify = FALSE)
  columns <- model.matrix(fixed, data, contrasts.arg = contrasts)
  change <- qr.coef(qr(columns), getME(fit, "X"))
  labels <- attr(fixed, "term.labels")
  tests <- do.call(rbind, lapply(seq_along(labels), function(i)
    contestMD(fit, change[attr(columns, "assign") == i, , drop = FALSE])))
  data.frame(tests, row.names = labels, check.names = FALSE)
}

# Mixed models in lme4, lmerTest, emmeans and pbkrtest: values to check muvistats against.
# Rscript models.R MUVI_DIR ORACLE_DIR OUT_FILE
# Optimiser tolerances are tightened, so that the values are those of the optimum.
suppressPackageStartupMessages({
  library(lme4); library(lmerTest); library(emmeans); library(pbkrtest); library(jsonlite)
})
emm_options(pbkrtest.limit = 5000, lmerTest.limit = 5000)
arguments <- commandArgs(trailingOnly = TRUE)
source(file.path(arguments[2], "mixed", "even.R"))
media <- read.csv(file.path(arguments[1], "media_data.csv"), check.names = FALSE)
people <- read.csv(file.path(arguments[1], "participant_data.csv"), na.strings = "")
labels <- names(media)[5:31]
recode <- c(music = "music", muted_video = "visual", video = "audiovisual")
levels3 <- c("music", "visual", "audiovisual")

frame_of <- function(rows) {
  rows$participant <- as.character(rows$participant_id)
  rows$item <- rows$media_id
  rows$modality <- factor(recode[rows$media_modality], levels3)
  rows$familiar <- factor(ifelse(rows$seen_previously == "True", "familiar", "unfamiliar"),
                          c("unfamiliar", "familiar"))
  person <- people[match(rows$participant_id, people$participant_id), ]
  rows$gender <- factor(person$gender)
  rows$years_of_training <- person$years_formal_training
  rows$n_labels <- rowSums(rows[, labels])
  rows
}
released <- frame_of(media)
# the labels of a row belong to the row before it, within a participant
moved <- do.call(rbind, lapply(split(media, media$participant_id), function(part) {
  n <- nrow(part)
  out <- part[-n, ]
  out[, c("seen_previously", labels)] <- part[-1, c("seen_previously", labels)]
  out
}))
corrected <- frame_of(moved)

dynamic <- read.csv(file.path(arguments[2], "synthetic_dynamic.csv"))
synthetic <- aggregate(cbind(arousal, valence) ~ participant_id + media_id + media_modality,
                       data = dynamic, FUN = median)
synthetic$participant <- as.character(synthetic$participant_id)
synthetic$item <- synthetic$media_id
synthetic$modality <- factor(synthetic$media_modality, levels3)

tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 0.1, rhoend = 1e-10, maxfun = 2e5),
                     check.conv.singular = "ignore", check.conv.grad = "ignore",
                     check.conv.hess = "ignore")
tight_glm <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-13,
                          optCtrl = list(rhobeg = 0.1, rhoend = 1e-9, maxfun = 2e5),
                          check.conv.singular = "ignore", check.conv.grad = "ignore",
                          check.conv.hess = "ignore")

models <- list(
  list("released_demographic", "released", n_labels ~ modality + gender + years_of_training + familiar + (1 | participant) + (1 | item), "gaussian"),
  list("corrected_demographic", "corrected", n_labels ~ modality + gender + years_of_training + familiar + (1 | participant) + (1 | item), "gaussian"),
  list("corrected_interaction_ml", "corrected", n_labels ~ modality * gender + (1 | participant) + (1 | item), "gaussian", FALSE),
  list("corrected_slopes", "corrected", n_labels ~ familiar + (familiar | participant) + (1 | item), "gaussian"),
  list("corrected_slopes_singular", "corrected", n_labels ~ modality + (modality | participant) + (1 | item), "gaussian"),
  list("corrected_nested", "corrected", n_labels ~ gender + familiar + (1 | participant) + (1 | item / modality), "gaussian"),
  list("corrected_uncorrelated", "corrected", n_labels ~ years_of_training + (years_of_training || item) + (1 | participant), "gaussian"),
  list("corrected_covariate_interaction", "corrected", n_labels ~ modality * years_of_training + gender + (1 | participant) + (1 | item), "gaussian"),
  list("synthetic_arousal", "synthetic", arousal ~ modality + (1 | participant) + (1 | item), "gaussian"),
  list("synthetic_valence", "synthetic", valence ~ modality + (1 | participant) + (1 | item), "gaussian"),
  list("synthetic_slopes", "synthetic", valence ~ modality + (modality | participant), "gaussian"),
  list("released_energetic", "released", energetic ~ modality + gender + familiar + (1 | participant) + (1 | item), "binomial"),
  list("corrected_energetic", "corrected", energetic ~ modality + gender + familiar + (1 | participant) + (1 | item), "binomial"),
  list("corrected_tearful", "corrected", tearful ~ modality + gender + familiar + (1 | participant) + (1 | item), "binomial"),
  list("corrected_calm_slopes", "corrected", calm ~ modality + (familiar | participant) + (1 | item), "binomial"),
  list("corrected_poisson", "corrected", n_labels ~ modality + gender + familiar + (1 | participant) + (1 | item), "poisson"),
  list("released_poisson_slopes", "released", n_labels ~ familiar + (familiar | participant) + (1 | item), "poisson")
)

table_of <- function(object) lapply(as.list(as.data.frame(object)), function(column)
  if (is.factor(column)) as.character(column) else column)

second_differences <- function(f, at, step) {
  m <- length(at)
  shift <- diag(step, m)
  out <- matrix(0, m, m)
  for (i in 1:m) for (j in 1:i) {
    out[i, j] <- out[j, i] <- (f(at + shift[i, ] + shift[j, ]) - f(at + shift[i, ] - shift[j, ]) -
      f(at - shift[i, ] + shift[j, ]) + f(at - shift[i, ] - shift[j, ])) / (4 * step^2)
  }
  out
}

run <- function(model) {
  data <- get(model[[2]])
  reml <- length(model) < 5
  gaussian <- model[[4]] == "gaussian"
  fit <- if (gaussian) lmerTest::lmer(model[[3]], data, REML = reml, control = tight)
         else glmer(model[[3]], data, family = model[[4]], control = tight_glm)
  values <- coef(summary(fit))
  random <- as.data.frame(VarCorr(fit))
  out <- list(
    name = model[[1]], data = model[[2]], formula = paste(deparse(model[[3]], 500), collapse = " "),
    family = model[[4]], reml = reml, n = nobs(fit), terms = rownames(values),
    estimate = unname(values[, "Estimate"]), std_error = unname(values[, "Std. Error"]),
    statistic = unname(values[, 3 + gaussian]), p_value = unname(values[, ncol(values)]),
    random = table_of(random[, c("grp", "var1", "var2", "vcov", "sdcor")]),
    log_likelihood = as.numeric(logLik(fit)), aic = AIC(fit), bic = BIC(fit),
    singular = isSingular(fit), sigma = sigma(fit),
    fitted = head(unname(fitted(fit)), 5), theta = unname(getME(fit, "theta"))
  )
  factor_name <- if ("modality" %in% all.vars(nobars(model[[3]]))) "modality" else
    if ("familiar" %in% all.vars(nobars(model[[3]]))) "familiar" else NULL
  if (!gaussian) {
    # lme4's own Hessian is a difference with a small step; this one is extrapolated
    deviance_of <- glmer(model[[3]], data, family = model[[4]], control = tight_glm,
                         devFunOnly = TRUE)
    optimum <- c(getME(fit, "theta"), fixef(fit))
    hessian <- (4 * second_differences(deviance_of, optimum, 0.01) -
                second_differences(deviance_of, optimum, 0.02)) / 3
    out$std_error_lme4 <- out$std_error
    kept <- -seq_along(getME(fit, "theta"))
    covariance <- 2 * solve(hessian)[kept, kept]
    dimnames(covariance) <- dimnames(vcov(fit))
    out$std_error <- unname(sqrt(diag(covariance)))
    out$p_value <- 2 * pnorm(-abs(out$estimate / out$std_error))
  }
  if (gaussian) {
    out$df <- unname(values[, "df"])
    test <- even_anova(fit, data)
    out$anova <- c(list(term = rownames(test)), table_of(test))
  }
  if (!is.null(factor_name)) {
    means <- if (gaussian) emmeans(fit, factor_name, lmer.df = "satterthwaite") else
      emmeans(fit, factor_name, vcov. = covariance)
    out$emmeans <- table_of(summary(means))
    out$contrasts <- table_of(summary(pairs(means, reverse = TRUE), adjust = "tukey"))
    out$contrasts_holm <- summary(pairs(means, reverse = TRUE), adjust = "holm")$p.value
  }
  if (gaussian && reml && model[[1]] %in% c("synthetic_arousal", "synthetic_valence",
                                            "synthetic_slopes", "corrected_demographic")) {
    kr <- coef(summary(fit, ddf = "Kenward-Roger"))
    out$kenward_roger <- list(std_error = unname(kr[, "Std. Error"]), df = unname(kr[, "df"]),
                              p_value = unname(kr[, ncol(kr)]))
    test <- anova(fit, type = 3, ddf = "Kenward-Roger")
    out$kenward_roger_anova <- c(list(term = rownames(test)), table_of(test))
  }
  out
}
results <- lapply(models, run)
names(results) <- vapply(models, `[[`, "", 1)
results$versions <- list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
                         lmerTest = as.character(packageVersion("lmerTest")),
                         emmeans = as.character(packageVersion("emmeans")),
                         pbkrtest = as.character(packageVersion("pbkrtest")))
write_json(results, arguments[3], digits = NA, auto_unbox = TRUE, null = "null", na = "null", pretty = TRUE)

# Slopes by emmeans::emtrends: Rscript trends.R OUT_DIR writes ratings.csv and trends.json.
suppressPackageStartupMessages({library(lme4); library(lmerTest); library(emmeans); library(jsonlite)})
out <- commandArgs(trailingOnly = TRUE)[1]
set.seed(5)
d <- expand.grid(item = paste0("i", 1:12), participant = paste0("p", 1:10))
d$modality <- factor(rep_len(c("music", "visual", "both"), nrow(d)), c("music", "visual", "both"))
d$gender <- rep(c("f", "m"), length.out = 10)[as.integer(d$participant)]
d$years <- round(runif(10, 1, 15), 1)[as.integer(d$participant)]
d$loud <- round(runif(nrow(d), 1, 9), 2)
slope <- c(0.3, -0.1, 0.5)[as.integer(d$modality)]
d$arousal <- round(slope * d$loud + rnorm(10)[as.integer(d$participant)] +
                   rnorm(12)[as.integer(d$item)] + rnorm(nrow(d)), 3)
d$chosen <- as.integer(d$arousal > 1.5)
write.csv(d, file.path(out, "ratings.csv"), row.names = FALSE, quote = FALSE)
columns <- function(object) {
  t <- as.data.frame(summary(object, infer = c(TRUE, TRUE)))
  names(t)[grep("\\.trend$", names(t))] <- "estimate"
  names(t)[grep("(LCL|lower.CL)$", names(t))] <- "low"
  names(t)[grep("(UCL|upper.CL)$", names(t))] <- "high"
  lapply(as.list(t), function(x) if (is.factor(x)) as.character(x) else x)
}
lin <- lm(arousal ~ modality * loud + gender * loud, d)
logs <- lm(arousal ~ modality * log(loud), d)
mix <- lmer(arousal ~ modality * loud + years + (1 | participant) + (1 | item), d)
bin <- glm(chosen ~ modality * loud, binomial, d, control = glm.control(epsilon = 1e-14))
write(toJSON(list(
  R = R.version.string, emmeans = as.character(packageVersion("emmeans")),
  linear = columns(emtrends(lin, ~ modality, var = "loud")),
  whole = columns(emtrends(lin, ~ 1, var = "loud")),
  cells = columns(emtrends(lin, ~ modality * gender, var = "loud")),
  logarithm = columns(emtrends(logs, ~ modality, var = "loud", delta.var = 1e-5)),
  mixed = columns(emtrends(mix, ~ modality, var = "loud", mode = "satterthwaite")),
  binomial = columns(emtrends(bin, ~ modality, var = "loud"))
), digits = 12, auto_unbox = TRUE, pretty = TRUE), file.path(out, "trends.json"))

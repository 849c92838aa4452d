# Reference values for tests of label tables with clusters:
#   Rscript oracle.R labels.csv label_tests.json
# R 4.2.2, survey 4.1-1. The Bilder-Loughin values are worked out here in base R.
suppressMessages(library(survey))
args <- commandArgs(trailingOnly = TRUE)
data <- read.csv(args[1])
labels <- setdiff(names(data), c("participant", "item", "modality", "gender"))

num <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ", "), "]")
one <- function(x) sprintf("%.17g", unname(x))

# One row for each label chosen.
long <- do.call(rbind, lapply(labels, function(label) {
  rows <- data[data[[label]] == 1, c("participant", "item", "modality", "gender")]
  cbind(rows, label = label)
}))

rao_scott <- function(by, cluster) {
  long$group <- long[[by]]
  long$cluster <- long[[cluster]]
  design <- svydesign(ids = ~cluster, weights = ~1, data = long)
  first <- svychisq(~group + label, design, statistic = "Chisq")
  second <- svychisq(~group + label, design, statistic = "F")
  sprintf(paste0('{"pearson": %s, "first_df": %s, "first_p": %s, ',
                 '"second_f": %s, "second_df": %s, "second_p": %s}'),
          one(first$statistic), one(first$parameter), one(first$p.value),
          one(second$statistic), num(second$parameter), one(second$p.value))
}

# Chosen or not, one table for each label; the eigenvalues come from the full covariance of the
# deviations, built annotation by annotation (or cluster by cluster).
bilder_loughin <- function(by, cluster) {
  y <- as.matrix(data[labels])
  group <- factor(data[[by]])
  each <- sapply(labels, function(label)
    suppressWarnings(chisq.test(table(group, data[[label]]), correct = FALSE))$statistic)
  p <- colMeans(y)
  n_g <- table(group)
  z <- model.matrix(~ group - 1)
  z <- sweep(z, 2, colMeans(z))
  unit <- if (cluster == "annotation") seq_len(nrow(y)) else data[[cluster]]
  scores <- t(sapply(seq_len(nrow(y)), function(a) kronecker(z[a, ], y[a, ] - p)))
  scores <- rowsum(scores, unit)
  v <- cov(scores) * nrow(scores)
  w <- diag(1 / sqrt(as.vector(kronecker(as.vector(n_g), p * (1 - p)))))
  lambda <- eigen(w %*% v %*% w, symmetric = TRUE, only.values = TRUE)$values
  lambda <- lambda[seq_len((nlevels(group) - 1) * length(labels))]
  x2 <- sum(each)
  d <- sum(lambda)^2 / sum(lambda^2)
  nu <- nrow(scores) - 1
  sprintf(paste0('{"each": %s, "statistic": %s, "first_p": %s, "second_f": %s, ',
                 '"second_df": %s, "second_p": %s}'),
          num(each), one(x2), one(pchisq(x2 / mean(lambda), length(lambda), lower.tail = FALSE)),
          one(x2 / sum(lambda)), num(c(d, d * nu)),
          one(pf(x2 / sum(lambda), d, d * nu, lower.tail = FALSE)))
}

entries <- character()
for (by in c("modality", "gender")) for (cluster in c("participant", "item"))
  entries <- c(entries, sprintf('  "rao_scott %s %s": %s', by, cluster, rao_scott(by, cluster)))
for (by in c("modality", "gender")) for (cluster in c("annotation", "participant"))
  entries <- c(entries,
               sprintf('  "bilder_loughin %s %s": %s', by, cluster, bilder_loughin(by, cluster)))
writeLines(c("{", paste(entries, collapse = ",\n"), "}"), args[2])

# Kendall's W with ties, as irr::kendall(correct = TRUE) computes it, and Friedman's test (stats).
# Rscript agreement.R OUT_DIR writes ratings.csv (12 items, 5 raters, 1 to 5) and agreement.json.
suppressPackageStartupMessages(library(jsonlite))
out <- commandArgs(trailingOnly = TRUE)[1]
set.seed(17)
x <- matrix(pmin(5, pmax(1, round(3 + rnorm(12) + matrix(rnorm(60), 12)))), 12)
n <- nrow(x); k <- ncol(x)
ranks <- apply(x, 2, rank)
ties <- sum(apply(x, 2, function(column) { t <- table(column); sum(t^3 - t) }))
w <- 12 * var(rowSums(ranks)) * (n - 1) / (k^2 * (n^3 - n) - k * ties)
friedman <- friedman.test(t(x))
long <- data.frame(item = rep(paste0("i", 1:n), k), participant = rep(paste0("p", 1:k), each = n),
                   y = as.vector(x))
write.csv(long, file.path(out, "ratings.csv"), row.names = FALSE, quote = FALSE)
write(toJSON(list(R = R.version.string, w = w, statistic = unname(friedman$statistic),
                  df = unname(friedman$parameter), p_value = friedman$p.value),
             digits = 15, auto_unbox = TRUE), file.path(out, "agreement.json"))

"""Regression on features: folds, ridge, lasso, dominance of predictors."""

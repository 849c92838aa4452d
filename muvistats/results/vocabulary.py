"""Words that arguments and results share: levels, resamples by function, verdicts, headings."""

from __future__ import annotations

#: What a row of an answer can stand for, coarsest first. `level` takes these words and defaults to
#: the coarsest that the function knows.
LEVELS = {
    "summary": "the whole answer: one row for each question",
    "analysis": "each way to analyse a question",
    "cluster": "each cluster of neighbouring steps of time at which groups differ",
    "group": "each group of the factor",
    "modality": "each modality, and all of them together",
    "superfactor": "each superfactor of the labels",
    "category": "each category of the labels",
    "label": "each label",
    "family": "each family of features",
    "feature": "each feature",
    "fold": "each fold of a cross-validation",
    "participant": "each participant",
    "item": "each item, in each modality where it is rated in several",
    "annotation": "each annotation",
    "time": "each step of time",
}

#: Functions whose `level` does not default to the coarsest word, and why.
FINER_LEVELS = {
    "label_frequencies": ("label", "it is named after labels; a summary counts something else"),
    "rank_features": ("feature", "it is named after features"),
}

#: Functions whose `n_resamples` has another default, and why.
FEWER_RESAMPLES = {
    "audio_visual_contrast": ("99", "each resample fits all models anew"),
    "calibration": ("199", "each is drawn in thousands of simulated studies"),
    "label_prediction": ("999", "each fits a ridge regression for every label anew"),
    "label_alignment_check": ("999", "each permutes every variable at every lag"),
    "modality_contrasts": ("2000", "p comes from a standard error that resamples give"),
    "modality_contribution": ("2000", "p comes from a standard error that resamples give"),
    "dominance_over_time": ("2000", "p comes from a standard error that resamples give"),
    "normality": ("999", "each fits the model of participants and items anew"),
    "permutation_test": ("999", "each calls a function of your own"),
    "simulated_p_values": ("199", "each is drawn in many simulated studies"),
    "power_study": ("199", "each is drawn in hundreds of simulated studies"),
}

#: Functions whose adjusted p compares with the largest statistic of each permutation.
ADJUSTED_BY_LARGEST = ("label_alignment_check", "label_prediction")

#: Words of every verdict, by the function that gives it.
VERDICTS = {
    "compare_published": {
        "agrees": "our number rounds to the printed one, or lies on the printed side of a bound",
        "within sampling error": "our number differs by no more than chance gives, and the sample "
        "is not the paper's",
        "differs": "our number differs by more than chance gives, or on the paper's own rows",
        "not comparable": "one of the two numbers is missing",
    },
    "sensitivity_table": {
        "holds": "a difference is claimed, and both analyses of the design find it in its "
        "direction: the test that respects the design, and the mixed model",
        "weakens": "a difference is claimed, and one of the two finds it",
        "reversed": "a difference is claimed, and both find the opposite",
        "does not survive": "a difference is claimed, neither finds it, and they do not both find "
        "the opposite",
        "stays null": "no difference is claimed, and they do not both find one",
        "emerges": "no difference is claimed, and both find one in the same direction",
        "undecided": "one of the two analyses is not defined",
        "undecided (limit of resampling)": "p is as small as the number of resamples lets it be; a "
        "smaller one could change the word",
    },
    "write_report": {
        "agrees": "the analysis, run as it was claimed, says the same again; whether that "
        "survives the design is another question",
        "differs": "the analysis, run as it was claimed, says something else",
        "not comparable": "the analysis gives no answer",
    },
    "check_lists": {
        "balanced": "counts differ by one at most",
        "unbalanced": "they differ by more",
        "repeated": "somebody meets an item twice",
    },
    "calibration": {
        "at the level": "the rate of false alarms is that which was asked for",
        "liberal": "there are more false alarms than that",
        "conservative": "there are fewer",
    },
}

#: How names of numbers begin that cannot exceed 1, which a paper prints without a leading zero.
UP_TO_ONE = (
    *("rank-biserial", "epsilon squared", "Cramer's V", "Kendall's W", "kendall_w", "ICC(", "CCC"),
    *("Krippendorff alpha", "krippendorff_alpha", "fleiss_kappa", "cohen_kappa", "gwet_ac1"),
    *("Pearson r", "partial Pearson r", "repeated measures correlation", "Fisher z mean"),
    *("pairwise", "leave-one-out", "Spearman of", "correlation "),
)

#: Headings of columns that are not their names in words.
HEADINGS = {
    "p_value": "p",
    "p_adjusted": "p adj.",
    "p_equivalence": "p of equivalence",
    "p_published": "p published",
    "p_independent": "p independent",
    "p_design": "p design",
    "p_model": "p mixed model",
    "p_design_adjusted": "p design (Holm)",
    "p_model_adjusted": "p mixed model (Holm)",
    "verdict_adjusted": "With Holm",
    "sd": "SD",
    "bayes_factor": "BF\u2081\u2080",
    "gain": "Gain in r",
    "best": "Fits best",
    "lag_seconds": "Lag (s)",
    "lag": "Lag (trials)",
    "time": "Time (s)",
    "start": "Start (s)",
    "end": "End (s)",
    "window_start": "Window start (s)",
    "window_end": "Window end (s)",
    "correlation_at_zero": "r without lag",
    "correlation_at_lag": "r at the lag",
    "q05": "5%",
    "q25": "25%",
    "q75": "75%",
    "q95": "95%",
    "minimum": "Min.",
    "maximum": "Max.",
    "n": "n",
    "n1": "n\u2081",
    "n2": "n\u2082",
    "n_missing": "Left out",
    "n_annotations": "Annotations",
    "n_participants": "Raters",
    "n_raters": "Raters averaged",
    "null_sd": "Null SD",
    "n_items": "Items",
    "n_resamples": "Resamples",
    "df_denom": "df (denominator)",
    "df": "df",
    "alignment": "Reading",
    "std_residual": "Std. residual",
    "std_error": "SE",
    "mc_error": "MC error",
    "effect_size": "Effect size",
    "effect_size_name": "Effect size is",
    "label_share": "% of labels",
    "share": "%",
    "statistic_name": "Statistic is",
    "p_adjust_method": "Adjusted by",
    "modality1": "Modality 1",
    "modality2": "Modality 2",
    "mean1": "Mean 1",
    "mean2": "Mean 2",
    "median1": "Median 1",
    "median2": "Median 2",
    "group1": "Group 1",
    "group2": "Group 2",
    "label1": "Label 1",
    "label2": "Label 2",
    "ccc": "CCC",
    "rmse": "RMSE",
    "mse": "MSE",
    "mask": "Left out of",
    "aic": "AIC",
    "bic": "BIC",
    "r2_marginal": "R\u00b2 marginal",
    "r2_conditional": "R\u00b2 conditional",
    "df_residual": "Residual df",
    **{
        f"n_{name}": name.capitalize()
        for name in ("clusters", "selected", "features", "repeats", "seeds", "epochs", "parameters")
    },
}

#: Codes that are said otherwise than by their letters.
WORDS = {
    "released": "as released",
    "as_recorded": "as recorded",
    "keep_dynamic": "ratings",
    "keep_labels": "labels",
    "familiar": "familiar",
    "n_annotations": "annotations",
    "chi-square": "\u03c7\u00b2",
    "chi2": "\u03c7\u00b2",
    "True": "yes",
    "False": "no",
    "holm": "Holm",
    "bonferroni": "Bonferroni",
    "tukey": "Tukey",
    "sidak": "\u0160id\u00e1k",
    "hommel": "Hommel",
    "fdr_bh": "Benjamini and Hochberg",
    "fdr_by": "Benjamini and Yekutieli",
    "fleiss_kappa": "Fleiss' kappa",
    "krippendorff_alpha": "Krippendorff's alpha",
    "gwet_ac1": "Gwet's AC1",
    "ccc": "CCC",
    "rmse": "RMSE",
    "mse": "MSE",
    "kendall_w": "Kendall's W",
    "cohen_kappa": "Cohen's kappa",
    "sd": "SD",
    "Wilson": "Wilson intervals",
    "Fisher z mean": "mean r, by Fisher's z",
    **{
        f"Krippendorff alpha, {metric}": f"Krippendorff's alpha, {metric} metric"
        for metric in ("nominal", "ordinal", "interval", "ratio")
    },
    "binomial GLM": "binomial GLM, logit link",
    "poisson GLM": "Poisson GLM, log link",
    "binomial mixed model, Laplace": "binomial mixed model, logit link, Laplace",
    "poisson mixed model, Laplace": "Poisson mixed model, log link, Laplace",
    "beta mixed model, Laplace": "beta mixed model, logit link, Laplace",
}

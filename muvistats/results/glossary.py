"""One row per result column: its name, its type and what it means, the same in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "integer", "truth", "boolean"]


@dataclass(frozen=True, slots=True)
class Column:
    """A result column.

    Parameters
    ----------
    name : str
        Column name.
    kind : {"text", "number", "integer", "truth", "boolean"}
        Scalar type of its values: ``str``, ``float64``, ``int64`` or ``bool`` in the frame. A
        boolean may be missing: then the column holds objects, NaN among them.
    description : str
        Meaning, with units where it has them.
    """

    name: str
    kind: Kind
    description: str


#: What a row stands for.
_KEYS: tuple[tuple[str, Kind, str], ...] = (
    ("dimension", "text", "rated dimension, for example arousal"),
    ("modality", "text", "modality of presentation; `all` for every modality together"),
    ("modality1", "text", "first modality of a pair"),
    ("modality2", "text", "second modality of a pair"),
    ("participant", "text", "rater; `all` for everybody together"),
    ("session", "text", "session of a repeated rating; missing where there is one"),
    ("item", "text", "item; `all` for every item together"),
    ("trial", "integer", "order within the participant's session, from 1"),
    ("time", "number", "seconds from the start of the excerpt"),
    ("annotation", "integer", "running number of the annotation"),
    ("factor", "text", "grouping factor of the test, as written in the formula"),
    ("group", "text", "level of the factor"),
    ("group1", "text", "first group of a comparison"),
    ("group2", "text", "second group of a comparison"),
    ("variable", "text", "variable that is described"),
    ("level", "text", "level of a described factor; empty for a number"),
    ("label", "text", "emotion label, snake_case; `all` for every label together"),
    ("intended", "text", "label that the item was meant to show"),
    ("label1", "text", "first label of a pair"),
    ("label2", "text", "second label of a pair"),
    ("category", "text", "category of the label"),
    ("superfactor", "text", "superfactor of the label"),
    ("scenario", "text", "what is simulated: which factors have no effect, and what else is there"),
    ("test", "text", "name of the test"),
    ("scope", "text", "which variation enters: total, within items or between items"),
    ("lag", "integer", "trials by which values were moved up before they met their item"),
    ("quantity", "text", "what the estimate measures"),
    ("raters", "text", "known: by their ratings of other items; unknown: by none of their ratings"),
    ("repeats", "text", "first participant with the same list of trials"),
    ("pairing", "text", "whether a rater is compared on the own item or on a mismatched one"),
    ("target", "text", "rated dimension that is predicted"),
    ("features", "text", "features that a model uses: audio, visual or audio_visual"),
    ("configuration", "text", "model or architecture"),
    ("metric", "text", "error or agreement measure: rmse, mse or ccc"),
    ("family", "text", "family of the feature"),
    ("feature", "text", "name of the feature"),
    ("fold", "integer", "fold in which the item is held out, from 1; 0 for all of them"),
    ("repeat", "integer", "number of the shuffle that makes the folds, from 1"),
    ("seed", "integer", "number of the training run, from 1; 0 for what draws nothing at random"),
    ("setting", "text", "setting of the protocol that is changed; none or all of them"),
    ("value", "text", "value that the setting is changed to"),
    ("term", "text", "term of the model, named as in modality[T.visual]"),
    ("model", "text", "model formula"),
    ("at", "text", "levels of other factors at which the groups are compared"),
    ("simulation", "integer", "number of the simulated study, from 1"),
    ("row", "integer", "position of the row in the frame that the model was fitted to, from 0"),
)

_ROWS: tuple[tuple[str, Kind, str], ...] = (
    *_KEYS,
    # estimates
    ("estimate", "number", "estimate of the quantity named by `estimator` or `quantity`"),
    ("estimate_bounded", "number", "estimate from covariances that fit together, R squared <= 1"),
    ("ccc", "number", "Lin's concordance correlation coefficient; a mean at coarser levels"),
    ("noise_ceiling", "number", "what the truth itself would reach, given noisy raters"),
    ("rmse", "number", "root mean squared error, on the scale of the target"),
    ("mse", "number", "mean squared error, on the scale of the target squared"),
    ("penalty", "number", "weight of the penalty in the objective of the model"),
    ("rank", "number", "place in the order of importance, from 1"),
    ("sign_stability", "number", "1 if all folds agree on the sign, 0 if none wins"),
    ("estimator", "text", "how the estimate was computed"),
    ("std_error", "number", "standard error of the estimate"),
    ("null_mean", "number", "mean of the statistic over the arrangements"),
    ("null_sd", "number", "standard deviation of the statistic over the arrangements"),
    ("estimate1", "number", "the same quantity in the first group alone"),
    ("estimate2", "number", "the same quantity in the second group alone"),
    ("reliability", "number", "share of the variance of a mean that its raters have in common"),
    ("mean", "number", "arithmetic mean, on the stored scale"),
    ("median", "number", "median, on the stored scale"),
    ("mean_rank", "number", "mean rank among all values of the test, ties share their mean rank"),
    ("sd", "number", "standard deviation, divisor n - 1"),
    ("minimum", "number", "smallest value"),
    ("q05", "number", "5% quantile (linear interpolation)"),
    ("q25", "number", "25% quantile (linear interpolation)"),
    ("q75", "number", "75% quantile (linear interpolation)"),
    ("q95", "number", "95% quantile (linear interpolation)"),
    ("maximum", "number", "largest value"),
    ("median1", "number", "median of the first group"),
    ("median2", "number", "median of the second group"),
    ("mean1", "number", "mean of the first group"),
    ("mean2", "number", "mean of the second group"),
    ("count", "integer", "number of annotations, labels or people counted"),
    ("share", "number", "count as a fraction of `n`"),
    ("chance", "number", "the same quantity when guessing, or when items are mismatched"),
    ("label_share", "number", "count as a fraction of all labels chosen"),
    ("window_start", "number", "start of the window, seconds from the start of the excerpt"),
    ("window_end", "number", "end of the window, seconds from the start of the excerpt"),
    ("start", "number", "where it starts, seconds from the start of the excerpt"),
    ("end", "number", "where it ends, seconds from the start of the excerpt"),
    ("mass", "number", "sum of the statistics over the steps of the cluster; 0 outside of one"),
    ("habit_level", "number", "how much higher the rater rates than the average, stored scale"),
    ("habit_spread", "number", "how far the rater's levels of items lie apart; 1 for the average"),
    ("habit_reach", "number", "how far the rater moves within an item; 1 for the average"),
    ("lag_seconds", "number", "delay of the rater behind the others, in seconds"),
    ("correlation_at_zero", "number", "correlation with the others without a delay"),
    ("correlation_at_lag", "number", "correlation with the others at the delay found elsewhere"),
    ("gain", "number", "correlation at the delay minus correlation without one"),
    ("best", "truth", "whether this lag fits best: the highest z, adjusted p at most 0.05"),
    ("outlier", "truth", "whether the robust z of the estimate among participants is beyond 3.5"),
    ("change", "number", "mean less that of the protocol without the change"),
    ("null", "truth", "whether the null hypothesis of the test holds in the scenario"),
    # tests
    ("statistic", "number", "test statistic named by `statistic_name`"),
    ("statistic_name", "text", "name of the test statistic"),
    ("df", "number", "degrees of freedom"),
    ("df_denom", "number", "denominator degrees of freedom"),
    ("p_value", "number", "p-value"),
    ("bayes_factor", "number", "evidence for an effect over none: their ratio, 1 where even"),
    ("p_adjusted", "number", "p-value adjusted for the comparisons of the same family"),
    (
        "finding",
        "text",
        "claim of the paper, in words; on other data as its published test would put it",
    ),
    ("analysis", "text", "published test, design-aware test or mixed model; `all` for all"),
    ("p_published", "number", "p-value as printed, or of the published test on other data"),
    ("p_independent", "number", "p-value of the published test, rows taken as independent"),
    ("p_design", "number", "p-value of the test that respects the design"),
    ("p_model", "number", "p-value of the mixed model"),
    ("p_design_adjusted", "number", "p_design adjusted for the number of findings"),
    ("p_model_adjusted", "number", "p_model adjusted for the number of findings"),
    ("verdict_adjusted", "text", "the verdict with adjusted p-values"),
    ("p_adjust_method", "text", "adjustment for multiple comparisons"),
    ("p_equivalence", "number", "p-value of the equivalence test (two one-sided tests)"),
    ("equivalence_margin", "number", "effect sizes smaller than this count as equivalent"),
    ("alpha", "number", "level of the test: p-values up to it reject"),
    ("simultaneous_low", "number", "lower limit, such that those of all rows hold at once"),
    ("simultaneous_high", "number", "upper limit, such that those of all rows hold at once"),
    ("simultaneous_level", "number", "confidence that the intervals of all rows hold at once"),
    ("alternative", "text", "alternative hypothesis"),
    ("mc_error", "number", "Monte Carlo standard error of the p-value"),
    ("n_resamples", "integer", "number of resamples or permutations; 0 where none were drawn"),
    ("conf_low", "number", "lower confidence limit of the effect size, or of the estimate"),
    ("conf_high", "number", "upper confidence limit of the effect size, or of the estimate"),
    ("conf_level", "number", "confidence level of the interval"),
    ("effect_size", "number", "effect size named by `effect_size_name`"),
    ("effect_size_name", "text", "name of the effect size"),
    ("observed", "number", "observed count"),
    ("expected", "number", "count expected under independence"),
    ("deviation", "number", "observed minus expected"),
    ("std_residual", "number", "deviation over its standard error: adjusted Pearson residual"),
    ("design_effect", "number", "mean ratio of variances between clusters to independent ones"),
    ("accounts_for", "text", "kinds of dependence that the test adjusts for"),
    ("ignores", "text", "kinds of dependence that the test does not adjust for"),
    # fits of models
    ("fitted", "number", "fitted value on the scale of the response, random effects included"),
    ("fitted_average", "number", "value fitted by the model of the average rater"),
    ("fitted_fixed", "number", "fitted value on the scale of the response, random effects zero"),
    ("residual", "number", "observed minus fitted"),
    ("pearson_residual", "number", "residual divided by the model's standard deviation of it"),
    ("sigma", "number", "residual standard deviation; missing where the family has none"),
    ("rho", "number", "correlation of residuals one step apart, within an annotation"),
    ("rho_low", "number", "lower confidence limit of rho"),
    ("rho_high", "number", "upper confidence limit of rho"),
    ("band_low", "number", "lower edge of the band that holds whole trajectories"),
    ("band_high", "number", "upper edge of the band that holds whole trajectories"),
    ("log_likelihood", "number", "log-likelihood, restricted after REML"),
    ("deviance", "number", "-2 log-likelihood, restricted after REML"),
    ("aic", "number", "Akaike's information criterion"),
    ("bic", "number", "Bayesian information criterion, by the number of rows"),
    ("n_parameters", "integer", "number of estimated parameters, variances included"),
    ("df_residual", "number", "rows minus parameters"),
    ("groups", "text", "levels of each grouping factor, as in participant: 49, item: 81"),
    ("converged", "truth", "whether the estimates are at the optimum"),
    ("singular", "truth", "whether a variance is zero or a correlation of random effects is 1"),
    ("gradient", "number", "largest slope of the deviance at the estimates; 0 at an optimum"),
    ("curvature", "number", "smallest curvature of the deviance there; above 0 at a minimum"),
    ("r2_marginal", "number", "share of variance explained by the fixed effects"),
    ("r2_conditional", "number", "share of variance explained by fixed and random effects"),
    # counts
    ("n", "integer", "number of values that entered"),
    ("n_raters", "integer", "raters whose mean is looked at"),
    ("n1", "integer", "number of values in the first group"),
    ("n2", "integer", "number of values in the second group"),
    ("n_missing", "integer", "rows left out because a value is missing or masked"),
    ("n_annotations", "integer", "number of annotations"),
    ("raters_per_cell", "integer", "raters of an item in one modality, repeated lists not counted"),
    ("effect_multiplier", "number", "effect of the factor, as a multiple of the simulated one"),
    ("participant_hours", "number", "hours that all participants together spend"),
    ("n_rejected", "integer", "simulated studies in which the test rejects"),
    ("n_undefined", "integer", "simulated studies in which the test gave no p-value"),
    ("n_participants", "integer", "number of participants"),
    ("n_items", "integer", "number of items"),
    ("n_clusters", "integer", "number of clusters, whose members may depend on each other"),
    ("n_repeats", "integer", "number of shuffles that make folds"),
    ("n_seeds", "integer", "number of training runs of a model in each fold"),
    ("n_epochs", "integer", "passes over the training data; 0 where there are none"),
    ("n_features", "integer", "number of features that may enter"),
    ("n_selected", "integer", "number of features with a coefficient"),
    ("n_steps", "integer", "number of gradient steps of a training"),
    ("training_loss", "number", "mean squared error over the epoch whose weights predict"),
    ("validation_loss", "number", "mean squared error on the items that stop the training"),
    ("fit_seconds", "number", "time that the training took, in s"),
    # provenance
    ("method", "text", "name of the method"),
    (
        "dependence",
        "text",
        "`independent` takes rows as independent, `clusters` as grouped by one kind of unit, "
        "`design` as the design made them",
    ),
    (
        "alignment",
        "text",
        "reading of the labels: released, corrected or as_recorded; missing where the data does "
        "not say",
    ),
    ("simulated", "boolean", "whether the data is simulated; missing where it does not say"),
    ("warning", "text", "why a value is missing or to be read with care"),
    # the paper
    ("name", "text", "name of the published table or group of values"),
    ("section", "text", "section or table of the paper"),
    ("published", "number", "value that the paper prints"),
    ("printed", "text", "value as printed"),
    ("relation", "text", "= for a printed value, < or > where only a bound is printed"),
    ("digits", "integer", "digits printed after the decimal point; negative for rounded tens"),
    ("difference", "number", "ours minus the published value"),
    ("verdict", "text", "what becomes of the published value or claim, in a word"),
    ("rule", "text", "rule behind the verdict"),
)

#: Columns that answer the question, those first that a narrow view keeps longest.
ANSWERS = (
    *("p_value", "estimate", "conf_low", "conf_high", "effect_size", "p_adjusted", "ccc", "mean"),
    *("verdict", "share", "p_published", "p_independent", "p_design", "p_model", "difference"),
    *("published", "bayes_factor", "lag_seconds", "gain", "change", "std_residual", "rmse", "mse"),
    *("observed", "expected", "fitted", "band_low", "band_high", "p_equivalence", "outlier"),
    *("best", "verdict_adjusted", "p_design_adjusted", "p_model_adjusted", "median", "count"),
    *("minimum", "maximum", "r2_marginal", "r2_conditional", "aic", "bic", "deviance"),
)

#: Columns that say how a row was made: what all rows share is said once, below a table.
SAID_ONCE = (
    *("method", "estimator", "effect_size_name", "p_adjust_method", "alternative", "alignment"),
    *("rule", "conf_level", "statistic_name", "n_resamples", "equivalence_margin", "dependence"),
)

#: Keys whose values are quantities of different kinds, each with digits of its own.
OF_KINDS = frozenset({"quantity", "metric", "variable", "term", "test", "setting", "estimator"})

#: Columns whose values tell rows apart.
KEYS = frozenset(
    (
        *(name for name, _, _ in _KEYS),
        *("finding", "analysis", "name", "section", "dependence"),
        *("window_start", "window_end", "start", "end"),
    )
)

_UNTESTED = "where nothing is tested"
_NO_LIMITS = "where there is no interval"
_NOT_COMPARED = "where nothing is compared"
_NO_RATER = "where a row is no rater"
_TOGETHER = "where a row stands for several annotations"

#: When a whole column is missing, and no row needs to say why.
_MISSING = {
    **dict.fromkeys(("factor", "group"), "where there is no factor"),
    **dict.fromkeys(("group1", "group2", "effect_size", "effect_size_name"), _NOT_COMPARED),
    "label": "where a dimension is rated",
    **dict.fromkeys(
        (
            *("modality1", "modality2", "label1", "label2", "variable", "level", "category"),
            *("dimension", "target", "features", "configuration", "family", "scope"),
        ),
        "where a row is about none",
    ),
    "modality": "where it is what is compared",
    "time": "where a row stands for several steps",
    "metric": "where a row has several",
    **dict.fromkeys(("rmse", "ccc"), "where `mean` has it"),
    "penalty": "where folds have penalties of their own",
    "noise_ceiling": "where the measure has none",
    **dict.fromkeys(("mean", "median", "sd"), "where a row has no values to describe"),
    **dict.fromkeys(("estimate", "estimator"), "at single steps of time"),
    **dict.fromkeys(("std_error", "statistic", "statistic_name", "p_value"), _UNTESTED),
    "p_adjusted": "where nothing is adjusted",
    "df": "where the statistic has none",
    "mc_error": "where p comes from no resamples",
    **dict.fromkeys(("conf_low", "conf_high", "conf_level"), _NO_LIMITS),
    **dict.fromkeys(("habit_level", "habit_spread", "habit_reach", "lag_seconds"), _NO_RATER),
    **dict.fromkeys(("observed", "fitted", "fitted_average"), _TOGETHER),
    "relation": "where nothing is printed",
    **dict.fromkeys(("rho", "rho_low", "rho_high"), "where residuals are not correlated"),
    "at": "where no other factor is named",
    "groups": "where rows have none",
    "df_denom": "where the statistic has none",
    "method": "where a row joins several, or is no result of one",
}

#: Every result column by name.
GLOSSARY: dict[str, Column] = {
    name: Column(name, kind, text + (f"; missing {_MISSING[name]}" if name in _MISSING else ""))
    for name, kind, text in _ROWS
}

"""One row per argument of the public functions: its type, its default and what it means."""

from __future__ import annotations

from .parameter import NO_DEFAULT, REQUIRED, Parameter
from .parameters_of_studies import OF_STUDIES

_FACTORS = "'modality + gender + (years_of_training > 3) + familiar'"
_DEMOGRAPHIC = (_FACTORS, "the model of the paper's demographics")

_BLOCK = {"rm_corr": ("'participant'", "it asks about people, and averages nothing")}
_WINDOWED = ("agreement_over_time", "dominance_over_time")
_ADDED_UP = ("modality_contribution", "dominance_over_time")
_IMPORTERS = ("from_files", "from_frames", "from_votes")


def _of_fits(methods: tuple[str, ...], default: str, reason: str) -> dict[str, tuple[str, str]]:
    """The same exception for methods of both kinds of fits."""
    return {f"{fit}Fit.{m}": (default, reason) for fit in ("Mixed", "Linear") for m in methods}


PARAMETERS: dict[str, Parameter] = {
    # what is analysed
    "data": Parameter("DataTree or DataFrame", REQUIRED, "A study, or an annotation frame of one."),
    "frame": Parameter("DataFrame", REQUIRED, "Result of the function that the figure belongs to."),
    "result": Parameter(
        "DataFrame, MixedFit or LinearFit",
        REQUIRED,
        "What a function of the package returned; of a fit, its coefficients.",
    ),
    "width": Parameter(
        '{"column", "text"}, optional',
        "None",
        "Width on paper: a column of a journal (85 mm) or its whole text (175 mm), with type of at "
        "least 6.5 points; by default as wide as the figure needs on a screen.",
    ),
    "ax": Parameter(
        "matplotlib Axes, optional",
        "None",
        "Axes to draw into, for figures of one panel: nothing else of their figure is touched. "
        "Names that have no room there are left out, which a warning says.",
    ),
    "formula": Parameter(
        "str",
        REQUIRED,
        "Response and terms, as R writes them, for example ``arousal ~ modality``.",
    ),
    "by": Parameter(
        "str",
        "'modality'",
        "Right-hand side of a formula: ``modality``, ``gender``, ``years_of_training > 3``...",
        {
            **_of_fits(("contrasts", "emmeans"), REQUIRED, NO_DEFAULT),
            **_of_fits(("emtrends", "trajectories"), "()", "one over all levels where not given"),
            "demographic_model": _DEMOGRAPHIC,
            "label_models": _DEMOGRAPHIC,
            "normality": ("None", "without a factor all values are tested together"),
        },
    ),
    "dimension": Parameter(
        "str or sequence of str, optional",
        "None",
        "Rated dimensions; all that the question can be asked of where not given.",
        {
            "read_wide": ("'rating'", "it names the column that is made"),
            "audio_visual_contrast": ("('arousal', 'valence')", "two are set against each other"),
        },
    ),
    "labels": Parameter(
        "str or sequence of str, optional",
        "None",
        "Labels; all where not given. Of a frame: its columns of 0 and 1, or that of the answers.",
        {"from_votes": (REQUIRED, "the columns of counts")},
    ),
    "item": Parameter(
        "str",
        "'item'",
        "Column of a frame that names what was rated; a study knows it.",
        {
            "plot_agreement_trajectory": (REQUIRED, NO_DEFAULT),
            "select": ("None", "it chooses items of the study"),
            "plot_model_trajectory": ("None", "it chooses an item of the study"),
        },
    ),
    "participant": Parameter(
        "str",
        "'participant'",
        "Column of a frame that names who rated; a study knows it.",
        {"select": ("None", "it chooses participants of the study")},
    ),
    "block": Parameter(
        "{'item', 'participant'}", "'item'", "What is one case: its values are averaged.", _BLOCK
    ),
    "modality": Parameter(
        "str, int or iterable of these, optional",
        "None",
        "Modalities; all of them where not given.",
        {
            **dict.fromkeys(_IMPORTERS, ("'modality'", "it names a column")),
            "audio_visual_contrast": ("'audiovisual'", "where both kinds of features are heard"),
            **dict.fromkeys(_ADDED_UP, ("'audiovisual'", "the modality that the others add up to")),
        },
    ),
    "level": Parameter(
        "str",
        "'summary'",
        "What a row of the answer stands for.",
        {},
    ),
    "scope": Parameter(
        "str or sequence of str",
        "('total', 'within_item', 'between_item')",
        "Which variation enters: in total, within items, between items.",
        {
            "modality_contribution": ("'within_item'", "between items there are few to learn from"),
            "plot_label_correlations": ("'total'", "a figure shows one"),
        },
    ),
    # how rows are taken
    "dependence": Parameter(
        '{"independent", "design"} or both',
        "('independent', 'design')",
        "Rows to give: one that takes ratings as independent, as published, and one that "
        "respects how the factor was assigned and that ratings of one person and of one item "
        "go together.",
    ),
    "assigned": Parameter(
        '{"within_item", "participant", "item", "observed"}, optional',
        "None",
        "How the factor came to its values, where the study does not say it or is overruled.",
    ),
    "strata": Parameter(
        "str, optional",
        "None",
        "For factors of participants or items: another trait of theirs, within whose levels they "
        "are permuted. Where a factor of items is the same for all items of a level (sex for all "
        "clips of an actor), whole levels are permuted.",
    ),
    "cluster": Parameter(
        "str or sequence of str, optional",
        "None",
        "Columns whose levels are sampled as a whole, such as ``participant`` and ``item``.",
        {
            "interrater_ccc": ("('item', 'participant')", "intervals stand for both"),
            "modality_contrasts": ("('item', 'participant')", "intervals stand for both"),
            "modality_contribution": ("('item', 'participant')", "intervals stand for both"),
            "confusion_matrix": ("('item', 'participant')", "intervals stand for both"),
            "hit_rates": ("('item', 'participant')", "intervals stand for both"),
            "rao_scott": ("'participant'", "the correction needs one"),
        },
    ),
    "alternative": Parameter(
        '{"two-sided", "less", "greater"}',
        "'two-sided'",
        "Whether the first group is said to differ, to be lower or to be higher.",
    ),
    "adjust": Parameter(
        '{"holm", "bonferroni", "fdr_bh", "fdr_by", "none"}',
        "'holm'",
        "Adjustment of p-values for looking at several.",
        _of_fits(("contrasts",), "'tukey'", "all pairs of one factor are compared")
        | {"over_time": ("'cluster'", "neighbouring steps go together")},
    ),
    "conf_level": Parameter("float", "0.95", "Confidence level of the intervals."),
    "alpha": Parameter("float", "0.05", "A p-value up to this rejects."),
    # randomness and work
    "n_resamples": Parameter(
        "int",
        "9999 for p-values, 2000 for intervals alone",
        "Resamples behind p-values and intervals; 0 for none, which leaves both empty.",
    ),
    "rng": Parameter(
        "int, SeedSequence, Generator or None",
        "0",
        "Source of randomness. A number gives the same result each time, None another one.",
        {"simulate_muvi": ("20220824", "the embedded study, of which docs and lessons speak")},
    ),
    "client": Parameter(
        "dask.distributed.Client",
        "None",
        "Where the work is done instead of in `n_jobs` processes here. No result depends on it. "
        "Folders and files that are named must be the same for all workers.",
    ),
    "n_jobs": Parameter(
        "int",
        "1",
        "Workers: a whole number from 1, or -1 for all cores. No result depends on it.",
        dict.fromkeys(
            (
                "deep.compare_architectures",
                "deep.network_models",
                "deep.protocol_effects",
                "deep.transfer_recovery",
            ),
            ("-1", "networks train for hours"),
        ),
    ),
    "progress": Parameter(
        "bool",
        "True",
        "Whether to show a bar, on a terminal only.",
        {"write_report": ("None", "it takes a function that is told of each step")},
    ),
    "cache": Parameter(
        "bool or path",
        "True",
        "Whether and where what is finished is kept, so that a run that was cut off goes on: in "
        "the user's cache folder (or the one that `MUVISTATS_CACHE` names), nowhere, or here.",
    ),
    "overwrite": Parameter("bool", "False", "Whether to replace what is there."),
    # tests
    "continuity": Parameter(
        "bool", "True", "Whether the normal approximation of p is corrected for continuity by 1/2."
    ),
    "equivalence_margin": Parameter(
        "float",
        "0.1125",
        "Rank-biserial correlations nearer to 0 than this count as no difference. By default that "
        "of two normal distributions 0.2 standard deviations apart.",
    ),
    "correction": Parameter(
        '{"first", "second"} or both',
        "('first', 'second')",
        "Correction by the mean design effect, or by all of them.",
        {
            "bilder_loughin": (
                "('first', 'second', 'bootstrap')",
                "its statistic has no distribution of its own, so the bootstrap is one more way",
            )
        },
    ),
    "ddof": Parameter("{0, 1}", "0", "Moments of the concordance by 1/n or 1/(n - 1)."),
    "window": Parameter(
        "float",
        REQUIRED,
        "Length of a window in s.",
        {
            "agreement_over_time": ("10.0", "raters follow within some seconds"),
            "over_time": ("None", "single samples are compared"),
            "rates_of_change": ("None", "a change is measured over two steps"),
            "dominance_over_time": ("15.0", "items must move within a window"),
            "audio.extract": ("0.5", "the step of the ratings"),
        },
    ),
    "hop": Parameter(
        "float",
        "0.5",
        "Time between the starts of two windows in s.",
        dict.fromkeys(_WINDOWED, ("None", "windows stand side by side")),
    ),
    # models
    "family": Parameter(
        '{"gaussian", "binomial", "poisson"}',
        "'gaussian'",
        "Distribution of the response, with its link (identity, logit, log). A binomial response "
        "is 0 or 1, or has two levels; mixed models also take cumulative and beta ones (logit).",
        {"glm": ("'binomial'", "`linear_model` is the gaussian one")},
    ),
    "reml": Parameter("bool", "True", "Restricted likelihood; for gaussian only."),
    # prediction from features
    "model": Parameter(
        '{"lasso", "elastic_net", "ridge", "linear"}',
        "'lasso'",
        "The penalty: of absolute values, of both kinds, of squares, or none.",
    ),
    "sets": Parameter(
        "sequence of (str, str), optional",
        "None",
        "Modality of the ratings and features that predict them (``audio``, ``visual`` or "
        "``audio_visual``); the five of the paper's Table 4 where not given.",
    ),
    "inner": Parameter(
        '{"items", "frames"}',
        "'items'",
        "What the inner folds, which choose the penalty, hold out. ``frames`` is there to show "
        "what goes wrong: frames of a training item stand on both sides, and a model that knows "
        "them by heart looks good.",
    ),
    "n_folds": Parameter("int", "5", "Folds over items, and inner folds over training items."),
    "l1_ratio": Parameter(
        "float", "0.5", "Share of the absolute penalty of the elastic net, above 0 and up to 1."
    ),
    "patience": Parameter(
        "int, optional",
        "20",
        "Penalties without a lower inner error after which smaller ones are not tried; None tries "
        "the whole grid.",
    ),
    "kind": Parameter(
        '{"audio", "visual", "audio_visual"}, optional',
        "None",
        "Kind of features; what the features say of themselves where not given.",
        {
            "deep.unimodal": ("'audio'", "a network has one kind"),
            "label_prediction": ("'audio'", "the release has no visual features for all items"),
        },
    ),
    **OF_STUDIES,
}

"""One row per argument of the public functions: its type, its default and what it means."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

#: Default of arguments that have none.
REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument that means the same in every function that has it.

    Parameters
    ----------
    type : str
        Type, as docstrings write it.
    default : str
        Default as Python prints it, or `REQUIRED`.
    text : str
        Meaning, one or two sentences.
    exceptions : mapping of str to tuple of str
        Functions with another default: that default, and the reason for it.
    """

    type: str
    default: str
    text: str
    exceptions: Mapping[str, tuple[str, str]] = field(default_factory=dict)


_NO_DEFAULT = "the question is about this one thing"

PARAMETERS: dict[str, Parameter] = {
    # what is analysed
    "data": Parameter("DataTree or DataFrame", REQUIRED, "A study, or an annotation frame of one."),
    "frame": Parameter("DataFrame", REQUIRED, "Result of the function that the figure belongs to."),
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
            "MixedFit.contrasts": (REQUIRED, _NO_DEFAULT),
            "MixedFit.emmeans": (REQUIRED, _NO_DEFAULT),
            "demographic_model": (
                "'modality + gender + (years_of_training > 3) + familiar'",
                "the model of the paper's demographics",
            ),
            "label_models": (
                "'modality + gender + (years_of_training > 3) + familiar'",
                "the model of the paper's demographics",
            ),
            "normality": ("None", "without a factor all values are tested together"),
            "power_study": ("None", "the factor of the test"),
        },
    ),
    "dimension": Parameter(
        "str or sequence of str, optional",
        "None",
        "Rated dimensions; all that the question can be asked of where not given.",
    ),
    "labels": Parameter("sequence of str, optional", "None", "Labels; all where not given."),
    "item": Parameter(
        "str, int or iterable of these, optional",
        "None",
        "Items; all of them where not given.",
        {"plot_agreement_trajectory": (REQUIRED, _NO_DEFAULT)},
    ),
    "modality": Parameter(
        "str, int or iterable of these, optional",
        "None",
        "Modalities; all of them where not given.",
        {
            "audio_visual_contrast": ("'audiovisual'", "where both kinds of features are heard"),
            "modality_contribution": ("'audiovisual'", "the modality that the others add up to"),
        },
    ),
    "participant": Parameter(
        "str, int or iterable of these, optional",
        "None",
        "Participants; all of them where not given.",
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
        '{"within_item", "participant", "observed"}, optional',
        "None",
        "How the factor came to its values, where the study does not say it or is overruled.",
    ),
    "strata": Parameter(
        "str, optional",
        "None",
        "For factors of participants: another trait, within whose levels they are permuted.",
    ),
    "cluster": Parameter(
        "str or sequence of str, optional",
        "None",
        "Columns whose levels are sampled as a whole, such as ``participant`` and ``item``.",
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
    ),
    "n_jobs": Parameter(
        "int",
        "1",
        "Workers: a whole number from 1, or -1 for all cores. No result depends on it.",
    ),
    "progress": Parameter(
        "bool",
        "True",
        "Whether to show a bar, on a terminal only.",
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
            "audio.extract": ("0.5", "the step of the ratings"),
        },
    ),
    "hop": Parameter(
        "float",
        "0.5",
        "Time between the starts of two windows in s.",
        {"agreement_over_time": ("None", "windows stand side by side")},
    ),
    # models
    "family": Parameter(
        '{"gaussian", "binomial", "poisson"}',
        "'gaussian'",
        "Distribution of the response, with its canonical link (identity, logit, log). A binomial "
        "response is 0 or 1, or has two levels.",
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
        {"label_prediction": ("'audio'", "the release has no visual features for all items")},
    ),
    # studies, simulated and stored
    "test": Parameter(
        "str, callable, or sequence of these, optional",
        "None",
        "Tests by name, as ``kruskal_modality`` or ``chisquare_labels: gender``, or functions of "
        "your own; all tests where not given.",
        {"power_study": ("'kruskal_modality'", "sizes are planned for one test at a time")},
    ),
    "n_sims": Parameter(
        "int",
        "2000",
        "Simulated studies of each scenario or combination.",
        {
            "power_study": ("200", "power is read to some percent"),
            "deep.transfer_recovery": ("20", "each study trains networks"),
        },
    ),
    "n_items": Parameter(
        "int",
        "81",
        "Items of a study.",
        {
            "deep.simulate_transfer": ("40", "networks are trained on each study"),
            "deep.transfer_recovery": ("40", "networks are trained on each study"),
        },
    ),
    "n_participants": Parameter(
        "int",
        "49",
        "Participants of a study.",
        {"power_study": ("(24, 49, 98)", "sizes are what is compared")},
    ),
    "raters_per_cell": Parameter(
        "int",
        "5",
        "Raters of an item in a modality, over the lists that are used once.",
    ),
    "settings": Parameter(
        "SimulationSettings, optional",
        "None",
        "Sizes of the effects; those of a study like MuVi where not given.",
    ),
    "path": Parameter("path", REQUIRED, "A ``.zarr`` folder or a ``.nc`` file."),
    "folder": Parameter("path", REQUIRED, "Folder in the layout of the MuVi release."),
    "paths": Parameter("path or sequence of path", REQUIRED, "The files."),
    "items": Parameter(
        "sequence of str, optional",
        "None",
        "Item of each file; the name of the file without its suffix where not given.",
    ),
    "label_alignment": Parameter(
        '{"released", "corrected"}',
        "'released'",
        "Which trial the labels of a row belong to: the rows as they stand, or moved up by one "
        "within each participant.",
        {"from_frames": ("'as_recorded'", "the other two belong to MuVi")},
    ),
    "what": Parameter(
        '{"dynamic", "labels", "both"}',
        "'dynamic'",
        "What is excluded: the rated dimensions, the labels, or both.",
    ),
    # networks
    "protocol": Parameter(
        '{"strict", "paper", "released"} or Protocol',
        "'strict'",
        "How networks are trained, tested and scored.",
        {
            "deep.transfer_recovery": ("SMALL", "small networks show the same on small studies"),
            "deep.quick": (REQUIRED, _NO_DEFAULT),
        },
    ),
    "configurations": Parameter(
        "sequence of str or Configuration, optional",
        "None",
        "Names in `CONFIGURATIONS`, or others; the seven of Table 6 where not given.",
        {"deep.protocol_effects": ("('late_fusion', 'pair')", "the two that the paper compares")},
    ),
    "n_seeds": Parameter(
        "int", "1", "Trainings of each configuration, dimension and fold, from other weights."
    ),
    "n_repeats": Parameter(
        "int", "1", "Partitions of the items into folds; the first is the paper's."
    ),
    "n_steps": Parameter("int", "40", "Steps of half a second of each item."),
    "backend": Parameter(
        '{"tensorflow", "torch"}, optional',
        "None",
        "Backend of Keras; that of ``KERAS_BACKEND``, else TensorFlow, where not given.",
    ),
    "metrics": Parameter(
        'sequence of {"rmse", "mse", "ccc"}', "('rmse', 'ccc')", "Metrics that are compared."
    ),
    "models": Parameter("FeatureModels or NetworkModels", REQUIRED, "Fitted models."),
}

#: What a row of an answer can stand for, coarsest first. `level` takes these words and defaults to
#: the coarsest that the function knows.
LEVELS = {
    "summary": "the whole answer: one row for each question",
    "analysis": "each way to analyse a question",
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
    "label_alignment_check": ("999", "each permutes every variable at every lag"),
    "normality": ("999", "each fits the model of participants and items anew"),
    "power_study": ("199", "each is drawn in hundreds of simulated studies"),
}

#: Words of every verdict, by the function that gives it.
VERDICTS = {
    "compare_published": {
        "agrees": "our number rounds to the printed one, or lies on the printed side of a bound",
        "within sampling error": "it does not, but this is another sample than the paper's, and "
        "the difference is no more than chance gives",
        "differs": "it does not, on the paper's own rows or by more than chance gives",
        "not comparable": "one of the two numbers is missing",
    },
    "sensitivity_table": {
        "holds": "a published difference that both analyses of the design find in its direction",
        "weakens": "one that only one of the two finds",
        "does not survive": "one that neither finds",
        "stays null": "no difference was published, and none is found",
        "emerges": "no difference was published, and both find one in the same direction",
        "undecided": "one of the two analyses is not defined",
    },
    "calibration": {
        "at the level": "the rate of false alarms is that which was asked for",
        "liberal": "there are more false alarms than that",
        "conservative": "there are fewer",
    },
}

_HEADS = ("Returns", "Yields", "Raises", "Warns", "See Also", "Notes", "References", "Examples")


def documented(function: F) -> F:
    """Write the texts of shared arguments into the docstring of a public function."""
    function.__doc__ = with_parameters(function)
    return function


def with_parameters(function: Callable[..., Any]) -> str:
    """Docstring whose Parameters section names every argument, in the order of the signature.

    An argument that the docstring describes keeps its own words; the words of the others are
    those of `PARAMETERS`.
    """
    before, own, after = split_docstring(inspect.cleandoc(function.__doc__ or ""))
    entries = []
    rest = dict(own)
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self":
            continue
        if name in own:
            entries.append(rest.pop(name))
        elif name in PARAMETERS:
            entries.append(_entry(name, parameter.annotation))
    section = "\n".join(
        ["Parameters", "----------", *dict.fromkeys([*entries, *rest.values()]), "", ""]
    )
    return f"{before}\n\n{section if entries or rest else ''}{after}".rstrip() + "\n"


def split_docstring(doc: str) -> tuple[str, dict[str, str], str]:
    """What stands before the parameters, the entry of each parameter, and what comes after."""
    section = re.search(r"^Parameters\n-+\n", doc, re.MULTILINE)
    start = section.start() if section else None
    follows = re.search(rf"^(?:{'|'.join(_HEADS)})\n-+$", doc, re.MULTILINE)
    end = follows.start() if follows else len(doc)
    if section is None or start is None:
        return doc[:end].rstrip(), {}, doc[end:]
    own = {}
    for entry in re.split(r"\n(?=\S)", doc[section.end() : end].strip()):
        for name in entry.partition(" : ")[0].split(", "):
            own[name.strip()] = entry
    return doc[:start].rstrip(), own, doc[end:]


def _entry(name: str, annotation: Any) -> str:
    """Entry of a shared argument; choices and kinds of data are those of the signature."""
    shared = PARAMETERS[name]
    kind, text = shared.type, shared.text
    written = str(annotation)
    if choices := re.fullmatch(r"Literal(\[.*\])", written, re.DOTALL):
        kind = "{" + ", ".join(f'"{each}"' for each in ast.literal_eval(choices[1])) + "}"
    if name == "data" and "DataFrame" not in written and written != "Data":
        kind, text = "DataTree", "The study."
    lines = textwrap.wrap(text, 95)
    return "\n".join([f"{name} : {kind}", *(f"    {line}" for line in lines)])

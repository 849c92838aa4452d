"""One row per result column: its name, its type and what it means, the same in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["GLOSSARY", "Column"]

Kind = Literal["text", "number", "integer", "truth"]


@dataclass(frozen=True, slots=True)
class Column:
    """A result column.

    Parameters
    ----------
    name : str
        Column name.
    kind : {"text", "number", "integer", "truth"}
        Scalar type of its values: ``str``, ``float64``, ``int64`` or ``bool`` in the frame.
    description : str
        Meaning, with units where it has them.
    """

    name: str
    kind: Kind
    description: str


_ROWS: tuple[tuple[str, Kind, str], ...] = (
    # keys
    ("dimension", "text", "rated dimension, for example arousal"),
    ("modality", "text", "modality of presentation; `all` for every modality together"),
    ("modality1", "text", "first modality of a pair"),
    ("modality2", "text", "second modality of a pair"),
    ("participant", "text", "rater; `all` for everybody together"),
    ("item", "text", "item; `all` for every item together"),
    ("trial", "integer", "order within the participant's session, from 1"),
    ("annotation", "integer", "running number of the annotation"),
    ("factor", "text", "grouping factor of the test, as written in the formula"),
    ("group", "text", "level of the factor"),
    ("group1", "text", "first group of a comparison"),
    ("group2", "text", "second group of a comparison"),
    ("variable", "text", "variable that is described"),
    ("level", "text", "level of a described factor; empty for a number"),
    ("label", "text", "emotion label, snake_case; `all` for every label together"),
    ("label1", "text", "first label of a pair"),
    ("label2", "text", "second label of a pair"),
    ("category", "text", "category of the label"),
    ("superfactor", "text", "superfactor of the label"),
    ("scope", "text", "which variation enters: total, within items or between items"),
    ("lag", "integer", "trials by which values were moved up before they met their item"),
    ("quantity", "text", "what the estimate measures"),
    # estimates
    ("estimate", "number", "estimate of the quantity named by `estimator` or `quantity`"),
    ("estimator", "text", "how the estimate was computed"),
    ("std_error", "number", "standard error of the estimate"),
    ("mean", "number", "arithmetic mean, on the stored scale"),
    ("median", "number", "median, on the stored scale"),
    ("sd", "number", "standard deviation, divisor n - 1"),
    ("minimum", "number", "smallest value"),
    ("q05", "number", "5% quantile (linear interpolation)"),
    ("q25", "number", "25% quantile (linear interpolation)"),
    ("q75", "number", "75% quantile (linear interpolation)"),
    ("q95", "number", "95% quantile (linear interpolation)"),
    ("maximum", "number", "largest value"),
    ("median1", "number", "median of the first group"),
    ("median2", "number", "median of the second group"),
    ("count", "integer", "number of annotations, labels or people counted"),
    ("share", "number", "count as a fraction of `n`"),
    ("label_share", "number", "count as a fraction of all labels chosen"),
    # tests
    ("statistic", "number", "test statistic named by `statistic_name`"),
    ("statistic_name", "text", "name of the test statistic"),
    ("df", "number", "degrees of freedom"),
    ("df_denom", "number", "denominator degrees of freedom"),
    ("p_value", "number", "p-value"),
    ("p_adjusted", "number", "p-value adjusted for the comparisons of the same family"),
    ("p_adjust_method", "text", "adjustment for multiple comparisons"),
    ("p_equivalence", "number", "p-value of the equivalence test (two one-sided tests)"),
    ("equivalence_margin", "number", "effect sizes smaller than this count as equivalent"),
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
    ("std_residual", "number", "standardized (adjusted) Pearson residual"),
    # counts
    ("n", "integer", "number of values that entered"),
    ("n1", "integer", "number of values in the first group"),
    ("n2", "integer", "number of values in the second group"),
    ("n_missing", "integer", "rows left out because a value is missing or masked"),
    ("n_annotations", "integer", "number of annotations"),
    ("n_participants", "integer", "number of participants"),
    ("n_items", "integer", "number of items"),
    # provenance
    ("method", "text", "name of the method"),
    ("dependence", "text", "`independent` takes rows as independent, `design` does not"),
    ("alignment", "text", "reading of the labels: released, corrected or as_recorded"),
    ("simulated", "truth", "whether the data is simulated"),
    ("warning", "text", "why a value is missing or to be read with care"),
    # the paper
    ("name", "text", "name of the published table or group of values"),
    ("section", "text", "section or table of the paper"),
    ("published", "number", "value that the paper prints"),
    ("printed", "text", "value as printed"),
    ("digits", "integer", "digits printed after the decimal point; negative for rounded tens"),
    ("difference", "number", "ours minus the published value"),
    ("verdict", "text", "agrees, within sampling error, differs or not comparable"),
    ("rule", "text", "rule behind the verdict"),
)

#: Every result column by name.
GLOSSARY: dict[str, Column] = {name: Column(name, kind, text) for name, kind, text in _ROWS}

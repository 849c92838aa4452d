"""Configurations compared in pairs: section 7.1's tests, and those that know of folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..arguments import (
    ADJUSTMENTS,
    DEPENDENCE,
    Dependence,
    check_choice,
    check_choices,
    check_conf_level,
    check_dependence,
)
from ..errors import DataError, DesignError
from ..results.frame import Rows, join_reasons, result_frame
from ..stats.shared.adjust import adjust_p
from ..types import Row
from .differences import METHODS, differences
from .score_frames import METRICS, SETTING, listed, readings, scores_of

Name = str | tuple[str, str, str]

#: Compared where they are there: section 7.1.2 and the controls.
DEFAULT_PAIRS = (
    ("pair", "lasso"),
    ("pair", "late_fusion"),
    ("pair", "early_fusion"),
    ("pair", "pair_control"),
    ("pair", "ridge_pair"),
    ("ridge_pair", "ridge"),
    ("ridge_pair", "ridge_control"),
)


@result_frame(
    "pair, target, metric and test",
    "group1 group2 modality features target metric estimate estimator std_error statistic",
    "statistic_name df p_value p_adjusted p_adjust_method conf_low conf_high conf_level",
    "effect_size effect_size_name mean1 mean2 n n_items n_clusters n_repeats n_seeds n_missing",
    "method dependence",
)
def paired_tests(
    frame: pd.DataFrame,
    *,
    pairs: Sequence[tuple[Name, Name]] | None = None,
    metrics: Sequence[str] = ("rmse", "ccc"),
    dependence: Dependence = DEPENDENCE,
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> Rows:
    """Compare configurations in pairs, item by item (section 7.1.2).

    Parameters
    ----------
    frame : DataFrame
        What `compare_architectures` returned; of several readings of the labels one below the
        other, if there are any.
    pairs : sequence of pairs, optional
        Configurations by name, ``("pair", "lasso")``, or by modality, features and name. A name
        that stands for several sets of modality and features means the one that the other has.
        Where not given, PAIR against LASSO, late fusion, early fusion and the control whose
        branches were pretrained on audiovisual ratings, as far as they are there.
    metrics : sequence of {"rmse", "mse", "ccc"}
        What is compared.

    Raises
    ------
    DataError
        When the frame lacks a column or a configuration, has no rows, or an item stands in it
        twice for one configuration, repeat and seed.
    DesignError
        For an argument that is none of its choices, or a name that means several configurations.

    See Also
    --------
    compare_architectures : The scores that are compared.
    summarise : Means over items.

    Notes
    -----
    All is first less second: a negative estimate in an error, and a positive one in the
    concordance, say that the first is better. The t = -11.7 that the paper prints "in terms of
    CCC" for valence has the sign of an error.

    Seeds are averaged within each repeat, then repeats, before anything is counted: `n_items` is
    the n of the first two tests, however many seeds there are. Only repeats that both have enter.
    Items that only one of them has, or whose score is undefined in one, are left out and counted
    in `n_missing`. `mean1` and `mean2` are means over items. `conf_low` and `conf_high` belong to
    `estimate`, not to the effect size.

    - *paired t test*: over items; effect size d_z, mean over standard deviation of the
      differences. It asks whether these networks differ on other items.
    - *Wilcoxon signed rank test*: over items; differences of 0 are left out (`n`). p is counted
      out up to 50 differences without ties, else by the normal approximation with corrections
      for ties and continuity. The estimate is Hodges and Lehmann's, the effect size the
      rank-biserial correlation.
    - *corrected resampled t test*: over the means of all folds of all repeats (`n`, J), whose
      variance is multiplied by ``1/J + n_test/n_train``, with J - 1 degrees of freedom. n_test is
      the mean number of items of a fold in the frame, n_train that of the other folds. With one
      repeat of five folds it has 4 degrees of freedom and little power. It asks whether the two
      ways of training differ, on other items and after other training sets.
    - *mixed model*: of the differences of single runs, with random intercepts of fold (within
      repeat), and, as far as there are several repeats or seeds, of item, of item within fold and
      of run (a seed in a fold); Satterthwaite's degrees of freedom. Seeds with the same number
      are taken together; LASSO, which has none, stands beside each of them. The overlap of
      training sets is not in the model. A variance estimated as 0 drops out and p is then about
      that of the paired t test; `warning` says so, and such p are too small where folds do differ.
      The effect size divides by the total standard deviation of a difference.

    None of the four is exact. Where networks of different folds differ in how good they are, the
    first two reject too often, and five folds tell the mixed model little of that variance: it is
    then estimated as 0 in many studies. What the overlapping training sets have in common is seen
    by none of them and allowed for by the corrected t test alone, best with one repeat: more
    repeats steady the mean and bring no new items. A null effect over new items *and* new training
    sets is therefore rejected too often by all but the corrected test, and somewhat too often by
    that one when there are many repeats.

    References
    ----------
    Nadeau, C., & Bengio, Y. (2003). Inference for the generalization error. Machine Learning,
    52(3), 239-281. https://doi.org/10.1023/A:1024068626366

    Wilcoxon, F. (1945). Individual comparisons by ranking methods. Biometrics Bulletin, 1(6),
    80-83. https://doi.org/10.2307/3001968

    Bates, D., Maechler, M., Bolker, B., & Walker, S. (2015). Fitting linear mixed-effects models
    using lme4. Journal of Statistical Software, 67(1), 1-48.
    https://doi.org/10.18637/jss.v067.i01

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from muvistats.deep import paired_tests
    >>> noise = np.random.default_rng(1).normal(0, 0.02, 40)
    >>> rows = pd.DataFrame(
    ...     {
    ...         "modality": "audiovisual", "features": "audio_visual",
    ...         "configuration": np.repeat(["pair", "lasso"], 20), "target": "arousal",
    ...         "repeat": 1, "fold": np.tile(np.arange(20) % 5 + 1, 2),
    ...         "seed": np.repeat([1, 0], 20), "item": np.tile([f"i{k}" for k in range(20)], 2),
    ...         "rmse": 0.2 + noise, "ccc": 0.4 - noise, "noise_ceiling": 0.8,
    ...     }
    ... )
    >>> found = paired_tests(rows, metrics=["rmse"])
    >>> found[["group1", "group2", "method", "n", "df"]].head(3).values.tolist()[0]
    ['pair', 'lasso', 'paired t test', 20, 19.0]
    """
    asked = check_dependence(dependence)
    check_conf_level(conf_level)
    check_choice("adjust", adjust, ADJUSTMENTS)
    chosen = check_choices("metrics", metrics, METRICS)
    scores = scores_of(frame, chosen)
    rows: list[Row] = []
    for origin, part in readings(scores):
        found = [
            row
            for pair in _pairs(part, pairs)
            for row in _pair_rows(part, pair, chosen, asked, conf_level)
        ]
        for test in METHODS:
            family = [row for row in found if row["test"] == test]
            p_values = adjust_p([row.get("p_value", np.nan) for row in family], adjust)
            for row, value in zip(family, p_values, strict=True):
                row |= {"p_adjusted": value, "p_adjust_method": adjust}
        rows += [{k: v for k, v in row.items() if k != "test"} | origin for row in found]
    return rows


class _Arm(NamedTuple):
    """A configuration of one modality and feature set."""

    modality: str
    features: str
    configuration: str


def _pairs(part: pd.DataFrame, pairs: object) -> list[tuple[_Arm, _Arm]]:
    """The configurations that are compared, each with its modality and features."""
    arms = [_Arm(*map(str, key)) for key in part[SETTING].drop_duplicates().to_numpy()]
    if pairs is None:
        names = {arm.configuration for arm in arms}
        there = [pair for pair in DEFAULT_PAIRS if set(pair) <= names]
        if not there:
            raise DataError(
                "none of the default pairs is there; name others by pairs",
                column="configuration",
                found=", ".join(sorted(names)),
                expected=", ".join("pair and " + second for _, second in DEFAULT_PAIRS),
            )
        return [_resolve(pair, arms) for pair in there]
    if not isinstance(pairs, Sequence) or isinstance(pairs, str) or not len(pairs):
        raise DesignError(f"pairs must be a list of pairs of configurations, not {pairs!r}")
    for pair in pairs:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise DesignError(f"a pair is two configurations, not {pair!r}")
    return [_resolve(pair, arms) for pair in pairs]


def _resolve(pair: Sequence[object], arms: list[_Arm]) -> tuple[_Arm, _Arm]:
    first, second = (_candidates(name, arms) for name in pair)
    shared = {arm[:2] for arm in first} & {arm[:2] for arm in second}
    if len(first) > 1 and len(shared) == 1:
        first = [arm for arm in first if arm[:2] in shared]
    if len(second) > 1 and len(shared) == 1:
        second = [arm for arm in second if arm[:2] in shared]
    for name, found in zip(pair, (first, second), strict=True):
        if len(found) > 1:
            sets = "; ".join(f"{arm.modality}, {arm.features}" for arm in found)
            raise DesignError(
                f"configuration {name!r} is there for several modalities and features ({sets}): "
                "name it by modality, features and configuration"
            )
    if first == second:
        raise DesignError(f"configuration {pair[0]!r} is compared with itself")
    return first[0], second[0]


def _candidates(name: object, arms: list[_Arm]) -> list[_Arm]:
    if isinstance(name, str):
        found = [arm for arm in arms if arm.configuration == name]
        known = dict.fromkeys(arm.configuration for arm in arms)
    elif isinstance(name, Sequence) and len(name) == 3 and all(isinstance(x, str) for x in name):
        found = [arm for arm in arms if arm == tuple(name)]
        known = dict.fromkeys("/".join(arm) for arm in arms)
    else:
        raise DesignError(
            f"a configuration is a name, or modality, features and name (text), not {name!r}"
        )
    if not found:
        raise DataError(
            "no such configuration in the frame",
            column="configuration",
            found=name if isinstance(name, str) else "/".join(map(str, name)),
            expected=", ".join(known),
        )
    return found


def _pair_rows(
    part: pd.DataFrame,
    pair: tuple[_Arm, _Arm],
    metrics: tuple[str, ...],
    asked: tuple[str, ...],
    conf_level: float,
) -> list[Row]:
    first, second = (
        part[(part[SETTING].astype(str) == pd.Series(arm, index=SETTING)).all(axis=1)]
        for arm in pair
    )
    keys, note = _keys(*pair)
    targets = pd.concat([first["target"], second["target"]]).unique()
    rows: list[Row] = []
    for target in targets:
        sides = [side[side["target"] == target] for side in (first, second)]
        for metric in metrics:
            data = differences(sides[0], sides[1], metric)
            common = keys | {"target": target, "metric": metric, "conf_level": conf_level}
            common |= data.columns()
            known = [listed(side["warning"]) for side in sides if "warning" in side]
            for name, (dependence, statistic, test) in METHODS.items():
                if dependence not in asked:
                    continue
                row = common | {"test": name, "method": name, "dependence": dependence}
                row["statistic_name"] = statistic
                problem = data.problem()
                found = {"warning": problem} if problem else test(data, conf_level)
                reason = join_reasons(note, str(found.get("warning", "")), *dict.fromkeys(known))
                rows.append(row | found | {"warning": reason})
    return rows


def _keys(first: _Arm, second: _Arm) -> tuple[Row, str]:
    """Columns that name a pair; those in which the two differ stand in the groups' names."""
    if first[:2] == second[:2]:
        return {
            "group1": first.configuration,
            "group2": second.configuration,
            "modality": first.modality,
            "features": first.features,
        }, ""
    note = "" if first.modality == second.modality else "ratings of different modalities"
    return {
        "group1": "/".join(first),
        "group2": "/".join(second),
        "modality": first.modality if first.modality == second.modality else None,
        "features": first.features if first.features == second.features else None,
    }, note

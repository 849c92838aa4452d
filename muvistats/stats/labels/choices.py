"""Answers to a choose-one question beside what was intended: confusions and hit rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from ...arguments import check_cluster, check_text
from ...dataset.own_labels import takes_labels
from ...errors import DataError
from ...kernels.raters.categories import clustered_errors
from ...results.frame import Rows, result_frame
from ...types import Data, Floats, Ints, Mask, Names, Row
from ..agreement.chance_corrected import by_modality
from ..shared.study import choices_of, codes_of, in_one_modality, need, to_frame


@dataclass(frozen=True)
class _Answers:
    """Answers of one modality.

    Parameters
    ----------
    intended, chosen : ndarray of int, shape (n,)
        Category that was intended and that was chosen.
    item : ndarray of int, shape (n,)
        Item of each answer.
    people : ndarray of int, shape (n,), or None
        Who answered, where it is known.
    """

    intended: Ints
    chosen: Ints
    item: Ints
    people: Ints | None

    def errors(self, influence: Floats, clusters: tuple[str, ...]) -> Floats:
        """Standard errors of statistics with these influences."""
        units = {"item": self.item, "participant": self.people}
        kinds = [units[kind] for kind in clusters]
        known = tuple(
            pd.factorize(codes)[0].astype(np.intp) for codes in kinds if codes is not None
        )
        if not known or min(int(codes.max()) + 1 for codes in known) < 2:
            return np.full(influence.shape[1], np.nan)
        return clustered_errors(influence, known)

    def n_clusters(self, use: Mask, clusters: tuple[str, ...]) -> int:
        """Smallest number of clusters of a kind among some answers."""
        units = {"item": self.item, "participant": self.people}
        kinds = [units[kind] for kind in clusters]
        return min((len(np.unique(codes[use])) for codes in kinds if codes is not None), default=0)


def _read(
    data: Data, intended: str
) -> tuple[list[str], dict[str, tuple[_Answers, dict[str, int]]]]:
    """Categories, and the answers of each modality with how many are left out, by intention."""
    frame = in_one_modality(to_frame(data))
    need(frame, "item", "modality")
    chosen, names = choices_of(frame)
    check_text("intended", intended)
    if intended not in frame:
        raise DataError(
            "no column says what was intended; give it to from_frames with the items, or name it",
            file="intended",
            column=intended,
            expected=", ".join(str(c) for c in frame.columns if c not in names),
        )
    meant = pd.Index(names).get_indexer(pd.Index(frame[intended].astype("str")))
    if (meant < 0).all():
        raise DataError(
            "what was intended is none of the answers",
            column=intended,
            found=", ".join(map(str, frame[intended].dropna().unique()[:5])),
            expected=", ".join(names),
        )
    item = codes_of(frame["item"])
    people = codes_of(frame["participant"]) if "participant" in frame else None
    parts = {}
    for modality, rows in by_modality(frame):
        use = rows & (chosen >= 0) & (meant >= 0)
        answers = _Answers(
            meant[use], chosen[use], item[use], None if people is None else people[use]
        )
        lost = np.bincount(meant[rows & ~use & (meant >= 0)], minlength=len(names)).tolist()
        by_label = dict(zip(names, lost, strict=True))
        parts[modality] = answers, {**by_label, "all": int((rows & ~use).sum())}
    return names, parts


@result_frame(
    "modality, intended label and label that was chosen",
    "modality intended label count share conf_low conf_high conf_level n n_items n_participants",
    "n_missing method",
)
@takes_labels
def confusion_matrix(
    data: Data,
    *,
    intended: str = "intended",
    cluster: Names = ("item", "participant"),
    conf_level: float = 0.95,
) -> Rows:
    """How often each label was chosen where each was intended.

    Parameters
    ----------
    intended : str
        Column with the label that an item was meant to show.

    Raises
    ------
    DataError
        When people did not choose one label each, or no column says what was intended.

    See Also
    --------
    hit_rates : The diagonal, and corrected for labels that are chosen all the time.

    Notes
    -----
    `share` is the count among the answers to items with this intention (`n`). Its interval, on the
    scale of log odds, has errors clustered by items and by participants, as `hit_rates` explains.
    Answers to these items that are missing or excluded count in `n_missing`.

    References
    ----------
    Wagner, H. L. (1993). On measuring performance in category judgment studies of nonverbal
    behavior. Journal of Nonverbal Behavior, 17(1), 3-28. https://doi.org/10.1007/BF00987006

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import confusion_matrix, from_votes
    >>> votes = pd.DataFrame({"item": list("abcd"), "joy": [4, 3, 1, 0], "fear": [0, 1, 3, 4]})
    >>> items = pd.DataFrame({"item": list("abcd"), "intended": ["joy", "joy", "fear", "fear"]})
    >>> study = from_votes(votes, labels=["joy", "fear"], items=items)
    >>> confusion_matrix(study)["share"].tolist()
    [0.875, 0.125, 0.125, 0.875]
    """
    clusters = check_cluster(cluster)
    names, parts = _read(data, intended)
    rows: list[Row] = []
    for modality, (answers, n_missing) in parts.items():
        for code, name in enumerate(names):
            use = answers.intended == code
            if not use.any():
                continue
            counts = np.bincount(answers.chosen[use], minlength=len(names))
            share = counts / use.sum()
            influence = np.zeros((len(use), len(names)))
            influence[use] = (answers.chosen[use, None] == np.arange(len(names))) - share
            errors = answers.errors(influence / use.sum(), clusters)
            base = _base(answers, use, clusters, conf_level) | {
                "modality": modality,
                "intended": name,
                "n_missing": n_missing[name],
            }
            df = answers.n_clusters(use, clusters) - 1
            rows += [
                base
                | {"label": label, "count": int(counts[i]), "share": share[i]}
                | _interval(float(share[i]), float(errors[i]), df, conf_level)
                for i, label in enumerate(names)
            ]
    return rows


@result_frame(
    "modality, quantity and intended label",
    "modality label quantity estimate conf_low conf_high conf_level chance count n n_items",
    "n_participants n_missing method",
)
@takes_labels
def hit_rates(
    data: Data,
    *,
    intended: str = "intended",
    cluster: Names = ("item", "participant"),
    conf_level: float = 0.95,
) -> Rows:
    """How often the intended label was chosen, as it is and corrected for chance.

    Parameters
    ----------
    intended : str
        Column with the label that an item was meant to show.

    Raises
    ------
    DataError
        When people did not choose one label each, or no column says what was intended.

    See Also
    --------
    confusion_matrix : What was chosen in place of it.

    Notes
    -----
    With a confusion matrix of intended (rows) by chosen labels, the hit rate of a label is its
    diagonal cell over its row, and that of `all` the share of answers that hit. A label that is
    chosen all the time is hit by chance; the unbiased hit rate of Wagner (1993) multiplies the hit
    rate with the share of hits among the choices of that label, ``Hu = h^2 / (r c)``, and `all` is
    the mean over the labels that were intended. `chance` is what comes of guessing with the same
    preferences: the share of the column, and for Hu the product of the shares of row and column.

    Intervals stand for other items and other raters. Each answer's influence on the rate is summed
    over items and over participants; the two variances are added and that of single answers is
    taken off once (Cameron, Gelbach & Miller, 2011). Limits are t limits of the log odds, with the
    smaller number of clusters less one as degrees of freedom. Where it is not known who answered,
    errors are clustered by items alone. A rate of 0 or 1 has no interval. In simulated studies
    with 20 items and 20 raters, both with effects on recognition, limits of 95% held the true hit
    rate in 95 of 100, and the unbiased one in 94.

    Answers that are missing or excluded are left out and counted in `n_missing`. A rate without any
    answer is NaN, and `warning` says why.

    References
    ----------
    Wagner, H. L. (1993). On measuring performance in category judgment studies of nonverbal
    behavior. Journal of Nonverbal Behavior, 17(1), 3-28. https://doi.org/10.1007/BF00987006

    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway
    clustering. Journal of Business & Economic Statistics, 29(2), 238-249.
    https://doi.org/10.1198/jbes.2010.07136

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import from_votes, hit_rates
    >>> votes = pd.DataFrame({"item": list("abcd"), "joy": [4, 3, 1, 0], "fear": [0, 1, 3, 4]})
    >>> items = pd.DataFrame({"item": list("abcd"), "intended": ["joy", "joy", "fear", "fear"]})
    >>> study = from_votes(votes, labels=["joy", "fear"], items=items)
    >>> hit_rates(study)["estimate"].round(4).tolist()
    [0.875, 0.875, 0.875, 0.7656, 0.7656, 0.7656]
    """
    clusters = check_cluster(cluster)
    names, parts = _read(data, intended)
    return [
        row | {"modality": modality, "n_missing": n_missing[row["label"]]}
        for modality, (answers, n_missing) in parts.items()
        for row in _rates(answers, names, clusters, conf_level)
    ]


def _rates(
    answers: _Answers, names: list[str], clusters: tuple[str, ...], conf_level: float
) -> Iterator[Row]:
    """Hit rates and unbiased hit rates, of all labels and of each that was intended."""
    n, k = len(answers.intended), len(names)
    meant = answers.intended[:, None] == np.arange(k)
    chosen = answers.chosen[:, None] == np.arange(k)
    hit = meant & chosen
    row, column, hits = (table.sum(axis=0) for table in (meant, chosen, hit))
    there = np.flatnonzero(row > 0)
    whole = np.full(n, fill_value=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = hits / row
        unbiased = np.where(hits > 0, hits**2 / (row * column), 0.0)
        of_rate = np.where(row > 0, meant * (hit - rate) / row, 0.0)
        relative = 2 * hit / hits - meant / row - chosen / column
        of_unbiased = np.where((hits > 0) & (row > 0), unbiased * relative, 0.0)
    right = hit.any(axis=1)
    kinds = (
        ("hit rate", rate, of_rate, column / n, right.mean(), (right - right.mean()) / n),
        (
            "unbiased hit rate",
            unbiased,
            of_unbiased,
            row * column / n**2,
            unbiased[there].mean() if len(there) else np.nan,
            of_unbiased[:, there].mean(axis=1) if len(there) else np.zeros(n),
        ),
    )
    guess = float((row * column).sum() / n**2) if n else np.nan
    for quantity, estimates, influence, chance, overall, of_overall in kinds:
        errors = answers.errors(np.column_stack([of_overall, influence]), clusters)
        df = answers.n_clusters(whole, clusters) - 1
        by_chance = guess if quantity == "hit rate" else float(chance[there].mean())
        yield {
            "label": "all",
            "quantity": quantity,
            "estimate": float(overall),
            "chance": by_chance,
            "count": int(hits.sum()),
            **_base(answers, whole, clusters, conf_level),
            **_interval(float(overall), float(errors[0]), df, conf_level),
        }
        for code in there:
            use = meant[:, code]
            df = answers.n_clusters(use, clusters) - 1
            yield {
                "label": names[code],
                "quantity": quantity,
                "estimate": float(estimates[code]),
                "chance": float(chance[code]),
                "count": int(hits[code]),
                **_base(answers, use, clusters, conf_level),
                **_interval(float(estimates[code]), float(errors[code + 1]), df, conf_level),
            }


def _base(answers: _Answers, use: Mask, clusters: tuple[str, ...], conf_level: float) -> Row:
    """Sizes of some answers, and how their errors are clustered."""
    people = answers.people
    known = [kind for kind in clusters if kind == "item" or people is not None]
    return {
        "conf_level": conf_level,
        "n": int(use.sum()),
        "n_items": len(np.unique(answers.item[use])),
        "n_participants": 0 if people is None else len(np.unique(people[use])),
        "method": f"errors clustered by {' and '.join(f'{kind}s' for kind in known) or 'nothing'}",
    }


def _interval(estimate: float, error: float, df: int, conf_level: float) -> Row:
    """Limits of a share by its log odds, or why there are none."""
    reason = ""
    if np.isnan(estimate):
        reason = "nothing was chosen"
    elif not 0 < estimate < 1:
        reason = "no interval: the share is 0 or 1"
    elif df < 1 or not error > 0:
        reason = "no interval: fewer than two items or raters, or all are alike"
    if reason:
        return {"warning": reason}
    odds = np.log(estimate / (1 - estimate))
    reach = stats.t.ppf((1 + conf_level) / 2, df) * error / (estimate * (1 - estimate))
    low, high = 1 / (1 + np.exp(-np.array([odds - reach, odds + reach])))
    return {"conf_low": float(low), "conf_high": float(high)}

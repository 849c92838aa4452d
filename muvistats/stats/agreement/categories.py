"""Agreement over all categories of a question with one answer."""

from __future__ import annotations

import numpy as np

from ...arguments import generator_of
from ...dataset.own_labels import takes_labels
from ...kernels.raters.categories import category_coefficients, category_sums
from ...kernels.sampling.bootstrap import percentile_interval
from ...results.frame import Rows, result_frame
from ...types import Data, Mask, Rng, Row
from ..shared.study import choices_of, in_one_modality, need, to_frame
from .chance_corrected import (
    by_modality,
    no_interval,
    resampled_sums,
    unit_sums,
    units_of,
    why_missing,
)
from .concordance import once_for_each_mask


@result_frame(
    "modality and coefficient",
    "modality estimator estimate conf_low conf_high conf_level n n_missing n_items",
    "n_participants n_resamples",
)
@takes_labels
def choice_agreement(
    data: Data,
    *,
    n_resamples: int = 2000,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """Agreement on the answer to a choose-one question, over all its categories.

    Raises
    ------
    DataError
        When people did not choose one label each.

    See Also
    --------
    label_agreement : Each category by itself, chosen or not.
    hit_rates : How often the intended category was chosen.

    Notes
    -----
    A unit is an item in a modality (and session); those with one answer cannot be paired and do not
    enter. With the shares of the categories in a unit, A is the mean over units of the share of
    pairs of raters who agree. Fleiss' kappa, ``(A - E) / (1 - E)``, takes ``E = sum p^2`` with p
    the mean of the units' shares; Gwet's AC1 ``E = sum p (1 - p) / (q - 1)`` with q categories;
    Krippendorff's alpha weighs units by their answers and corrects E for small samples. Intervals
    resample items. No coefficient needs to know who answered; `n_participants` is 0 where that is
    not known.

    Answers that are missing or excluded are left out and counted in `n_missing`.

    References
    ----------
    Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological
    Bulletin, 76(5), 378-382. https://doi.org/10.1037/h0031619

    Gwet, K. L. (2008). Computing inter-rater reliability and its variance in the presence of high
    agreement. British Journal of Mathematical and Statistical Psychology, 61(1), 29-48.
    https://doi.org/10.1348/000711006X126600

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import choice_agreement, from_votes
    >>> votes = pd.DataFrame({"item": ["a", "b"], "joy": [4, 1], "fear": [0, 3]})
    >>> study = from_votes(votes, labels=["joy", "fear"])
    >>> choice_agreement(study, n_resamples=0)["estimate"].round(3).tolist()
    [0.467, 0.533, 0.529]
    """
    frame = in_one_modality(to_frame(data))
    need(frame, "item", "modality")
    codes, names = choices_of(frame)
    generator = generator_of(rng)

    def rows_of(use: Mask) -> list[Row]:
        part, chosen = frame[use], codes[use]
        units = units_of(part)
        sums, items = unit_sums(part, units, lambda u, n: category_sums(chosen, u, n, len(names)))
        draws = category_coefficients(resampled_sums(sums, items, n_resamples, generator))
        total = sums.sum(axis=0)
        entered, n = items[sums[:, 0] > 0], int(total[1])
        silent = no_interval(entered, n_resamples)
        known = "participant" in part
        rows: list[Row] = []
        for estimator, estimate in category_coefficients(total).items():
            low, high = percentile_interval(
                draws[estimator][:0] if silent else draws[estimator], conf_level
            )
            rows.append(
                {
                    "estimator": estimator,
                    "estimate": float(estimate),
                    "conf_low": float(low),
                    "conf_high": float(high),
                    "conf_level": conf_level,
                    "n": n,
                    "n_items": len(np.unique(entered)),
                    "n_participants": part["participant"].nunique() if known else 0,
                    "n_resamples": n_resamples,
                    "warning": why_missing(float(estimate), n, float(low), silent),
                }
            )
        return rows

    once = once_for_each_mask(rows_of)
    return [
        row | {"modality": modality, "n_missing": int((codes[use] < 0).sum())}
        for modality, use in by_modality(frame)
        for row in once(use & (codes >= 0))
    ]

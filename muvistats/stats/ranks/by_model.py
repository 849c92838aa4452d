"""Groups that nobody assigned, compared by a crossed mixed model within items and participants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from ...errors import MuvistatsError
from ...kernels.ranks.effects import Effects
from ...results.frame import join_reasons
from ...types import Floats, Ints, Row
from ..models.mixed import mixed_model
from ..models.mixed_fit import MixedFit

#: Shares of a group that differ by less than this are equal.
_TIE = 1e-8


@dataclass(frozen=True)
class Modelled:
    """What the mixed model is fitted to.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value.
    k : int
        Number of groups.
    participant, item : ndarray of int, shape (n,)
        Codes of participant and item.
    modality : ndarray of int, shape (n,), or None
        Codes of the modality, which is adjusted for where it is not the factor itself.
    """

    values: Floats
    codes: Ints
    k: int
    participant: Ints
    item: Ints
    modality: Ints | None


@dataclass(frozen=True)
class Shift:
    """Adjusted means of groups.

    Parameters
    ----------
    effects : Effects
        Means less their weighted mean, with their covariance and degrees of freedom.
    sd : float
        Standard deviation of a value about its mean: participants, items and errors together.
    """

    effects: Effects
    sd: float

    @property
    def share(self) -> float:
        """Share of the variance that lies between the groups."""
        weights = self.effects.size / self.effects.size.sum()
        between = float(weights @ self.effects.effects**2)
        return between / (between + self.sd**2)

    def _difference(self) -> tuple[float, float]:
        weights = np.array([1.0, -1.0])
        return float(weights @ self.effects.effects), float(np.sqrt(self.effects.variance(weights)))

    def _delta(self, difference: float) -> float:
        """Rank-biserial correlation of two normal distributions that far apart."""
        return float(2 * stats.norm.cdf(difference / self.sd / np.sqrt(2)) - 1)

    def dominance(self, conf_level: float) -> tuple[float, float, float]:
        """Rank-biserial correlation of the first group against the second, with its limits."""
        difference, error = self._difference()
        half = float(stats.t.ppf((1 + conf_level) / 2, self.effects.df)) * error
        ends = (difference, difference - half, difference + half)
        delta, low, high = (self._delta(end) for end in ends)
        return delta, low, high

    def equivalence_p(self, margin: float) -> float:
        """p-value of the two one-sided tests that the correlation lies within the margin."""
        difference, error = self._difference()
        reach = float(stats.norm.ppf((1 + margin) / 2)) * self.sd * np.sqrt(2)
        above = stats.t.sf((difference + reach) / error, self.effects.df)
        below = stats.t.cdf((difference - reach) / error, self.effects.df)
        return float(max(above, below))


def _fitted(data: Modelled) -> tuple[MixedFit | None, str]:
    """The model, with the shares of the groups in each item and participant, or why not."""
    frame = pd.DataFrame(
        {
            "value": data.values,
            "group": pd.Categorical(
                [f"g{code}" for code in data.codes], [f"g{i}" for i in range(data.k)]
            ),
            "item": data.item.astype(str),
            "participant": data.participant.astype(str),
        }
    )
    terms, notes = ["group"], []
    if data.modality is not None and np.ptp(data.modality) > 0:
        frame["modality"] = data.modality.astype(str)
        terms.append("modality")
    single = len(np.unique(data.participant)) == len(frame)  # people who rated once have no effect
    people = "" if single else " + (1 | participant)"
    for key in ("item",) if single else ("item", "participant"):
        if (frame.groupby(key)["group"].nunique() < 2).all():
            notes.append(f"the factor does not vary within any {key}")
            continue
        for level in range(1, data.k):
            inside = (frame["group"] == f"g{level}").astype(float)
            share = inside.groupby(frame[key]).transform("mean")
            if share.max() - share.min() > _TIE:
                frame[f"{key}_share{level}"] = share
                terms.append(f"{key}_share{level}")
    formula = f"value ~ {' + '.join(terms)}{people} + (1 | item)"
    try:
        fit = mixed_model(frame, formula)
    except MuvistatsError as error:
        return None, join_reasons(f"no mixed model: {error}", *notes)
    return fit, join_reasons(*fit.reasons, *notes)


def _weights(fit: MixedFit) -> Floats:
    """Rows that pick the columns of the factor."""
    return np.eye(fit.design.fixed.matrix.shape[1])[fit.design.fixed.terms["group"]]


def _shift(fit: MixedFit, data: Modelled, df: float) -> Shift:
    size = np.bincount(data.codes, minlength=data.k).astype(np.float64)
    weights = np.vstack([np.zeros(fit.design.fixed.matrix.shape[1]), _weights(fit)])
    weights = (weights - size @ weights / size.sum())[:, fit.estimates.kept]
    covariance = weights @ fit.estimates.covariance @ weights.T
    effects = Effects(weights @ fit.estimates.beta, covariance[None], (1,), df, size)
    parts = fit.variance_components()
    spread = parts.loc[parts["quantity"] == "sd", "estimate"].to_numpy(dtype=np.float64)
    return Shift(effects, float(np.sqrt((spread**2).sum())))


def model_groups(data: Modelled) -> tuple[Row, Shift | None]:
    """Compare all groups by the model, and give their adjusted means.

    Parameters
    ----------
    data : Modelled
        Two groups or more.

    Returns
    -------
    row : dict
        Columns of the test.
    shift : Shift or None
        None where there is no estimate; the row says why.
    """
    fit, reason = _fitted(data)
    row: Row = {"statistic_name": "F", "warning": reason}
    if fit is None:
        return row, None
    weights = _weights(fit)
    tests = fit.inference(weights, 0.95)
    problem = join_reasons(*dict.fromkeys(test.get("warning", "") for test in tests))
    if problem:
        return row | {"warning": join_reasons(reason, problem)}, None
    joint = fit.joint(weights[:, fit.estimates.kept])
    return row | joint, _shift(fit, data, float(joint["df_denom"]))


def model_pair(data: Modelled, alternative: str) -> tuple[Row, Shift | None]:
    """Compare two groups by the model, first less second, and give their adjusted means.

    Parameters
    ----------
    data : Modelled
        Two groups.
    alternative : {"two-sided", "less", "greater"}
        Whether the first group differs, is lower or higher.

    Returns
    -------
    row : dict
        Columns of the test.
    shift : Shift or None
        None where there is no estimate; the row says why.
    """
    fit, reason = _fitted(data)
    row: Row = {
        "statistic_name": "t",
        "estimator": "difference of adjusted means",
        "warning": reason,
    }
    if fit is None:
        return row, None
    found = fit.inference(-_weights(fit), 0.95)[0]
    row["warning"] = join_reasons(reason, found.get("warning", ""))
    if np.isnan(found["statistic"]):
        return row, None
    t, df, p_value = found["statistic"], found["df"], found["p_value"]
    if alternative != "two-sided":
        p_value = float(stats.t.sf(t if alternative == "greater" else -t, df))
    row |= {"estimate": found["estimate"], "statistic": t, "df": df, "p_value": p_value}
    return row, _shift(fit, data, df)

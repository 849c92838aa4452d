"""Does transfer need a network? PAIR as a ridge regression (`linear_transfer`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from ..arguments import check_count
from ..dataset.access import study_on_unit_scale
from ..dataset.gate import takes_study
from ..kernels.regression.folds import fold_labels
from ..kernels.regression.prior_ridge import RidgeAxes
from ..results.frame import Rows, result_frame
from ..stats.agreement.gold import Gold
from ..stats.agreement.trajectories import noise_ceiling
from ..stats.prediction.inputs import KINDS, Inputs
from ..types import Floats, Ints, Mask, Names, Row
from .checks import check_items, check_needs, chosen_targets, network_inputs, prepared_study
from .configurations import CONFIGURATIONS
from .linear import Predicted, held_out_in, item_rows
from .protocols import Protocol, as_protocol
from .units import plan_units
from .windows import Sequences, entering_items

#: Penalties, in units of the number of rows.
_PENALTIES = tuple(10.0**power for power in np.arange(-4, 4.5, 0.5))

#: Folds over the training items that choose a penalty.
_INNER = 5

#: Where the prior of each configuration comes from: kind of features and modality of the ratings.
_PRIORS: dict[str, dict[str, str]] = {
    "ridge": {},
    "ridge_pair": dict(CONFIGURATIONS["pair"][0].pretrained),
    "ridge_control": dict(CONFIGURATIONS["pair_control"][0].pretrained),
}


@result_frame(
    "configuration, target, repeat, fold, seed and item",
    "modality features configuration target repeat fold seed item rmse mse ccc noise_ceiling n",
    "n_epochs method",
)
@takes_study
def linear_transfer(
    data: xr.DataTree,
    *,
    dimension: Names | None = None,
    protocol: str | Protocol = "strict",
    gold: Gold = "ewe",
    n_repeats: int = 1,
) -> Rows:
    """Error and concordance of PAIR as a ridge regression, on items that it has not seen.

    Parameters
    ----------
    data : DataTree
        A study of three modalities with ratings over time, audio and visual features.

    Raises
    ------
    DataError
        When the study lacks ratings, a modality, features or items that are needed.
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    compare_architectures : The networks, on the same folds and steps; rows of both can be joined.
    paired_tests : Tests of the pairs.

    Notes
    -----
    All three predict audiovisual ratings from audio and visual features by
    ``argmin |y - a - X b|^2 / n + penalty |s (b - prior)|^2``, with s the spreads of the features
    among the training rows. They differ in the prior mean of the coefficients:

    - ``ridge``: 0, as in every ridge regression.
    - ``ridge_pair``: the isolated solution. Music ratings give coefficients of the audio features,
      visual ratings those of the visual features, by a ridge regression each. They are weighted by
      least squares on their predictions of training items that they were not fitted to.
    - ``ridge_control``: the same from audiovisual ratings. What PAIR gains over it, it gains from
      ratings of music alone and picture alone.

    With an infinite penalty a prior stays as it is, like the frozen branches of a late fusion;
    with none it has no say. Penalties are chosen by folds over the training items, for the last
    step with a prior that was fitted without the items that judge it. No held-out item has a part
    in scales, penalties, weights or coefficients. Folds of items, and the time steps that are
    scored, are those of the networks; `seed` and `n_epochs` are 0.

    References
    ----------
    van Wieringen, W. N. (2015). Lecture notes on ridge regression. arXiv.
    https://doi.org/10.48550/arXiv.1509.09169

    Examples
    --------
    >>> from muvistats import simulate_muvi
    >>> from muvistats.deep import linear_transfer, paired_tests, quick
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> frame = linear_transfer(study, dimension="arousal", protocol=quick("strict"))
    >>> frame["configuration"].value_counts().to_dict()
    {'ridge': 9, 'ridge_pair': 9, 'ridge_control': 9}
    >>> paired_tests(frame, metrics=["ccc"])["group1"].unique().tolist()
    ['ridge_pair']
    """
    settings = as_protocol(protocol)
    n_repeats = check_count("n_repeats", n_repeats, least=1)
    wanted = (*CONFIGURATIONS["pair"], *CONFIGURATIONS["pair_control"])
    study = study_on_unit_scale(prepared_study(data, settings))
    targets = chosen_targets(study, dimension)
    check_needs(study, wanted)
    inputs = network_inputs(study, targets, wanted, gold)
    sequences = Sequences.of(inputs)
    check_items(sequences, plan_units(wanted, settings, targets, n_repeats, 1), settings)
    used = entering_items(sequences, settings.window)
    scored = np.zeros(len(inputs.x), dtype=bool)
    scored[sequences.starts(used, settings.window) + settings.window] = True
    found = noise_ceiling(study, level="item")
    keys = zip(found["dimension"], found["modality"], found["item"], strict=True)
    ceilings = dict(zip(keys, found["ccc"].astype(float), strict=True))
    rows: list[Row] = []
    for repeat in range(1, n_repeats + 1):
        folds = held_out_in(used, settings, repeat)
        for fit in _fits(inputs, targets, folds):
            base: Row = {
                "modality": fit.modality,
                "features": "audio_visual",
                "configuration": fit.configuration,
                "target": fit.target,
                "repeat": repeat,
                "seed": 0,
                "n_epochs": 0,
                "method": f"ridge regression, {settings.n_folds} folds of items, "
                f"protocol {settings.name}",
            }
            rows += item_rows(inputs, fit, base, scored, settings, ceilings)
    return [inputs.provenance | row for row in rows]


def _fits(inputs: Inputs, targets: Sequence[str], folds: Ints) -> list[Predicted]:
    """Predictions of all items by the folds that did not hold them."""
    usable = inputs.present["audio"] & inputs.present["visual"] & (folds >= 0)
    keys = [(name, target) for target in targets for name in _PRIORS]
    fitted = {key: np.full(len(inputs.x), np.nan) for key in keys}
    for number in range(int(folds.max()) + 1):
        fold = _Fold(inputs, usable & (folds != number))
        rows = (usable & (folds == number))[inputs.item]
        for name, target in keys:
            coefficients, intercept = fold.solution(target, _PRIORS[name])
            fitted[name, target][rows] = inputs.x[rows] @ coefficients + intercept
    notes = "; ".join(filter(None, (inputs.notes[kind] for kind in KINDS)))
    return [
        Predicted(name, "audiovisual", target, items, folds[items], fitted[name, target], notes)
        for name, target in keys
        for items in [np.flatnonzero(usable & inputs.rated(target, "audiovisual"))]
    ]


@dataclass(slots=True)
class _Fold:
    """Training items of a fold, and the axes of their features, each computed once."""

    inputs: Inputs
    training: Mask
    axes: dict[tuple[str, bytes], RidgeAxes] = field(default_factory=dict)

    def inner(self) -> list[tuple[Mask, Mask]]:
        """Items that are fitted and items that judge, by folds over the training items."""
        where = np.flatnonzero(self.training)
        labels = np.full(len(self.training), -1)
        labels[where] = fold_labels(len(where), min(_INNER, len(where)))
        return [
            (self.training & (labels != number), labels == number)
            for number in range(int(labels.max()) + 1)
        ]

    def rows(self, items: Mask, target: str, modality: str) -> tuple[Mask, Floats]:
        """Rows of some items that have a rating, and the ratings."""
        values = self.inputs.gold[
            self.inputs.dimensions.index(target), self.inputs.modalities.index(modality)
        ]
        use = items[self.inputs.item] & ~np.isnan(values)
        return use, values[use]

    def path(
        self,
        items: Mask,
        target: str,
        modality: str,
        features: str,
        penalties: Sequence[float] = _PENALTIES,
        prior: Floats | None = None,
    ) -> tuple[Floats, Floats]:
        """Coefficients and intercepts of the ridge regressions of some items."""
        use, y = self.rows(items, target, modality)
        x = self.inputs.x[use][:, self.inputs.features_of(features)]
        key = features, use.tobytes()
        if key not in self.axes:
            self.axes[key] = RidgeAxes.of(x)
        return self.axes[key].fit(x, y, penalties, prior)

    def errors(
        self, judging: Mask, target: str, modality: str, features: str, found: tuple[Floats, Floats]
    ) -> tuple[Floats, Floats]:
        """Squared errors on some items, one per penalty, and the predictions of these items."""
        use, y = self.rows(judging, target, modality)
        x = self.inputs.x[use][:, self.inputs.features_of(features)]
        fitted = x @ found[0].T + found[1]
        return ((y[:, None] - fitted) ** 2).sum(axis=0), fitted

    def alone(self, target: str, kind: str, modality: str) -> tuple[float, Floats]:
        """Penalty of one kind of features, and predictions of the items it was not fitted to."""
        total, held = np.zeros(len(_PENALTIES)), []
        for fitting, judging in self.inner():
            found = self.path(fitting, target, modality, kind)
            total += self.errors(judging, target, modality, kind, found)[0]
            held.append((judging, found))
        best = int(total.argmin())
        out = np.full(len(self.inputs.x), np.nan)
        for judging, (slopes, intercept) in held:
            rows = judging[self.inputs.item]
            x = self.inputs.x[rows][:, self.inputs.features_of(kind)]
            out[rows] = x @ slopes[best] + intercept[best]
        return _PENALTIES[best], out

    def solution(self, target: str, sources: dict[str, str]) -> tuple[Floats, float]:
        """Coefficients and intercept of a configuration."""
        chosen = {kind: self.alone(target, kind, source) for kind, source in sources.items()}
        weights = self.weights(target, [held for _, held in chosen.values()])

        def prior(items: Mask) -> Floats:
            out = np.zeros(self.inputs.x.shape[1])
            for (kind, (penalty, _)), weight in zip(chosen.items(), weights, strict=True):
                slopes, _ = self.path(items, target, sources[kind], kind, [penalty])
                out[self.inputs.features_of(kind)] = weight * slopes[0]
            return out[self.inputs.features_of("audio_visual")]

        total = np.zeros(len(_PENALTIES))
        own = target, "audiovisual", "audio_visual"
        for fitting, judging in self.inner():
            total += self.errors(judging, *own, self.path(fitting, *own, prior=prior(fitting)))[0]
        best = _PENALTIES[int(total.argmin())]
        slopes, intercept = self.path(self.training, *own, [best], prior(self.training))
        out = np.zeros(self.inputs.x.shape[1])
        out[self.inputs.features_of("audio_visual")] = slopes[0]
        return out, float(intercept[0])

    def weights(self, target: str, predictions: Sequence[Floats]) -> Floats:
        """Weights of predictions of training items in their audiovisual ratings."""
        use, y = self.rows(self.training, target, "audiovisual")
        columns = [held[use] for held in predictions]
        known = ~np.isnan(columns).any(axis=0) if columns else np.zeros(len(y), dtype=bool)
        table = np.column_stack([np.ones(len(y)), *columns])[known]
        solved = np.linalg.lstsq(table, y[known], rcond=None)[0]
        return np.asarray(solved[1:], dtype=float)

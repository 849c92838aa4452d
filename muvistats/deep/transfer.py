"""Is a transfer that is there found, and one that is not there not? Studies with a known truth."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ..arguments import (
    check_choices,
    check_conf_level,
    check_count,
    check_jobs,
    check_number,
    check_probability,
    generator_of,
)
from ..dataset.build import Features, feature_dataset
from ..dataset.tables import from_frames
from ..errors import DesignError
from ..features.attach import with_features
from ..files import FilePath, kept_folder, load_sealed, write_sealed
from ..kernels.contingency import clopper_pearson
from ..progress import terminal_progress
from ..results.frame import result_frame
from ..types import Floats, Rng, Row
from .backend import chosen_backend
from .comparison import compare_architectures
from .configurations import CONFIGURATIONS, Configuration
from .paired import paired_tests
from .protocols import Protocol, as_protocol
from .store import used_versions

#: Seconds from one step to the next, as in MuVi.
_STEP = 0.5

#: Noise of a rater of an isolated modality, and correlation of series from step to step.
_ISOLATED_NOISE, _MEMORY = 0.1, 0.9

#: Goes into the name of a kept file, so that a change of the simulation is not missed.
_FORMAT = "muvistats transfer 1"

#: Columns of a kept file that are text even where they are empty.
_TYPES = {"method": "str", "warning": "str", "alignment": "str", "item": "str"}

#: Small networks for many simulated studies.
SMALL: Protocol = replace(
    as_protocol("strict"),
    name="strict, small",
    units=(8, 8),
    dense_units=8,
    learning_rate=0.015,
    max_epochs=25,
    patience=5,
)


def _arm(number: int) -> Configuration:
    (pair,) = CONFIGURATIONS["pair"]
    return replace(pair, name=f"pair_permuted_{number}", permuted=number)


@dataclass(frozen=True)
class _Scenario:
    """What is simulated, trained and compared."""

    audiovisual_noise: float
    configurations: tuple[str | Configuration, ...]
    pairs: tuple[tuple[str, str], ...]


_SCENARIOS = {
    "transfer": _Scenario(
        0.8,
        ("late_fusion", "pair", "pair_control"),
        (("pair", "late_fusion"), ("pair", "pair_control")),
    ),
    "permuted": _Scenario(0.3, (_arm(1), _arm(2)), (("pair_permuted_1", "pair_permuted_2"),)),
}


def simulate_transfer(
    *,
    n_items: int = 40,
    n_steps: int = 40,
    n_features: int = 8,
    n_raters: int = 3,
    audiovisual_noise: float = 0.8,
    rng: Rng = 0,
) -> xr.DataTree:
    """Simulate a study whose isolated ratings say more about the features than its audiovisual.

    Parameters
    ----------
    n_items, n_steps : int
        Items, and steps of half a second of each.
    n_features : int
        Features of each kind.
    n_raters : int
        Raters of each item and modality; each rates one modality.
    audiovisual_noise : float
        Standard deviation of what a rater of the audiovisual items adds, before the cut to the
        scale; 0.1 for those of an isolated modality.
    rng : int, SeedSequence or Generator, optional
        Source of randomness.

    Returns
    -------
    DataTree
        A simulated study with the dynamic dimension `arousal` and features of both kinds.

    Raises
    ------
    DesignError
        When a number is too small.

    See Also
    --------
    transfer_recovery : How often the planted transfer is found.
    muvistats.simulate_muvi : A study without it.

    Notes
    -----
    Each kind of features is a linear mix, with noise, of two slow latent series, the product of
    which drives the emotion of its modality at the next step; the audiovisual emotion is the mean
    of both. Raters add noise that is slow too. So the isolated ratings teach a network the
    product, which the audiovisual ratings hardly do if they are as noisy as here.

    Examples
    --------
    >>> from muvistats.deep import simulate_transfer
    >>> study = simulate_transfer(n_items=6, n_steps=20)
    >>> dict(study["annotations"].sizes)["annotation"]
    54
    """
    n_items = check_count("n_items", n_items, least=2)
    n_steps = check_count("n_steps", n_steps, least=6)
    n_features = check_count("n_features", n_features, least=2)
    n_raters = check_count("n_raters", n_raters, least=2)
    if check_number("audiovisual_noise", audiovisual_noise) < 0:
        raise DesignError(f"audiovisual_noise must not be negative, not {audiovisual_noise!r}")
    generator = generator_of(rng)
    emotion: dict[str, npt.NDArray[Any]] = {}
    features: dict[str, npt.NDArray[Any]] = {}
    for kind, modality in (("audio", "music"), ("visual", "visual")):
        latent = _slow(generator, (n_items, 2, n_steps))
        product = np.tanh(latent[:, 0] * latent[:, 1])
        emotion[modality] = np.concatenate([product[:, :1], product[:, :-1]], axis=1)
        mix = generator.normal(size=(n_features, 2))
        noise = generator.normal(scale=0.3, size=(n_items, n_steps, n_features))
        features[kind] = np.einsum("ilt,fl->itf", latent, mix) + noise
    emotion["audiovisual"] = (emotion["music"] + emotion["visual"]) / 2
    items = [f"item{i + 1:02d}" for i in range(n_items)]
    time = _STEP * np.arange(n_steps)
    parts = []
    for place, (modality, values) in enumerate(emotion.items()):
        scale = audiovisual_noise if modality == "audiovisual" else _ISOLATED_NOISE
        noise = scale * _slow(generator, (n_items, n_raters, n_steps))
        rated = np.clip(0.7 * values[:, None] + noise, -1, 1)
        raters = [f"p{place * n_raters + r + 1:02d}" for r in range(n_raters)]
        index = pd.MultiIndex.from_product([items, raters, time])
        keys = index.to_frame(index=False, name=["item", "participant", "time"])
        parts.append(keys.assign(modality=modality, arousal=rated.ravel()))
    study = from_frames(
        dynamics=pd.concat(parts, ignore_index=True),
        dimensions=["arousal"],
        study="transfer",
        source="simulate_transfer",
        simulated=True,
    )
    for kind, block in features.items():
        names = [f"{kind}_{f + 1}" for f in range(n_features)]
        study = with_features(study, _dataset(kind, items, time, block, names))
    return study


def _slow(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Series along the last axis with variance 1 and correlation .9 from step to step."""
    noise = generator.normal(size=shape)
    out = np.empty(shape)
    out[..., 0] = noise[..., 0]
    for step in range(1, shape[-1]):
        fresh = np.sqrt(1 - _MEMORY**2) * noise[..., step]
        out[..., step] = _MEMORY * out[..., step - 1] + fresh
    return out


def _dataset(
    kind: str, items: list[str], time: npt.NDArray[Any], values: npt.NDArray[Any], names: list[str]
) -> xr.Dataset:
    features = Features(values, items, names, ["simulated"] * len(names))
    dataset = feature_dataset(kind, features, time=time)
    dataset.attrs["kind"] = kind
    return dataset


_COLUMNS = (
    "scenario group1 group2 metric method dependence null mean sd estimate estimator conf_low",
    "conf_high conf_level alpha n_rejected n n_undefined n_items",
)


@result_frame("scenario, pair, metric and test", *_COLUMNS)
def transfer_recovery(
    *,
    scenarios: Sequence[str] | None = None,
    n_sims: int = 20,
    n_items: int = 40,
    n_steps: int = 40,
    protocol: str | Protocol = SMALL,
    alpha: float = 0.05,
    conf_level: float = 0.95,
    rng: int = 0,
    backend: str | None = None,
    n_jobs: int = -1,
    cache: bool | FilePath = True,
    progress: bool = True,
) -> list[Row]:
    """How often `paired_tests` find a transfer that is there, and one that is not.

    Parameters
    ----------
    scenarios : sequence of {"transfer", "permuted"}, optional
        In ``"transfer"`` the isolated ratings carry signal, and PAIR is compared with late fusion
        and with the control that is pretrained on audiovisual ratings for as many steps. In
        ``"permuted"`` two PAIR arms are compared whose pretraining saw the ratings of other items,
        by two independent permutations: there is nothing to find. Both where not given.
    n_items, n_steps : int
        Size of a study.
    protocol : str or Protocol
        How networks are trained; small ones where not given.
    alpha : float
        Level of the tests.
    rng : int
        Source of randomness; study i has the same numbers whatever `n_sims` is.

    Raises
    ------
    DesignError
        For an unknown scenario, or a number that is too small.
    MissingExtraError
        When Keras or the backend is not installed.

    See Also
    --------
    simulate_transfer : One such study.
    network_models : What is asked to find it.

    Notes
    -----
    `estimate` is the share of studies whose p-value is at most `alpha`, with Clopper and Pearson's
    interval. Where `null` is true this is the rate of false alarms; elsewhere it is the power, and
    only studies count in which the first group is the better one. `mean` and
    `sd` are those of the difference, first less second group, over studies. All data is
    simulated (`simulate_transfer`; audiovisual noise 0.8 with transfer and 0.3 without).

    A study in which a test has no p-value (NaN) counts in `n_undefined` alone.

    References
    ----------
    Clopper, C. J., & Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated
    in the case of the binomial. Biometrika, 26(4), 404-413.
    https://doi.org/10.1093/biomet/26.4.404

    Examples
    --------
    >>> from muvistats.deep import quick, transfer_recovery
    >>> frame = transfer_recovery(
    ...     scenarios=["permuted"], n_sims=1, n_items=8, n_steps=12, protocol=quick("strict")
    ... )
    >>> bool(frame["null"].all())
    True
    """
    names = check_choices("scenarios", _SCENARIOS if scenarios is None else scenarios, _SCENARIOS)
    check_conf_level(conf_level)
    n_sims = check_count("n_sims", n_sims, least=1)
    check_probability("alpha", alpha)
    settings = as_protocol(protocol)
    engine = chosen_backend(backend)
    jobs = check_jobs(n_jobs)
    rows: list[Row] = []
    with kept_folder(cache, "transfer") as folder, terminal_progress(show=progress) as step:
        for place, name in enumerate(names):
            frames = []
            for index in range(n_sims):
                study = _Study(name, index, n_items, n_steps, settings, rng, engine)
                frames.append(_tested(study, folder, jobs))
                step(f"{name}, study {index + 1}", place * n_sims + index + 1, len(names) * n_sims)
            tests = pd.concat(frames, ignore_index=True)
            rows += _rates(name, tests, n_items, alpha, conf_level)
    return rows


@dataclass(frozen=True)
class _Study:
    """One simulated study."""

    scenario: str
    index: int
    n_items: int
    n_steps: int
    protocol: Protocol
    rng: int
    backend: str


def _tested(study: _Study, folder: Path, n_jobs: int) -> pd.DataFrame:
    """Scores of one study's networks, kept when they are finished, and tests on them."""
    scenario = _SCENARIOS[study.scenario]
    what = [_FORMAT, asdict(study), asdict(scenario), used_versions(study.backend)]
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]
    entry = folder / f"{study.scenario}-{study.index}-{key}.csv"
    kept = load_sealed(entry)
    if kept is None:
        made = _trained(study, folder / entry.stem, n_jobs)
        kept = made.to_csv(index=False, float_format="%.17g").encode()
        write_sealed(entry, kept)
        shutil.rmtree(folder / entry.stem, ignore_errors=True)
    frame = pd.read_csv(io.BytesIO(kept), dtype=_TYPES)
    tests: pd.DataFrame = paired_tests(frame, pairs=scenario.pairs, adjust="none")
    return tests


def _trained(study: _Study, cache: Path, n_jobs: int) -> pd.DataFrame:
    scenario = _SCENARIOS[study.scenario]
    seeds = np.random.SeedSequence([study.rng, study.index]).generate_state(2)
    tree = simulate_transfer(
        n_items=study.n_items,
        n_steps=study.n_steps,
        audiovisual_noise=scenario.audiovisual_noise,
        rng=int(seeds[0]),
    )
    frame: pd.DataFrame = compare_architectures(
        tree,
        configurations=scenario.configurations,
        protocol=study.protocol,
        linear=False,
        rng=int(seeds[1]),
        backend=study.backend,
        n_jobs=n_jobs,
        cache=cache,
        progress=False,
    )
    return frame


def _rates(
    name: str, tests: pd.DataFrame, n_items: int, alpha: float, conf_level: float
) -> list[Row]:
    """Rates of rejection of each pair, metric and test."""
    keys = ["group1", "group2", "metric", "method", "dependence"]
    rows: list[Row] = []
    null = name == "permuted"
    for values, part in tests.groupby(keys, sort=False, dropna=False):
        tested = part[part["p_value"].notna()]
        significant = tested[tested["p_value"] <= alpha]
        better = significant["estimate"] > 0 if values[2] == "ccc" else significant["estimate"] < 0
        right = len(significant) if null else int(better.sum())
        n, rejected = len(tested), right
        low, high = clopper_pearson([rejected], [n], conf_level)
        rows.append(
            dict(zip(keys, values, strict=True))
            | {
                "scenario": name,
                "null": null,
                "mean": part["estimate"].mean(),
                "sd": part["estimate"].std(),
                "estimate": rejected / n if n else np.nan,
                "estimator": "share of studies with p at most alpha"
                + ("" if null else " and the first group better"),
                "conf_low": low[0],
                "conf_high": high[0],
                "conf_level": conf_level,
                "alpha": alpha,
                "n_rejected": rejected,
                "n": n,
                "n_undefined": len(part) - n,
                "n_items": n_items,
                "simulated": True,
            }
        )
    return rows

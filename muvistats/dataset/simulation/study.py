"""A study with known truth: `simulate_muvi`, the embedded default."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...arguments import generator_of
from ...types import Ints, Rng
from ..build import Log, assemble
from ..gems import gems_taxonomy
from ..schema import MODALITIES, SAMPLING_INTERVAL
from .departures import ModalityHabits, draw_modality_habits, level_shift
from .design import Assignment, Design, draw_design
from .features import SimulatedFeatures, draw_features
from .labels import LabelTruth, draw_labels, draw_people
from .settings import DEFAULT_SEED, EFFECTS, SimulationSettings, active_effects, settings_of
from .signal import DIMENSIONS, Latents, Raters, draw_latents, draw_raters, move_cursors

STUDY = "MuVi, simulated"

#: Samples of a whole annotation: one minute, twice a second.
N_STEPS = 120

#: Largest number of items whose latent trajectories are kept in `/truth`.
_TRUTH_ITEMS = 1000

#: The one much shorter annotation of the release: its participant, and its samples.
_SHORTEST = ("23", 111)


def simulate_muvi(
    *,
    rng: Rng = DEFAULT_SEED,
    n_items: int = 81,
    n_participants: int = 49,
    assignment: Assignment = "balanced",
    features: bool = True,
    without: Iterable[str] = (),
    settings: SimulationSettings | None = None,
    raters_per_cell: int = 5,
    n_lists: int | None = None,
) -> xr.DataTree:
    """Simulate a study of music videos whose truth is known.

    Parameters
    ----------
    rng : int, SeedSequence, Generator or None
        Source of randomness. The default draws the embedded study, always the same; None draws
        a fresh one, whose seed stands in the attribute ``source``.
    n_items, n_participants : int
        Size of the study.
    assignment : {"balanced", "independent"}
        ``"balanced"``: fixed lists of trials, so that every item has the same number of raters in
        every modality, and two of five of them (rounded) see the axes overlaid on the video;
        nobody meets an item twice. ``"independent"``: each participant gets items at random, and
        modality and overlay are drawn freely for each trial.
    features : bool
        Whether to draw audio features (988, named as emobase does) and visual features (60).
    without : str or iterable of str
        Effects to switch off: ``"item"``, ``"participant"``, ``"modality"``,
        ``"modality_mean"`` (modality still matters for single items, but not on average),
        ``"gender"``, ``"training"``, ``"familiarity"``, ``"rater"``, ``"reaction_lag"``,
        ``"still_cursors"``, ``"short_annotations"``, ``"feature_signal"``. All other draws stay as
        they were.
    settings : SimulationSettings, optional
        Sizes of the effects; the defaults resemble the published study.
    raters_per_cell : int
        Raters of an item in a modality, over the lists that are used once (balanced), or on
        average (independent). With fewer than three times as many participants it is lowered to
        a third of their number.
    n_lists : int, optional
        Number of different lists (balanced). By default so many that a list has 30 trials or a
        few more, but at least three times `raters_per_cell` and at most one for each
        participant: 40 for the default size. Participants beyond them repeat lists 0, 1, ...
        trial for trial.

    Returns
    -------
    DataTree
        The study, with attribute ``simulated`` 1. `/truth` holds what it was drawn from: levels
        and trajectories of items (trajectories up to 1,000 items), habits of participants, label
        shifts, planted feature correlations, and the settings.

    Raises
    ------
    DesignError
        When no such design exists, or an effect to switch off has no such name.

    See Also
    --------
    Scenario : A null hypothesis for many simulated studies.
    read_muvi : The released study.

    Notes
    -----
    Items differ in level and in a smooth trajectory for each modality; sound and picture share
    part of it, and the audiovisual trajectory mixes both. Raters add their own level, gain and
    trajectory, react late, start at the centre, and move the cursor on a grid of 1/115 only when
    it is too far off. Labels are chosen independently by a logit that adds item, modality,
    participant, familiarity, gender and training, at least one per annotation. The file
    ``data/simulation/calibration.csv`` of the package shows the default draw beside the published
    statistics.

    The labels stand with the item that they were given to. The shift by one trial of the release
    is added by `write_muvi`.

    Memory grows with the number of annotations, not with items x participants.

    References
    ----------
    Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). Predicting emotion from music
    videos: exploring the relative contribution of visual and auditory information to affective
    responses. https://doi.org/10.48550/arXiv.2202.10453

    Examples
    --------
    >>> from muvistats import simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> study["annotations"].sizes["annotation"], study.attrs["simulated"]
    (108, 1)
    """
    effects = active_effects(without)
    settings = settings_of(settings)
    source, seed = _source_of(rng)
    streams = dict(zip(_STREAMS, source.spawn(len(_STREAMS)), strict=True))
    design = draw_design(
        streams["design"],
        n_items=n_items,
        n_participants=n_participants,
        assignment=assignment,
        raters_per_cell=raters_per_cell,
        n_lists=n_lists,
    )
    items = _item_names(n_items)
    people = draw_people(streams["people"], settings, n_participants)
    latents = draw_latents(streams["items"], settings, n_items, N_STEPS, effects)
    raters = draw_raters(streams["raters"], settings, n_participants, effects)
    lengths, samples = _lengths(streams["lengths"], settings, design, n_items, people, effects)
    n_labels = len(gems_taxonomy())
    habits = draw_modality_habits(
        streams["modality_habits"], settings, n_participants, n_labels, effects
    )
    labels, familiar, label_truth = draw_labels(
        streams["labels"],
        settings,
        design,
        latents,
        people,
        effects,
        person_level=raters.level,
        modality_liking=habits.liking,
    )
    shift = level_shift(settings, design, people, familiar, habits, effects)
    rated = move_cursors(streams["cursor"], settings, design, latents, raters, effects, shift)
    still = _still(streams["still"], settings, design, effects)
    rated[:, still] = 0.0
    rated[:, np.arange(N_STEPS) >= samples[:, None]] = np.nan
    drawn = (
        draw_features(streams["features"], settings, latents, items, lengths, effects)
        if features
        else {}
    )
    truth = _truth(items, people, latents, raters, design, label_truth, habits, drawn)
    return assemble(
        pd.DataFrame(
            {
                "item": np.array(items)[design.item],
                "modality": np.array(MODALITIES)[design.modality],
                "participant": people["participant"].to_numpy()[design.participant],
                "trial": design.trial,
                "familiar": familiar,
                "overlay": design.overlay,
            }
        ),
        dict(zip(DIMENSIONS, rated, strict=True)),
        participants=people,
        items=pd.DataFrame({"item": items, "release_order": np.arange(1, n_items + 1)}),
        labels=labels,
        label_table=gems_taxonomy(),
        time=np.arange(N_STEPS) * SAMPLING_INTERVAL,
        features={kind: made.features for kind, made in drawn.items()},
        truth=truth.assign_attrs(
            seed=seed,
            settings=settings.to_json(),
            effects=" ".join(name for name in EFFECTS if name in effects),
            without=" ".join(name for name in EFFECTS if name not in effects),
            design=design.note,
        ),
        study=STUDY,
        source=f"simulate_muvi, seed {seed}",
        simulated=True,
        log=_log(seed, design, effects),
    )


def _log(seed: object, design: Design, effects: AbstractSet[str]) -> Log:
    """What was drawn, and which effects were not."""
    log = Log()
    log.add("simulation", f"simulated study, seed {seed}; {design.note}", len(design))
    for name in EFFECTS:
        if name not in effects:
            log.add("simulation", f"effect switched off: {name}")
    return log


_STREAMS = (
    "design",
    "people",
    "items",
    "raters",
    "lengths",
    "cursor",
    "still",
    "labels",
    "features",
    "modality_habits",
)


def _source_of(rng: Rng) -> tuple[np.random.Generator, str]:
    """Generator, and its seed in words."""
    if rng is None:
        rng = np.random.SeedSequence()
    if isinstance(rng, np.random.Generator):
        return rng, "of a generator given by the caller"
    if isinstance(rng, np.random.SeedSequence):
        return generator_of(rng), f"sequence of entropy {rng.entropy}"
    return generator_of(rng), str(rng)


def _item_names(n_items: int) -> list[str]:
    """Names with a number; every sixth has an underscore, at which the release would cut it."""
    width = len(str(n_items))
    return [f"clip{i:0{width}}" + ("_x" if i % 6 == 0 else "") for i in range(1, n_items + 1)]


def _lengths(
    rng: np.random.Generator,
    settings: SimulationSettings,
    design: Design,
    n_items: int,
    people: pd.DataFrame,
    effects: AbstractSet[str],
) -> tuple[Ints, Ints]:
    """Feature windows of each item, and samples of each annotation."""
    lengths = N_STEPS - (rng.random(n_items) < 0.1).astype(np.int64)
    missing = rng.integers(1, 3, len(design)) * (rng.random(len(design)) < settings.short_share)
    if "short_annotations" not in effects:
        return lengths, np.full(len(design), N_STEPS)
    samples = N_STEPS - missing
    name, shortest = _SHORTEST
    of_person = np.flatnonzero(people["participant"].to_numpy()[design.participant] == name)
    if len(of_person):
        samples[of_person[len(of_person) // 2]] = shortest
    return lengths, samples


def _still(
    rng: np.random.Generator,
    settings: SimulationSettings,
    design: Design,
    effects: AbstractSet[str],
) -> Ints:
    """Annotations whose cursor never moved."""
    order = rng.permutation(len(design))
    count = round(settings.still_share * len(design)) if "still_cursors" in effects else 0
    return order[:count]


def _truth(
    items: list[str],
    people: pd.DataFrame,
    latents: Latents,
    raters: Raters,
    design: Design,
    labels: LabelTruth,
    habits: ModalityHabits,
    drawn: dict[str, SimulatedFeatures],
) -> xr.Dataset:
    """What the study was drawn from."""
    by_label = labels.loadings.drop(columns="label")
    dims: dict[str, tuple[tuple[str, ...], npt.NDArray[np.generic]]] = {
        "item_level": (("dimension", "item", "modality"), latents.level),
        "item_trait": (("dimension", "item", "modality"), latents.trait),
        "participant_level": (("dimension", "participant"), raters.level),
        "gain": (("participant",), raters.gain),
        "reaction_lag": (("participant",), raters.lag),
        "trial_list": (("participant",), design.trial_list),
        "label_item": (("item", "modality", "label"), labels.item),
        "label_participant": (("participant", "label"), labels.participant),
        "label_habit": (("participant",), labels.habit),
        "label_loading": (("label", "loading"), by_label.to_numpy()),
        "familiar_item": (("item",), labels.familiar_item),
        "familiar_participant": (("participant",), labels.familiar_participant),
    }
    if habits.level is not None:
        of_level = ("dimension", "participant", "modality")
        dims["participant_modality_level"] = (of_level, habits.level)
    if habits.liking is not None:
        of_label = ("participant", "modality", "label")
        dims["label_participant_modality"] = (of_label, habits.liking)
    coords: dict[str, object] = {
        "dimension": list(DIMENSIONS),
        "item": items,
        "modality": list(MODALITIES),
        "participant": people["participant"].to_numpy(dtype=str),
        "label": labels.loadings["label"].to_numpy(dtype=str),
        "loading": list(by_label.columns),
    }
    attrs = {}
    if len(items) <= _TRUTH_ITEMS:
        dims["trajectory"] = (
            ("dimension", "item", "modality", "time"),
            latents.level[..., None] + latents.shape,
        )
        coords["time"] = np.arange(N_STEPS) * SAMPLING_INTERVAL
    else:
        attrs["note"] = f"trajectories of more than {_TRUTH_ITEMS} items are not kept"
    for kind, made in drawn.items():
        dims[f"{kind}_loading"] = (("dimension", f"{kind}_feature"), made.loading)
        coords[f"{kind}_feature"] = list(made.features.names)
    return xr.Dataset(dims, coords=coords, attrs=attrs)

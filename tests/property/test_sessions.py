"""Who rates again is not another rater: copies of sessions make nobody agree more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

STEPS = np.arange(40) * 0.5


def ratings(*, complete: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels and recordings of 8 items by 6 raters who differ."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=(8, 1)) * 0.2 + np.sin(STEPS / 3 + np.arange(8)[:, None]) * 0.3
    rows, samples = [], []
    for item in range(8):
        for rater in range(6):
            if not complete and (item + rater) % 3 == 0:
                continue
            noise = np.cumsum(rng.normal(0, 0.05, len(STEPS))) + rng.normal(0, 0.1)
            keys = {"item": f"v{item}", "participant": f"p{rater}"}
            feeling = ("joy", "fear", "calm")[(item + (rng.random() < 0.3)) % 3]
            rows.append(keys | {"feeling": feeling, "trial": item + 1})
            series = np.clip(truth[item] + noise, -1, 1)
            samples += [
                keys | {"time": t, "arousal": x} for t, x in zip(STEPS, series, strict=True)
            ]
    return pd.DataFrame(rows), pd.DataFrame(samples)


def study_of(tables, sessions: int):
    """The ratings as often as there are sessions."""
    parts = []
    for table in tables:
        copies = pd.concat([table.assign(session=f"s{n}") for n in range(sessions)])
        parts.append(copies)
    return mv.from_frames(parts[0], dynamics=parts[1], labels="feeling")


CALLS = {
    "interrater_ccc": lambda s: mv.interrater_ccc(s, n_resamples=200),
    "interrater_ccc of one": lambda s: mv.interrater_ccc(s, level="annotation"),
    "agreement_over_time": lambda s: mv.agreement_over_time(s, window=5, n_resamples=200),
    "noise_ceiling": lambda s: mv.noise_ceiling(s, n_resamples=200),
    "rater_lag": lambda s: mv.rater_lag(s, max_lag=2, n_resamples=50)[["correlation_at_zero"]],
    "krippendorff_alpha": lambda s: mv.krippendorff_alpha(s, n_resamples=200),
    "label_agreement": lambda s: mv.label_agreement(s, n_resamples=200),
    "choice_agreement": lambda s: mv.choice_agreement(s, n_resamples=200),
    "icc": mv.icc,
    "icc of time steps": lambda s: mv.icc(s, unit="time_step"),
    "rater_quality": lambda s: mv.rater_quality(s).query(
        "quantity in ('agreement', 'label_agreement')"
    ),
}


@pytest.fixture(scope="module", params=[True, False], ids=["complete", "incomplete"])
def tables(request):
    return ratings(complete=request.param)


@pytest.mark.parametrize("name", CALLS)
def test_copies_of_sessions_do_not_raise_agreement(tables, name):
    once, twice = (CALLS[name](study_of(tables, n)) for n in (1, 2))
    column = next(name for name in ("ccc", "estimate", "correlation_at_zero") if name in once)
    known = once[column].notna().to_numpy()
    assert known.any()
    if len(once) < len(twice):  # a row for each annotation
        assert twice[column].mean() <= once[column].mean() + 1e-9
        return
    assert (twice[column] <= once[column] + 0.005)[known].all()
    if "conf_low" in once:  # nor is it known better than before
        narrow = (twice["conf_high"] - twice["conf_low"]) / (once["conf_high"] - once["conf_low"])
        assert (narrow.dropna() > 0.75).all()


def test_a_session_with_copies_is_the_session(tables):
    """Values by hand: a copy has the concordance of what it copies, which has others' only."""
    once, twice = (mv.interrater_ccc(study_of(tables, n), level="annotation") for n in (1, 2))
    for session in ("s0", "s1"):
        own = twice[twice["session"] == session]
        np.testing.assert_allclose(own["ccc"].to_numpy(), once["ccc"].to_numpy(), rtol=1e-12)
    single = study_of(
        (tables[0].query("participant == 'p1'"), tables[1].query("participant == 'p1'")), 2
    )
    assert mv.interrater_ccc(single, level="annotation")["ccc"].isna().all()


def test_the_gold_standard_has_each_rater_once(tables):
    once, twice = (mv.ewe(study_of(tables, n)) for n in (1, 2))
    for name in ("gold_standard", "sd", "n_raters"):
        np.testing.assert_allclose(twice[name], once[name], rtol=1e-12)
    assert twice["weight"].shape[1] == 2 * once["weight"].shape[1]
    np.testing.assert_allclose(twice["weight"].to_numpy()[:, ::2], once["weight"], rtol=1e-12)

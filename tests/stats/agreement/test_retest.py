"""People against themselves in another session."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv


def ratings(rng, n_people=20, n_items=30, noise=0.5, person=0.5):
    """Two sessions of everyone: items of sd 1, persons' opinions of an item, and noise."""
    item = rng.normal(size=n_items)
    change = rng.normal(size=n_people) * 0.2
    opinion = rng.normal(size=(n_people, n_items)) * person
    parts = [
        pd.DataFrame(
            {
                "item": np.tile([f"v{i}" for i in range(n_items)], n_people),
                "participant": np.repeat([f"p{i}" for i in range(n_people)], n_items),
                "session": session,
                "tension": (
                    item + opinion + late * change[:, None] + rng.normal(size=opinion.shape) * noise
                ).ravel(),
            }
        )
        for late, session in enumerate(("pre", "post"))
    ]
    return pd.concat(parts, ignore_index=True)


def test_known_values_come_out():
    frame = ratings(np.random.default_rng(3))
    study = mv.from_frames(frame, dimensions=["tension"], scale=(-9, 9))
    found = mv.retest_reliability(study).set_index("estimator")
    truth = {"CCC": 1.25 / 1.52, "standard error of measurement": np.sqrt(0.25 + 0.02)}
    truth |= {"Pearson r": 1.25 / np.sqrt(1.5 * 1.54), "mean difference": 0.0}
    for name, value in truth.items():
        assert found.loc[name, "conf_low"] < value < found.loc[name, "conf_high"]
    assert (found["n"] == 600).all()
    assert (found["n_participants"] == 20).all()


def test_limits_hold_the_truth():
    """Of 40 studies, limits of 95% miss no more than 7, which happens in 1 of 300 such tests."""
    rng, missed = np.random.default_rng(8), np.zeros(4)
    truth = np.array([1.25 / 1.52, 1.25 / np.sqrt(1.5 * 1.54), 0.0, np.sqrt(0.27)])
    for _ in range(40):
        frame = ratings(rng)
        found = mv.retest_reliability(frame, dimension="tension")
        low, high = found["conf_low"].to_numpy(), found["conf_high"].to_numpy()
        missed += (truth < low) | (truth > high)
    assert (missed <= 7).all()


def test_a_copy_agrees_and_a_third_session_is_compared_with_the_second():
    frame = ratings(np.random.default_rng(0), n_people=3, n_items=4)
    first = frame[frame["session"] == "pre"]
    twice = pd.concat([first.assign(session=f"day {n}") for n in (1, 2)])
    found = mv.retest_reliability(twice, dimension="tension")
    np.testing.assert_allclose(found["estimate"], [1, 1, 0, 0], atol=1e-12)
    moved = first.assign(session="day 10", tension=first["tension"] + 1)
    found = mv.retest_reliability(pd.concat([moved, twice]), dimension="tension")
    assert found["n"].unique().tolist() == [24]
    np.testing.assert_allclose(found["estimate"].iloc[2], 0.5)


def test_labels_and_trajectories():
    steps = np.arange(12) / 2
    keys = [(i, p, s) for i in "abc" for p in "xyz" for s in ("one", "two")]
    frame = pd.DataFrame(keys, columns=["item", "participant", "session"])
    frame["joy"] = [int(item == "a" or (item == "b" and s == "two")) for item, _, s in keys]
    samples = pd.DataFrame(
        [
            dict(zip(frame.columns, key, strict=False), time=t, arousal=np.sin(t + ord(key[0])) / 2)
            for key in keys
            for t in steps
        ]
    )
    study = mv.from_frames(frame, dynamics=samples, labels=["joy"])
    labels = mv.retest_reliability(study, metric="nominal")
    assert labels["estimate"].round(3).tolist() == [0.4]  # agreement 2/3, by chance 4/9
    found = mv.retest_reliability(study).set_index("estimator")
    np.testing.assert_allclose(found.loc["CCC over time", "estimate"], 1.0)


def test_without_a_second_session():
    frame = ratings(np.random.default_rng(0), n_people=3, n_items=4)
    first = frame[frame["session"] == "pre"]
    for data in (first, first.drop(columns="session")):
        with pytest.raises(mv.DataError, match="nobody rated the same again"):
            mv.retest_reliability(data, dimension="tension")
    with pytest.raises(mv.DataError, match="who gave which rating is not known"):
        mv.retest_reliability(frame.drop(columns="participant"), dimension="tension")

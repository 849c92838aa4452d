"""A column may have any name: the answers are those of a plain one, and show the name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.formula import code_of_column

NAMES = ["class", "a b", "x|y", "Größe (1–7)", "it's", 'say "hi"', "C(x)", "1st", "Ärger", "a, b"]  # noqa: RUF001
KEYS = ["dimension", "factor", "finding", "term"]


def rows() -> pd.DataFrame:
    grid = pd.MultiIndex.from_product([range(8), range(9)], names=["item", "participant"])
    frame = grid.to_frame(index=False)
    noise = np.random.default_rng(4).normal(size=len(frame))
    rating = np.clip(np.round(4 + noise + frame["item"] % 3), 1, 7)
    return frame.assign(rating=rating, cut=np.where(frame["participant"] % 2, "u", "v"))


def answers(rating: str, cut: str) -> dict[str, pd.DataFrame]:
    frame = rows().rename(columns={"rating": rating, "cut": cut})
    study = mv.from_frames(frame, dimensions=[rating], scale=(1, 7))
    y, by = code_of_column(rating), code_of_column(cut)
    fit = mv.mixed_model(study, f"{y} ~ {by} + (1 | participant) + (1 | item)")
    found = {
        "kruskal": mv.kruskal(study, f"{y} ~ {by}", n_resamples=19),
        "pairwise": mv.pairwise(study, f"{y} ~ {by}", n_resamples=19),
        "mannwhitney": mv.mannwhitney(study, f"{y} ~ {by}", n_resamples=19),
        "normality": mv.normality(study, n_resamples=19),
        "describe": mv.describe_annotations(study, by=by),
        "emmeans": fit.emmeans(cut),
        "contrasts": fit.contrasts(cut),
        "sensitivity": mv.sensitivity_table(study, findings=[f"{y} ~ {by}: u > v"], n_resamples=19),
        "demographic": mv.demographic_model(study).tidy(),
        "icc": mv.icc(study),
    }
    mv.plot_raincloud(study, by=by)
    return found


@pytest.fixture(scope="module")
def plain() -> dict[str, pd.DataFrame]:
    return answers("rating", "cut")


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_any_name_gives_the_same_answers(name, plain):
    for rating, cut in ((name, "cut"), ("rating", name)):
        for key, frame in answers(rating, cut).items():
            both = [part.drop(columns=KEYS, errors="ignore") for part in (frame, plain[key])]
            pd.testing.assert_frame_equal(*both, check_exact=False)
            for column, shown in (("dimension", rating), ("factor", cut)):
                if column in frame and key != "normality":
                    assert set(frame[column].dropna()) == {shown}, key

from __future__ import annotations

import numpy as np
import pytest

import muvistats as mv

from .drawing import save


@pytest.fixture(scope="module")
def models():
    study = mv.released_exclusions(mv.simulate_muvi(rng=4, n_items=12, n_participants=12))
    return mv.feature_models(study, sets=[("visual", "visual"), ("audiovisual", "visual")])


def test_trajectory_shows_the_prediction(models):
    figure = mv.plot_model_trajectory(models, item="clip05")
    steps = models.augment().query("item == 'clip05'")
    scores = mv.lasso_models(models, level="item").query("item == 'clip05'")
    grid = np.array(figure.axes).reshape(2, 3)
    for panels, target in zip(grid, ("arousal", "valence"), strict=True):
        for ax, modality in zip(panels, ("music", "visual", "audiovisual"), strict=True):
            drawn = [line for line in ax.lines if line.get_gid() == "model"]
            of_cell = (steps["modality"] == modality) & (steps["target"] == target)
            assert len(drawn) == (modality != "music")
            for line in drawn:
                np.testing.assert_allclose(line.get_ydata(), steps.loc[of_cell, "fitted"])
                np.testing.assert_allclose(line.get_xdata(), steps.loc[of_cell, "time"])
                (said,) = [t.get_text() for t in ax.texts if t.get_gid() == "score"]
                row = scores[(scores["modality"] == modality) & (scores["target"] == target)]
                assert said == f"visual: CCC {row['ccc'].iloc[0]:.2f}".replace("-", "\u2212")
            assert [line for line in ax.lines if line.get_gid() == "estimator"]
    assert "simulated data" in [text.get_text() for text in figure.texts]
    (legend,) = figure.legends
    assert legend.get_texts()[-1].get_text() == "lasso prediction, item not seen"
    save(figure)


def test_the_item_is_the_median_one_and_a_dimension_can_be_chosen(models):
    figure = mv.plot_model_trajectory(models, dimension="valence")
    assert len(figure.axes) == 3
    scores = mv.lasso_models(models, level="item", dimension="valence")
    means = scores.groupby("item", sort=False)["ccc"].mean().sort_values(kind="stable")
    assert means.index[len(means) // 2] in figure.texts[0].get_text()


def test_what_cannot_be_drawn(models):
    with pytest.raises(mv.DataError, match="fitted models are needed"):
        mv.plot_model_trajectory(mv.lasso_models(models))
    with pytest.raises(mv.DataError):
        mv.plot_model_trajectory(models, item="nobody")
    with pytest.raises(mv.DesignError, match="n_features must be a whole number from 1"):
        mv.plot_feature_ranks(mv.rank_features(models), n_features=0)
    with pytest.raises(mv.DataError, match="not a frame of rank_features"):
        mv.plot_feature_ranks(mv.lasso_models(models))


@pytest.mark.parametrize("level", ["feature", "family"])
def test_bars_are_the_coefficients(models, level):
    frame = mv.rank_features(models, level=level)
    figure = mv.plot_feature_ranks(frame, n_features=4)
    parts = frame.groupby(["modality", "features", "target"], sort=False)
    axes = [ax for ax in figure.axes if ax.get_visible()]
    assert len(axes) == len(parts) == 4
    for ax, (_, part) in zip(axes, parts, strict=True):
        top = part.sort_values("rank", kind="stable").head(4)
        np.testing.assert_allclose([bar.get_width() for bar in ax.patches], top["estimate"])
        hollow = [bar.get_facecolor()[:3] == (1, 1, 1) for bar in ax.patches]
        assert hollow == (top["share"] < 1).tolist()
    save(figure)

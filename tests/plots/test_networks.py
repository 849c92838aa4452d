from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

import muvistats as mv
from muvistats.deep import summarise
from muvistats.plots.layers import read_network
from muvistats.plots.networks import network_name

from .drawing import save


def tensor(name: str, *shape: int) -> dict:
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, *shape], "dtype": "float32", "keras_history": [name, 0, 0]},
    }


def layer(kind: str, name: str, *reads: dict, **config: object) -> dict:
    """A layer as the configuration of a functional Keras model holds it."""
    nodes = [{"args": [list(reads)] if len(reads) > 1 else list(reads), "kwargs": {}}]
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, "trainable": True, **config},
        "inbound_nodes": nodes if reads else [],
    }


class Model:
    """What a Keras model shows of itself."""

    def __init__(self, name: str, layers: list[dict], **attributes: object) -> None:
        self.name = name
        self.config = {"name": name, "layers": layers}
        self.layers = [SimpleNamespace(name=each["name"], output=None) for each in layers]
        self.__dict__.update(attributes)

    def get_config(self) -> dict:
        return self.config

    def count_params(self) -> int:
        return 12_345


def branches(*, frozen: bool = False, sources: dict[str, str] | None = None) -> Model:
    """Two branches with one LSTM layer each; listed in another order than they run."""
    layers = [
        layer("InputLayer", "audio", batch_shape=[None, 4, 988]),
        layer("LSTM", "visual_lstm", tensor("visual", 4, 60), units=8, activation="tanh"),
        layer("InputLayer", "visual", batch_shape=(None, 4, 60)),
        layer("LSTM", "audio_lstm", tensor("audio", 4, 988), units=8, trainable=not frozen),
        layer("Dropout", "audio_dropout", tensor("audio_lstm", 8), rate=0.25),
        layer("Concatenate", "both", tensor("audio_dropout", 8), tensor("visual_lstm", 8)),
        layer("Dense", "rating", tensor("both", 16), units=1, activation="tanh"),
    ]
    model = Model("late_fusion", layers)
    model.layers[-1].output = SimpleNamespace(shape=(None, 1))
    if sources:
        model.initialised_from = sources
    return model


def one_branch() -> Model:
    return Model(
        "unimodal",
        [
            layer("InputLayer", "audio", batch_shape=[None, 4, 988]),
            layer("LSTM", "audio_lstm", tensor("audio", 4, 988), units=8),
            layer("Dense", "rating", tensor("audio_lstm", 8), units=1, activation="linear"),
        ],
    )


def test_the_graph_is_read():
    network = read_network(branches(frozen=True, sources={"audio_lstm": "music network"}))
    names = [each.name for each in network.layers]
    assert names.index("visual") < names.index("visual_lstm") < names.index("both")
    assert {each.name: each.depth for each in network.layers} == {
        "audio": 0,
        "visual": 0,
        "audio_lstm": 1,
        "visual_lstm": 1,
        "audio_dropout": 2,
        "both": 3,
        "rating": 4,
    }
    assert {each.name: each.shape for each in network.layers} == {
        "audio": (4, 988),
        "visual": (4, 60),
        "audio_lstm": (8,),
        "visual_lstm": (8,),
        "audio_dropout": (8,),
        "both": (16,),
        "rating": (1,),
    }
    assert network["both"].inbound == ("audio_dropout", "visual_lstm")
    assert network["both"].inputs == {"audio", "visual"}
    assert network["audio_dropout"].inputs == {"audio"}
    assert [each.name for each in network.layers if each.frozen] == ["audio_lstm"]
    assert network["audio_lstm"].source == "music network"
    assert network.parameters == 12_345
    assert network["rating"].text == "Dense 1, tanh"
    assert network["visual_lstm"].text == "LSTM 8"
    assert network["audio_dropout"].text == "dropout 0.25"


def artists(ax, kind: str) -> dict[str, object]:
    """Patches and texts of a diagram by what their id says."""
    every = [*ax.patches, *ax.texts]
    found = [each for each in every if (each.get_gid() or "").startswith(f"{kind} ")]
    return {each.get_gid().removeprefix(f"{kind} "): each for each in found}


def test_every_layer_and_connection_is_drawn():
    models = {"First": one_branch(), "Second": branches()}
    figure = mv.plot_architectures(models)
    assert [ax.texts[-2].get_text() for ax in figure.axes] == ["First", "Second"]
    for ax, model in zip(figure.axes, models.values(), strict=True):
        network = read_network(model)
        boxes = artists(ax, "layer")
        assert set(boxes) == {each.name for each in network.layers}
        reads = {f"{name} {each.name}" for each in network.layers for name in each.inbound}
        assert set(artists(ax, "arrow")) == reads
        middle = {name: box.get_y() + box.get_height() / 2 for name, box in boxes.items()}
        for each in network.layers:
            assert all(middle[name] > middle[each.name] for name in each.inbound)
        said = [text.get_text() for text in ax.texts]
        assert {each.text.lower() if each.is_small else each.text for each in network.layers} <= (
            set(said)
        )
        assert "12,345 weights" in said
    shapes = artists(figure.axes[1], "shape")
    assert shapes["audio"].get_text() == "4 \u00d7 988"
    assert shapes["both"].get_text() == "16"
    assert "audio_dropout" not in shapes  # it changes no shape
    save(figure)


def test_boxes_do_not_overlap_and_stay_inside():
    figure = mv.plot_architectures([branches(sources={"visual_lstm": "x", "audio_lstm": "y"})])
    (ax,) = figure.axes
    boxes = [*artists(ax, "layer").values(), *artists(ax, "source").values()]
    edges = [(b.get_x(), b.get_x() + b.get_width()) for b in boxes]
    heights = [(b.get_y(), b.get_y() + b.get_height()) for b in boxes]
    for i, (left, right) in enumerate(edges):
        assert left >= -1e-9
        assert right <= ax.get_xlim()[1] + 1e-9
        for j in range(i):
            beside = right <= edges[j][0] + 1e-9 or edges[j][1] <= left + 1e-9
            above = heights[i][1] <= heights[j][0] or heights[j][1] <= heights[i][0]
            assert beside or above


def test_transferred_and_frozen_layers_are_marked():
    figure = mv.plot_architectures(
        branches(frozen=True, sources={"audio_lstm": "unimodal (music)"})
    )
    (ax,) = figure.axes
    boxes = artists(ax, "layer")
    assert [name for name, box in boxes.items() if box.get_hatch()] == ["audio_lstm"]
    assert set(artists(ax, "source")) == {"unimodal (music)"}
    assert "weights of\nunimodal\n(music)" in [text.get_text() for text in ax.texts]
    assert ax.texts[-2].get_text() == "PAIR"
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == [
        "audio features",
        "visual features",
        "all features",
        "starts from weights of another network",
        "frozen",
    ]
    plain = mv.plot_architectures(one_branch())
    assert [t.get_text() for t in plain.legends[0].get_texts()] == ["audio features"]


def test_same_features_have_the_same_colour_in_all_panels():
    figure = mv.plot_architectures([one_branch(), branches()])
    edge = [artists(ax, "layer")["audio_lstm"].get_edgecolor() for ax in figure.axes]
    assert edge[0] == edge[1]
    assert edge[1] != artists(figure.axes[1], "layer")["visual_lstm"].get_edgecolor()
    assert "simulated data" not in [text.get_text() for text in figure.texts]
    assert "windows of 4 time steps" in figure.texts[1].get_text()


def test_what_is_no_network():
    for wrong in (object(), [3], {}, [Model("empty", [])]):
        with pytest.raises(mv.DataError):
            mv.plot_architectures(wrong)
    with pytest.raises(mv.DataError, match="a layer that is not there"):
        mv.plot_architectures(branches(sources={"nobody": "x"}))
    circle = Model("circle", [layer("Dense", "a", tensor("a", 1), units=1)])
    with pytest.raises(mv.DataError, match="circle"):
        mv.plot_architectures(circle)


CONFIGURATIONS = [
    ("music", "audio", "unimodal"),
    ("audiovisual", "audio_visual", "late_fusion"),
    ("audiovisual", "audio_visual", "pair"),
    ("music", "audio", "lasso"),
    ("audiovisual", "audio_visual", "lasso"),
]


@pytest.fixture(scope="module")
def summary():
    rng = np.random.default_rng(5)
    parts = [
        pd.DataFrame(
            {
                "modality": modality,
                "features": features,
                "configuration": name,
                "target": target,
                "repeat": 1,
                "fold": np.arange(10) % 5 + 1,
                "seed": int(name != "lasso"),
                "item": [f"i{k}" for k in range(10)],
                "rmse": rng.uniform(0.1, 0.4, 10),
                "mse": rng.uniform(0.01, 0.1, 10),
                "ccc": rng.uniform(-0.2, 0.8, 10),
                "noise_ceiling": 0.7 if target == "arousal" else np.nan,
                "method": "lasso" if name == "lasso" else "LSTM, strict protocol, Keras on torch",
                "simulated": True,
            }
        )
        for modality, features, name in CONFIGURATIONS
        for target in ("arousal", "valence")
    ]
    return summarise(pd.concat(parts, ignore_index=True))


def drawn(ax, name: str) -> list[float]:
    return [float(line.get_xdata()[0]) for line in ax.lines if line.get_gid() == name]


def test_comparison_shows_means_and_intervals(summary):
    figure = mv.plot_architecture_comparison(summary)
    grid = np.array(figure.axes).reshape(2, 2)
    for panels, target in zip(grid, ("arousal", "valence"), strict=True):
        for ax, metric in zip(panels, ("rmse", "ccc"), strict=True):
            part = summary[(summary["target"] == target) & (summary["metric"] == metric)]
            for name in ("unimodal", "late_fusion", "pair", "lasso"):
                rows = part[part["configuration"] == name]
                np.testing.assert_allclose(drawn(ax, name), rows["mean"])
            spans = [c.get_segments()[0][:, 0] for c in ax.collections if c.get_segments()]
            ordered = part.sort_values("mean")[["conf_low", "conf_high"]].to_numpy()
            np.testing.assert_allclose(sorted(map(tuple, spans)), sorted(map(tuple, ordered)))
            ceilings = [x for x in drawn(ax, "ceiling") if np.isfinite(x)]
            assert len(ceilings) == 5 * (metric == "ccc" and target == "arousal")
    assert [ax.get_title("left") for ax in grid[:, 0]] == ["Arousal", "Valence"]
    assert "simulated data" in [text.get_text() for text in figure.texts]
    assert "LSTM, strict protocol, Keras on torch" in figure.texts[1].get_text()
    save(figure)


def test_linear_models_stand_below_the_networks_of_their_features(summary):
    figure = mv.plot_architecture_comparison(summary, metrics=["mse"])
    ax = figure.axes[0]
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[1:3] == ["Unimodal network", "LASSO"]
    assert labels[4:] == ["Late fusion (A2)", "PAIR", "LASSO"]
    assert labels[0] == "Music ratings by audio features"
    assert labels[3].replace("\n", " ") == "Audiovisual ratings by audio + visual features"
    bold = [text.get_fontweight() == "bold" for text in ax.get_yticklabels()]
    assert bold == [True, False, False, True, False, False, False]
    open_marks = [line.get_markerfacecolor() for line in ax.lines if line.get_gid() == "lasso"]
    assert [to_rgb(colour) for colour in open_marks] == [(1, 1, 1)] * 2


def test_comparison_refuses_other_frames(summary):
    with pytest.raises(mv.DataError, match="not a frame of summarise"):
        mv.plot_architecture_comparison(summary.drop(columns="configuration"))
    with pytest.raises(mv.DataError, match="no such metric"):
        mv.plot_architecture_comparison(summary, metrics=["r"])
    two = pd.concat([summary, summary.assign(alignment="corrected")])
    with pytest.raises(mv.DataError, match="several readings"):
        mv.plot_architecture_comparison(two)


def test_names_of_configurations():
    assert network_name("late_fusion") == "Late fusion (A2)"
    assert network_name("my_network") == "My network"


def fit(modality, features, target, configuration, items, fitted, ccc):
    return SimpleNamespace(
        modality=modality,
        features=features,
        target=target,
        configuration=configuration,
        items=items,
        fitted=fitted,
        ccc=ccc,
        problem="",
    )


@pytest.fixture(scope="module")
def networks():
    """Predictions of two networks for a study, as `NetworkModels` shows them."""
    study = mv.simulate_muvi(rng=4, n_items=9, n_participants=9, features=False)
    items = [str(name) for name in study["items/item"].to_numpy()][:3]
    steps = study["annotations"].sizes["time"]
    time = np.tile(study["annotations/time"].to_numpy().astype(float), 3)
    item = np.repeat(np.arange(3), steps)
    modalities = ["music", "visual", "audiovisual"]
    inputs = SimpleNamespace(items=items, modalities=modalities, item=item, time=time)
    waves = np.where(time < 2, np.nan, np.sin(time))
    every = np.arange(3)
    fits = [
        fit("music", "audio", "arousal", "unimodal", every, waves, np.array([0.1, 0.2, 0.3])),
        fit(
            "audiovisual",
            "audio_visual",
            "arousal",
            "pair",
            every,
            waves / 2,
            np.array([0.5, 0.3, 0.7]),
        ),
    ]
    return SimpleNamespace(inputs=inputs, fits=fits, data=study)


def test_trajectory_of_a_network(networks):
    figure = mv.plot_model_trajectory(networks)
    (ax,) = figure.axes  # the modality that PAIR predicts
    (line,) = [each for each in ax.lines if each.get_gid() == "model"]
    item = networks.inputs.items[0]  # the median concordance, .5
    rows = networks.inputs.item == 0
    np.testing.assert_array_equal(line.get_ydata(), networks.fits[1].fitted[rows])
    assert np.isnan(line.get_ydata()[:4]).all()
    assert figure.texts[0].get_text() == (
        f"Raters of {item}, their weighted estimator and the PAIR prediction"
    )
    assert figure.legends[0].get_texts()[-1].get_text() == "PAIR prediction, item not seen"
    (score,) = [text.get_text() for text in ax.texts if text.get_gid() == "score"]
    assert score == "audio + visual: CCC 0.50"
    save(figure)


def test_trajectory_of_another_network_and_item(networks):
    item = networks.inputs.items[2]
    figure = mv.plot_model_trajectory(networks, item=item, configuration="unimodal")
    assert "Unimodal network prediction" in figure.texts[0].get_text()
    (ax,) = figure.axes
    assert ax.get_title("left") == "Music"
    with pytest.raises(mv.DataError, match="no such network"):
        mv.plot_model_trajectory(networks, configuration="late_fusion")
    with pytest.raises(mv.DataError, match="no such model"):
        mv.plot_model_trajectory(networks, dimension="tension")

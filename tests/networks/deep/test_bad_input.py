"""What cannot work is said before any training starts."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from muvistats.deep import Configuration, compare_architectures
from muvistats.deep import models as models_module
from muvistats.errors import DataError, DesignError


@pytest.fixture(autouse=True)
def _nothing_is_trained(monkeypatch):
    def fail(*_given, **_more):
        pytest.fail("training has started")

    monkeypatch.setattr(models_module, "train_all", fail)


@pytest.fixture
def compare(tiny_protocol, one_backend, tmp_path):
    def run(study, **settings):
        defaults = {
            "protocol": tiny_protocol(),
            "backend": one_backend,
            "cache": tmp_path,
            "progress": False,
        }
        return compare_architectures(study, **(defaults | settings))

    return run


def annotations(study: xr.DataTree, keep: np.ndarray) -> xr.DataTree:
    out = study.copy()
    table = study["annotations"].to_dataset().isel(annotation=np.flatnonzero(keep))
    out["annotations"] = xr.DataTree(table)
    return out


def test_this_would_train(small_study, compare):
    """So that the tests below can fail."""
    with pytest.raises(pytest.fail.Exception, match="training has started"):
        compare(small_study)


@pytest.mark.parametrize("modality", ["music", "visual", "audiovisual"])
def test_missing_modality(small_study, compare, modality):
    cut = annotations(small_study, small_study["annotations/modality"].values != modality)
    with pytest.raises(DataError, match=f"ratings of modality {modality}") as caught:
        compare(cut, configurations=["pair"] if modality != "audiovisual" else ["late_fusion"])
    assert caught.value.file == "/annotations"
    assert caught.value.column == "modality"


def test_modalities_of_the_control(small_study, compare):
    cut = annotations(small_study, small_study["annotations/modality"].values != "music")
    with pytest.raises(DataError, match="pair_control needs ratings of modality music"):
        compare(cut, configurations=["pair_control"])


@pytest.mark.parametrize("kind", ["audio", "visual"])
def test_missing_features(small_study, compare, kind):
    cut = small_study.filter(lambda node: node.name != kind)
    with pytest.raises(DataError, match=f"needs {kind} features; `with_features`") as caught:
        compare(cut, configurations=["early_fusion"])
    assert caught.value.file == f"/features/{kind}"


def test_no_features(study, compare):
    with pytest.raises(DataError, match="needs audio features"):
        compare(study)


@pytest.mark.parametrize("name", ["strict", "released"])
def test_too_few_items(small_study, compare, name):
    items = small_study["annotations/item"].values
    few = np.isin(items, np.unique(items)[:5])
    with pytest.raises(DataError, match="too few for 5 folds"):
        compare(annotations(small_study, few), protocol=name)


def test_a_held_out_fold_of_one_item_cannot_be_halved(small_study, compare):
    """Nine items in five folds: one fold has a single item."""
    items = small_study["annotations/item"].values
    few = annotations(small_study, np.isin(items, np.unique(items)[:9]))
    with pytest.raises(DataError, match=r"9 items .* too few for 5 folds") as caught:
        compare(few, protocol="released")
    assert caught.value.expected == "10 or more"
    with pytest.raises(pytest.fail.Exception, match="training has started"):
        compare(few, protocol="strict")


def test_missing_ratings_of_a_modality(small_study, compare):
    out = small_study.copy()
    table = small_study["annotations"].to_dataset().copy()
    values = table["arousal"].values.copy()
    values[table["modality"].values == "music"] = np.nan
    table["arousal"] = table["arousal"].copy(data=values)
    out["annotations"] = xr.DataTree(table)
    with pytest.raises(DataError, match="arousal") as caught:
        compare(out, dimension=["arousal"], configurations=["pair"])
    assert caught.value.row == "modality music"
    assert caught.value.column == "arousal"


@pytest.mark.parametrize("targets", [["dominance"], ["labels"], "age"])
def test_unknown_targets(small_study, compare, targets):
    name = targets if isinstance(targets, str) else targets[0]
    with pytest.raises((DataError, DesignError), match=name):
        compare(small_study, dimension=targets)


def test_no_target(small_study, compare):
    with pytest.raises(DesignError, match="no target"):
        compare(small_study, dimension=[])


def test_backends(small_study, compare, monkeypatch):
    with pytest.raises(DesignError, match=r"tensorflow, torch, not 'jax'$"):
        compare(small_study, backend="jax")
    monkeypatch.setenv("KERAS_BACKEND", "mxnet")
    with pytest.raises(DesignError, match="not 'mxnet' \\(from KERAS_BACKEND\\)"):
        compare(small_study, backend=None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"protocol": "loose"}, "protocol must be one of strict, paper, released"),
        ({"n_seeds": 0}, "n_seeds must be a whole number from 1, not 0"),
        ({"n_seeds": True}, "n_seeds"),
        ({"n_repeats": 1.5}, "n_repeats must be a whole number from 1, not 1.5"),
        ({"n_jobs": 0}, "n_jobs must be a whole number from 1, or -1 for all cores, not 0"),
        ({"n_jobs": 2.5}, "n_jobs"),
        ({"configurations": ["transformer"]}, "configuration must be one of unimodal"),
        ({"configurations": []}, "no configuration is given"),
        ({"configurations": [Configuration("a", "smell", "audio")]}, "modality smell"),
    ],
)
def test_arguments(small_study, compare, settings, words):
    with pytest.raises((DesignError, DataError), match=words):
        compare(small_study, **settings)


def test_not_a_study(compare):
    with pytest.raises((DataError, DesignError)):
        compare(xr.DataTree(name="nothing"))

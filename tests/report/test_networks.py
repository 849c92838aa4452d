"""Networks that were trained before, in the report; all made by hand, without Keras."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.deep import paired_tests, summarise
from muvistats.report import build
from muvistats.report.folder import MARKER
from muvistats.report.networks import (
    TrainedNetworks,
    find_networks,
    summary_text,
    write_networks,
)
from muvistats.report.predictions import kept_predictions
from muvistats.report.sections import catalogue as sections
from muvistats.stats.prediction.inputs import release_order

from ..plots.test_networks import branches, one_branch
from .conftest import Page

pytestmark = pytest.mark.slow

SETS = [
    ("music", "audio", "unimodal"),
    ("visual", "visual", "unimodal"),
    ("audiovisual", "audio", "unimodal"),
    ("audiovisual", "visual", "unimodal"),
    ("audiovisual", "audio_visual", "early_fusion"),
    ("audiovisual", "audio_visual", "late_fusion"),
    ("audiovisual", "audio_visual", "pair"),
    ("music", "audio", "lasso"),
    ("visual", "visual", "lasso"),
    ("audiovisual", "audio", "lasso"),
    ("audiovisual", "visual", "lasso"),
    ("audiovisual", "audio_visual", "lasso"),
]


def scores(study: xr.DataTree) -> pd.DataFrame:
    """A frame as `compare_architectures` returns it, of random numbers."""
    rng = np.random.default_rng(3)
    items = release_order(study)
    n = len(items)
    parts = []
    for modality, features, name in SETS:
        for target in ("arousal", "valence"):
            gain = 0.1 * (name == "pair")
            rmse = rng.uniform(0.2, 0.4, n) - gain
            parts.append(
                pd.DataFrame(
                    {
                        "modality": modality,
                        "features": features,
                        "configuration": name,
                        "target": target,
                        "repeat": 1,
                        "fold": np.arange(n) % 5 + 1,
                        "seed": int(name != "lasso"),
                        "item": items,
                        "rmse": rmse,
                        "mse": rmse**2,
                        "ccc": rng.uniform(0, 0.4, n) + 3 * gain,
                        "noise_ceiling": 0.7,
                        "n": 116,
                        "n_epochs": 3,
                        "method": "lasso" if name == "lasso" else "LSTM, strict protocol",
                        "alignment": "as_recorded",
                        "simulated": True,
                        "warning": pd.Series([None] * n, dtype="str"),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def predictions(study: xr.DataTree) -> pd.DataFrame:
    """Rows as ``NetworkModels.augment()`` has them: the first steps have no prediction."""
    rng = np.random.default_rng(4)
    time = study["annotations/time"].to_numpy().astype(float)[4:]
    parts = []
    for target in ("arousal", "valence"):
        for item in release_order(study):
            observed = rng.normal(size=len(time)).cumsum() / 20
            fitted = observed + rng.normal(size=len(time)) / 5
            parts.append(
                pd.DataFrame(
                    {
                        "modality": "audiovisual",
                        "features": "audio_visual",
                        "target": target,
                        "configuration": "pair",
                        "item": item,
                        "time": time,
                        "observed": observed,
                        "fitted": fitted,
                        "residual": observed - fitted,
                        "alignment": "as_recorded",
                        "simulated": True,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True).assign(warning=pd.Series(dtype="str"))


@pytest.fixture(scope="module")
def trained(featured: xr.DataTree) -> TrainedNetworks:
    """Networks of the study, their paired tests computed once."""
    study, frame = featured, scores(featured)
    pair = branches(sources={"audio_lstm": "unimodal (music ratings)"})
    return TrainedNetworks(
        study=study,
        scores=frame,
        predictions=predictions(study),
        tests=paired_tests(frame),
        architectures={"Early fusion (A1)": one_branch(), "PAIR": pair},
        settings={
            "protocol": {"name": "strict", "units": (256, 256)},
            "quick": False,
            "n_seeds": 2,
            "n_repeats": 1,
            "rng": 0,
            "backend": "torch",
            "versions": {"keras": "3.15.0", "torch": "2.9.0"},
        },
    )


@pytest.fixture(scope="module")
def only_networks() -> object:
    """Reports of this module have the section of networks only."""
    with pytest.MonkeyPatch.context() as patch:
        chosen = [s for s in sections.SECTIONS if s.key in ("lstm-networks", "read")]
        patch.setattr(build, "SECTIONS", tuple(chosen))
        yield


@pytest.fixture(scope="module")
def written(
    featured: xr.DataTree,
    only_networks: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
    trained: TrainedNetworks,
) -> tuple[Path, Page]:
    """A report on a study whose networks lie in its folder."""
    out = tmp_path_factory.mktemp("networks") / "report"
    files = write_networks(trained, out)
    assert {path.name for path in files} == {
        "architectures.png",
        "architectures.svg",
        "compare_architectures.csv",
        "comparison.png",
        "comparison.svg",
        "networks.json",
        "paired_tests.csv",
        "predictions.csv",
        "summary.csv",
        "trajectory.png",
        "trajectory.svg",
    }
    assert all(path.is_file() for path in files)
    page = mv.write_report(featured, out)
    return out, Page(page.read_text(encoding="utf-8"))


def test_the_report_shows_table_6_and_the_tests(
    written: tuple[Path, Page], featured: xr.DataTree, trained: TrainedNetworks
) -> None:
    out, page = written
    frame = scores(featured)
    summary = summarise(frame)
    kept = pd.read_csv(out / "tables" / "networks.csv")
    np.testing.assert_allclose(kept["mean"], summary["mean"], rtol=1e-12)
    text = page.by_id("networks").text
    row = summary.query("configuration == 'pair' and target == 'arousal' and metric == 'ccc'")
    assert f"{row['mean'].iloc[0]:.3f}" in text
    tests = pd.read_csv(out / "tables" / "network_tests.csv")
    keys = ["target", "metric", "group1", "group2", "method"]
    both = trained.tests.merge(tests, on=keys, suffixes=("", "_shown"))
    assert len(both) == len(trained.tests) < len(tests)  # the report has pairs of its own
    np.testing.assert_allclose(both["p_value_shown"], both["p_value"], rtol=1e-10)
    beside = pd.read_csv(out / "tables" / "networks-published.csv")
    assert len(beside) == 56
    assert (beside["verdict"] != "not comparable").all()
    beside = pd.read_csv(out / "tables" / "network_tests-published.csv")
    printed = beside.query("target == 'arousal' and metric == 'ccc' and quantity == 'statistic'")
    t = trained.tests.query(
        "group2 == 'lasso' and target == 'arousal' and metric == 'ccc' "
        "and method == 'paired t test'"
    )
    assert printed["published"].iloc[0] == 2.81
    assert printed["estimate"].iloc[0] == pytest.approx(t["statistic"].iloc[0], rel=1e-10)


def test_the_report_says_how_they_were_trained(written: tuple[Path, Page]) -> None:
    text = written[1].by_id("lstm-networks").text
    assert "Protocol: strict; 2 seeds for each network, one partition" in text
    assert "Keras 3.15.0 on torch 2.9.0" in text
    assert "trained on simulated data" in text
    assert "quick" not in text


def test_the_report_draws_all_three_figures(written: tuple[Path, Page]) -> None:
    out, page = written
    for key in ("architectures_figure", "architecture_comparison", "network_trajectory"):
        assert page.by_id(key).tag == "figure"
        assert (out / "figures" / f"{key}.svg").is_file()
    absent = page.by_id("absent").text
    assert "Networks" not in absent
    assert "deep compare" not in absent


def test_claims_are_answered(written: tuple[Path, Page]) -> None:
    rows = [element.text for element in written[1].all("tr")]
    (row,) = [r for r in rows if "PAIR predicts arousal better than linear models (CCC)" in r]
    assert "agrees" in row
    assert "t(14)" in row
    (row,) = [r for r in rows if "Networks predict better than linear models" in r]
    assert "of 28 means are better" in row


@pytest.mark.usefixtures("quick_figures")
def test_networks_outlive_a_new_report(
    written: tuple[Path, Page], featured: xr.DataTree, tmp_path: Path, trained: TrainedNetworks
) -> None:
    out, _ = written
    before = {path.name: path.read_bytes() for path in (out / "networks").iterdir()}
    mv.write_report(featured, out)
    mv.write_report(featured, out, overwrite=True)
    after = {path.name: path.read_bytes() for path in (out / "networks").iterdir()}
    assert after == before
    (out / "networks" / "mine.txt").write_text("x")
    with pytest.raises(mv.DataError, match="files that no report wrote"):
        mv.write_report(featured, out)
    with pytest.raises(mv.DataError, match="files that no report wrote"):
        write_networks(trained, out)
    (out / "networks" / "mine.txt").unlink()
    page = Page(
        mv.write_report(featured, tmp_path / "r", networks=out / "networks").read_text("utf-8")
    )
    assert page.by_id("networks").text
    assert not (tmp_path / "r" / "networks").exists()


@pytest.mark.usefixtures("quick_figures")
def test_networks_of_other_data_are_not_shown(
    written: tuple[Path, Page], featured: xr.DataTree
) -> None:
    out, _ = written
    gone = np.arange(featured["annotations"].sizes["annotation"]) == 0
    other = mv.exclude(featured, gone, reason="x")
    page = Page(mv.write_report(other, out).read_text(encoding="utf-8"))
    absent = page.by_id("absent").text
    assert "trained on other data" in absent
    assert "Error and concordance of networks on held-out items" in absent
    assert not (out / "tables" / "networks.csv").exists()
    assert (out / "networks" / "networks.json").is_file()
    mv.write_report(featured, out)
    assert (out / "tables" / "networks.csv").is_file()


def test_without_networks_the_command_is_named(
    featured: xr.DataTree,
    study: xr.DataTree,
    only_networks: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    page = Page(mv.write_report(featured, tmp_path / "r").read_text(encoding="utf-8"))
    assert "muvistats deep compare FOLDER --out REPORT" in page.by_id("absent").text
    page = Page(mv.write_report(study, tmp_path / "r").read_text(encoding="utf-8"))
    assert "the study has no audio features" in page.by_id("absent").text
    assert "deep compare" not in page.by_id("absent").text


def test_damaged_networks_are_named(
    featured: xr.DataTree, written: tuple[Path, Page], tmp_path: Path
) -> None:
    folder = shutil.copytree(written[0] / "networks", tmp_path / "networks")
    readings, hashes = {"as_recorded": featured}, {"as_recorded": "none"}
    results, reason = find_networks(folder, readings, hashes)
    assert results is None
    assert "trained on other data" in reason
    table = folder / "compare_architectures.csv"
    text = table.read_text()
    table.write_text(text.replace("lasso", "linear", 1))
    assert "has changed since it was written" in find_networks(folder, readings, hashes)[1]
    table.write_text(text)
    about = json.loads((folder / "networks.json").read_text())
    for change in ({"format": 99}, {"files": {}}, {"diagrams": [1]}, {"diagrams": {"x": {}}}):
        (folder / "networks.json").write_text(json.dumps(about | change))
        assert "cannot be read" in find_networks(folder, readings, hashes)[1]
    for damaged in ("{", "[" * 100_000, '{"format": 1e999}'):
        (folder / "networks.json").write_text(damaged)
        assert "cannot be read" in find_networks(folder, readings, hashes)[1]
    (folder / "networks.json").unlink()
    assert "deep compare" in find_networks(folder, readings, hashes)[1]


@pytest.mark.usefixtures("quick_figures")
def test_a_quick_trial_says_so_and_does_not_count(
    featured: xr.DataTree,
    only_networks: None,  # noqa: ARG001
    tmp_path: Path,
    trained: TrainedNetworks,
) -> None:
    out = tmp_path / "r"
    write_networks(replace(trained, settings=trained.settings | {"quick": True}), out)
    page = Page(mv.write_report(featured, out).read_text(encoding="utf-8"))
    assert "quick trial" in page.by_id("lstm-networks").text
    assert (out / "tables" / "networks-published.csv").is_file()
    claims = [row.text for row in page.all("tr") if "Networks predict better" in row.text]
    assert claims
    assert all("not here" in text for text in claims)
    counts = [int(c.text) for c in page.all("span") if c.text.isdigit()]
    assert sum(counts) == 0


def test_a_failed_writing_leaves_the_old_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: TrainedNetworks
) -> None:
    write_networks(trained, tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "networks").iterdir()}
    bad = replace(trained, architectures={"Nothing": object()})
    with pytest.raises(mv.DataError):
        write_networks(bad, tmp_path)
    after = {path.name: path.read_bytes() for path in (tmp_path / "networks").iterdir()}
    assert after == before
    assert [path.name for path in tmp_path.iterdir()] == ["networks"]
    assert set(json.loads(before[MARKER])["files"]) == set(before) - {MARKER}
    monkeypatch.undo()


def test_kept_predictions_are_those_of_the_frame(featured: xr.DataTree) -> None:
    frame = predictions(featured)
    shuffled = frame.sample(frac=1, random_state=1)
    for rows in (frame, shuffled):
        kept = kept_predictions(rows, featured)
        for fit in kept.fits:
            for place, number in enumerate(fit.items):
                item = kept.inputs.items[number]
                mine = frame[(frame["item"] == item) & (frame["target"] == fit.target)]
                here = kept.inputs.item == number
                order = np.argsort(kept.inputs.time[here])
                np.testing.assert_array_equal(fit.fitted[here][order], mine["fitted"])
                x, y = mine["observed"].to_numpy(), mine["fitted"].to_numpy()
                expected = 2 * np.cov(x, y, ddof=0)[0, 1]
                expected /= x.var() + y.var() + (x.mean() - y.mean()) ** 2
                assert fit.ccc[place] == pytest.approx(expected, rel=1e-12)


def test_summary_as_text(featured: xr.DataTree) -> None:
    frame = scores(featured)
    lines = summary_text(summarise(frame)).splitlines()
    assert len(lines) == 13
    assert lines[0].split()[:3] == ["modality", "features", "configuration"]
    (pair,) = [line for line in lines if "PAIR" in line]
    values = frame.query("configuration == 'pair' and target == 'arousal'")["ccc"]
    assert f"{values.mean():.3f} \u00b1 {values.std():.3f}" in pair


def test_no_network_library_is_imported() -> None:
    assert not {"keras", "tensorflow", "torch"} & set(sys.modules)

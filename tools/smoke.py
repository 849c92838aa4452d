"""A plain installation at work: run by `make smoke`, without extras and outside the checkout."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import muvistats as mv

EXTRAS = ("pytest", "opensmile", "cv2", "torch", "keras", "pingouin")


def main() -> None:
    """Simulate, write, read, test, model, draw and report."""
    there = [name for name in EXTRAS if importlib.util.find_spec(name)]
    assert not there, f"not a minimal installation: {there}"
    assert "site-packages" in mv.__file__, f"not installed: {mv.__file__}"
    with tempfile.TemporaryDirectory() as folder:
        study = mv.simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
        mv.save_dataset(study, Path(folder) / "study.zarr")
        study = mv.open_dataset(Path(folder) / "study.zarr")
        assert len(mv.kruskal_modality(study, n_resamples=99)) == 4
        assert len(mv.chisquare_labels(study, by="gender", n_resamples=99)) == 2
        model = mv.mixed_model(study, "arousal ~ modality + (1 | participant) + (1 | item)")
        assert len(model.tidy()) == 3
        mv.plot_label_frequencies(mv.label_frequencies(study)).savefig(Path(folder) / "x.png")
    print(f"muvistats {mv.__version__} works")


if __name__ == "__main__":
    main()

"""Draw the small sample study and write it to data/sample_muvi, in the layout of the release.

The folder's README.md is written by hand and kept. Run: python data/make_sample.py
"""

from __future__ import annotations

from pathlib import Path

import muvistats as mv

FOLDER = Path(__file__).parent / "sample_muvi"
SEED = 7
ITEMS, PARTICIPANTS = 6, 12


def main() -> None:
    """Write the folder anew."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    study = mv.simulate_muvi(rng=SEED, n_items=ITEMS, n_participants=PARTICIPANTS)
    mv.write_muvi(study, FOLDER, feature_digits=2, overwrite=True)
    (FOLDER / "README.md").write_text(readme, encoding="utf-8")
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"wrote {FOLDER.name}: {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

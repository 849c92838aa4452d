"""Draw docs/_static/architectures.png: the paper's four networks, from the models themselves.

Run it in the environment of `make test-networks`, where Keras is; the pages are made without.
"""

from __future__ import annotations

from pathlib import Path

from muvistats import plot_architectures
from muvistats.deep import early_fusion, late_fusion, pair, unimodal

OUT = Path(__file__).resolve().parents[1] / "docs" / "_static" / "architectures.png"
N_AUDIO, N_VISUAL = 988, 500


def main() -> None:
    """Draw the picture."""
    audio, visual = unimodal(N_AUDIO, kind="audio"), unimodal(N_VISUAL, kind="visual")
    networks = {
        "Unimodal network": audio,
        "Early fusion (A1)": early_fusion(N_AUDIO, N_VISUAL),
        "Late fusion (A2)": late_fusion(N_AUDIO, N_VISUAL),
        "PAIR": pair(audio, visual),
    }
    plot_architectures(networks, width="text").savefig(OUT, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()

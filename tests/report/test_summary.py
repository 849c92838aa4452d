from __future__ import annotations

import pandas as pd
import xarray as xr

from muvistats.report.sources import Source
from muvistats.report.summary import lead


def test_the_lead_says_which_rows_fit_their_items(study: xr.DataTree) -> None:
    check = pd.DataFrame(
        {
            "variable": ["labels", "familiar", "arousal", "valence"],
            "alignment": "as_recorded",
            "lag": [1, 0, 0, 0],
            "best": [True, False, True, True],
            "statistic": [6.14, 0.2, 4.1, 8.4],
        }
    )
    texts = lead(Source({"as_recorded": study}), {"label_alignment": check}, {}, {})
    (said,) = (text.replace("\u00a0", " ") for text in texts if "familiarity" in text)
    assert said == (
        "Labels: the rows do not fit their items. People agree on items only when rows are moved "
        "up by 1 trial (z = 6.1). People agree on items neither as rows stand nor moved: "
        "familiarity. As rows stand, people agree on items beyond chance: arousal (z = 4.1) and "
        "valence (z = 8.4)."
    )

"""What a shell offers."""

from __future__ import annotations

import os
import subprocess
import sys

from muvistats.cli import printing
from muvistats.cli.completion import table_names


def test_the_names_of_all_tables_are_offered():
    assert table_names("") == sorted([*printing.functions(), "list"])
    assert table_names("kruskal_m") == ["kruskal_modality"]
    assert table_names("nothing") == []


def test_a_shell_gets_them_without_loading_anything_heavy():
    code = (
        "import sys\nfrom muvistats.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print([m for m in ('numpy', 'pandas', 'xarray') if m in sys.modules])"
    )
    words = {"COMP_WORDS": "muvistats table krusk", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **words, "_MUVISTATS_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["kruskal", "kruskal_modality", "[]"]

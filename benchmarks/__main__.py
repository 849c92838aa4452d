"""Run every benchmark and print its ratios: ``python -m benchmarks [NAME ...]``."""

from __future__ import annotations

import importlib
import sys

NAMES = ("agreement", "lasso", "mixed", "resampling")


def main(names: list[str]) -> None:
    for name in names or NAMES:
        print(f"## {name}")
        for row in importlib.import_module(f"benchmarks.{name}").run():
            print("  ".join(f"{key}={_show(value)}" for key, value in row.items()), flush=True)


def _show(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Pages made from the code: schema, glossary of result columns, public functions."""

from __future__ import annotations

import csv
from dataclasses import fields
from pathlib import Path

import pandas as pd
from numpydoc.docscrape import ClassDoc
from questions import names_by_question

import muvistats
from muvistats.dataset.schema import VARIABLES
from muvistats.deep.protocols import PROTOCOLS, Protocol
from muvistats.results.glossary import GLOSSARY

API = Path(__file__).parents[1] / "api"

#: What single settings of a protocol do to the result; a script writes it.
SIMULATION = Path(muvistats.__file__).parent / "data" / "simulation"
SETTINGS = SIMULATION / "protocol_settings.csv"

#: How near gold standards come to the truth, and how often a leader is found; scripts write them.
GOLD = SIMULATION / "gold_standards.csv"
DOMINANCE = SIMULATION / "dominance.csv"

#: Scores of networks and linear models on the embedded study; a script goes on with it.
TABLE_6 = SIMULATION / "table_6.csv"

#: What families of features tell of ratings that made media carry; a script writes it.
SENSES = SIMULATION / "senses.csv"

NOT_YET = "This table has not been computed yet.\n"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [
            ("   * - " if i == 0 else "     - ") + (cell or "\\ ") for i, cell in enumerate(row)
        ]
    return "\n".join(lines) + "\n"


def schema_table() -> str:
    rows = [
        [
            f"``{v.group}``",
            f"``{v.name}``",
            " x ".join(v.dims),
            v.kind,
            v.units,
            v.description + (f" (codes: {', '.join(v.flags)})" if v.flags else ""),
        ]
        for v in VARIABLES
    ]
    return _table(["Group", "Variable", "Dims", "Kind", "Units", "Meaning"], rows)


def glossary_table() -> str:
    rows = [[f"``{c.name}``", c.kind, c.description] for c in GLOSSARY.values()]
    return _table(["Column", "Kind", "Meaning"], rows)


def protocols_table() -> str:
    """Settings of the protocols; bold where they are not those of the strict one."""
    described = {each.name: " ".join(each.desc) for each in ClassDoc(Protocol)["Parameters"]}
    for names in [name for name in described if ", " in name]:
        described |= dict.fromkeys(names.split(", "), described[names])
    strict = PROTOCOLS["strict"]
    rows = []
    for field in fields(Protocol):
        if field.name == "name":
            continue
        values = {name: getattr(each, field.name) for name, each in PROTOCOLS.items()}
        cells = [
            f"**{_plain(value)}**" if value != getattr(strict, field.name) else _plain(value)
            for value in values.values()
        ]
        rows.append([f"``{field.name}``", *cells, described[field.name]])
    return _table(["Setting", *PROTOCOLS, "Meaning"], rows)


def _plain(value: object) -> str:
    """A setting in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "all" if value is None else str(value).replace("_", " ")


def settings_table() -> str:
    """The committed table of what single settings do, numbers with three decimals."""
    if not SETTINGS.is_file():
        return NOT_YET
    with SETTINGS.open(encoding="utf-8", newline="") as stream:
        header, *lines = csv.reader(stream)
    rows = [[_cell(cell) for cell in line] for line in lines]
    return _table([name.replace("_", " ") for name in header], rows)


def gold_means() -> pd.DataFrame:
    """The committed table of gold standards, its scores averaged over studies."""
    return pd.read_csv(GOLD).pivot_table(
        index=["raters", "lag_sd", "unreliable"],
        columns="method",
        values=["rmse", "ccc", "seconds"],
        sort=False,
    )


def gold_table(score: str) -> str:
    """One score of each gold standard, the best of a row bold."""
    if not GOLD.is_file():
        return NOT_YET
    means = gold_means()[score]
    best = means.idxmin(axis=1) if score == "rmse" else means.idxmax(axis=1)
    rows = []
    for (raters, lag_sd, unreliable), row in means.iterrows():
        cells = [
            f"**{value:.3f}**" if name == best[raters, lag_sd, unreliable] else f"{value:.3f}"
            for name, value in row.items()
        ]
        rows.append([str(raters), f"{lag_sd:g}", f"{unreliable:.0%}", *cells])
    heads = ["Raters", "Spread of delays", "Unreliable", *(f"``{name}``" for name in means)]
    return _table(heads, rows)


def gold_words() -> str:
    """Means over the whole table, in words."""
    if not GOLD.is_file():
        return NOT_YET
    table = pd.read_csv(GOLD)
    means = table.groupby("method", sort=False)[["rmse", "ccc", "seconds"]].mean()
    by_cell = gold_means()
    wins = {
        "rmse": by_cell["rmse"].idxmin(axis=1).value_counts(),
        "ccc": by_cell["ccc"].idxmax(axis=1).value_counts(),
    }
    lines = [
        f"- ``{name}``: error {row['rmse']:.3f}, concordance {row['ccc']:.3f}, best in "
        f"{wins['rmse'].get(name, 0)} and {wins['ccc'].get(name, 0)} of {len(by_cell)} rows, "
        f"{row['seconds']:.2g} s of processor time for a study of 12 items."
        for name, row in means.iterrows()
    ]
    studies = len(table) // len(means)
    seeds = f"{table['seed'].min()} to {table['seed'].max()}"
    head = f"Means over {studies} studies (seeds {seeds}, version {table['version'].iloc[0]}):"
    return "\n".join([head, "", *lines]) + "\n"


def dominance_words() -> str:
    """How often a picture that takes over was found, in words."""
    if not DOMINANCE.is_file():
        return NOT_YET
    table = pd.read_csv(DOMINANCE)
    planted, null = (table[table["cell"] == cell] for cell in ("planted", "null"))
    found = (planted["p_second"] <= 0.05) & (planted["difference_second"] < 0)
    wrong = null[["p_first", "p_second"]].min(axis=1) <= 0.05
    return (
        f"In {found.sum()} of {len(planted)} simulated studies whose picture takes over valence at "
        "30 s, the second of two windows of 27.5 s said so (adjusted p up to .05). Where neither "
        f"leads, one of the two was significant in {wrong.sum()} of {len(null)}.\n"
    )


def full_length_words() -> str:
    """How far the networks of the embedded study are trained, in words."""
    table = pd.read_csv(TABLE_6)
    run = ["configuration", "modality", "features", "target", "fold", "seed"]
    trained = table.loc[table["seed"] > 0, [*run, "n_epochs"]].drop_duplicates()
    if trained.empty:
        return "None of the 210 trainings is done yet.\n"
    epochs = trained["n_epochs"]
    return (
        f"{len(trained)} of 210 trainings are done (version {table['version'].iloc[0]}); they took "
        f"{epochs.min()} to {epochs.max()} epochs of at most 100.\n"
    )


def senses_table(kind: str) -> str:
    """Scores of models by each family of a kind of features, and by several."""
    if not SENSES.is_file():
        return NOT_YET
    table = pd.read_csv(SENSES)
    table = table[table["kind"] == kind]
    shown = [(metric, target) for metric in ("rmse", "ccc") for target in ("arousal", "valence")]
    rows = []
    for family, found in table.groupby("family", sort=False):
        means = found.set_index(["metric", "target"])["mean"]
        name = str(family).replace("_", " ")
        new = not found["known"].any() and name != "the carriers themselves"
        cells = [f"{means[each]:.3f}" for each in shown]
        rows.append([f"**{name}**" if new else name, str(found["n_features"].iloc[0]), *cells])
    heads = [f"{metric.upper()}, {target}" for metric, target in shown]
    return _table(["Family (new ones bold)", "Features", *heads], rows)


def _cell(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text.replace("_", " ")
    return text if number == int(number) and "." not in text else f"{number:.3f}"


def api() -> str:
    """The page of all public functions, each under its question."""
    parts = []
    for question, names in names_by_question().items():
        listed = "\n   ".join(names)
        parts.append(
            f"{question}\n{'-' * len(question)}\n\n.. autosummary::\n   :toctree: generated\n"
            f"   :nosignatures:\n\n   {listed}\n"
        )
    title = "Functions by question"
    head = f"{title}\n{'=' * len(title)}\n\n.. currentmodule:: muvistats\n\n"
    return head + "\n".join(parts)


def write() -> None:
    """Write the pages that changed, before autosummary reads them."""
    (API / "generated").mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("generated/schema.inc", schema_table()),
        ("generated/glossary.inc", glossary_table()),
        ("generated/protocols.inc", protocols_table()),
        ("generated/protocol_settings.inc", settings_table()),
        ("generated/gold_rmse.inc", gold_table("rmse")),
        ("generated/gold_ccc.inc", gold_table("ccc")),
        ("generated/gold_words.inc", gold_words()),
        ("generated/dominance.inc", dominance_words()),
        ("generated/full_length.inc", full_length_words()),
        ("generated/senses_audio.inc", senses_table("audio")),
        ("generated/senses_visual.inc", senses_table("visual")),
        ("index.rst", api()),
    ):
        path = API / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(_app: object) -> dict[str, bool]:
    write()
    return {"parallel_read_safe": True}

"""Every signature holds what docs/conventions.md says, and every argument is checked alike."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.deep.transfer import SMALL
from muvistats.results.frame import RESULT_COLUMNS
from muvistats.results.parameters import PARAMETERS
from muvistats.results.vocabulary import (
    ADJUSTED_BY_LARGEST,
    FEWER_RESAMPLES,
    FINER_LEVELS,
    LEVELS,
    VERDICTS,
)

ROOT = Path(__file__).parents[2]


def _load_page() -> Any:
    spec = importlib.util.spec_from_file_location("conventions", ROOT / "docs/_ext/conventions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page = _load_page()
FUNCTIONS = page.public_functions()
SIGNATURES = {name: inspect.signature(function) for name, function in FUNCTIONS.items()}


def having(argument: str) -> list[str]:
    """Functions that take an argument."""
    return sorted(
        name for name, signature in SIGNATURES.items() if argument in signature.parameters
    )


def test_the_page_is_what_the_code_says():
    text = (ROOT / "docs" / "conventions.md").read_text("utf-8")
    assert text == page.page(), "run python docs/_ext/conventions.py"


def test_every_argument_is_described_once():
    for name, function in FUNCTIONS.items():
        described = page.split_docstring(inspect.cleandoc(function.__doc__ or ""))[1]
        for argument in SIGNATURES[name].parameters:
            if argument != "self":
                assert argument in described or argument in PARAMETERS, (name, argument)


def test_exceptions_name_functions_and_reasons():
    for argument, parameter in PARAMETERS.items():
        for name, (default, reason) in parameter.exceptions.items():
            assert argument in SIGNATURES[name].parameters, (argument, name)
            assert default != parameter.default
            assert reason


@pytest.mark.parametrize("argument", sorted(set(PARAMETERS) - {"level", "n_resamples", "data"}))
def test_an_argument_has_one_default(argument):
    shared = PARAMETERS[argument]
    takers = having(argument)
    assert len(takers) > 1, "an argument of one function is described there"
    for name in takers:
        default = page.default_of(SIGNATURES[name].parameters[argument])
        expected = shared.exceptions.get(name, (shared.default,))[0]
        if expected == "SMALL":  # the name of a long default
            assert SIGNATURES[name].parameters[argument].default is SMALL
        else:
            assert default == expected, name


@pytest.mark.parametrize("name", having("level"))
def test_levels_are_words_of_one_list_and_default_to_the_coarsest(name):
    parameter = SIGNATURES[name].parameters["level"]
    words = re.findall(r"['\"](\w+)['\"]", str(parameter.annotation))
    order = list(LEVELS)
    assert words == sorted(words, key=order.index)
    assert parameter.default == (FINER_LEVELS[name][0] if name in FINER_LEVELS else words[0])


@pytest.mark.parametrize("name", having("n_resamples"))
def test_resamples_have_one_default_for_p_values_and_one_for_intervals(name):
    default = SIGNATURES[name].parameters["n_resamples"].default
    usual = 9999 if "mc_error" in RESULT_COLUMNS.get(name, ()) else 2000
    assert str(default) == FEWER_RESAMPLES.get(name, (str(usual),))[0]


@pytest.mark.parametrize("name", sorted(set(RESULT_COLUMNS) & set(mv.__all__)))
def test_a_result_can_be_asked_for_what_it_holds(name):
    columns, parameters = RESULT_COLUMNS[name], SIGNATURES[name].parameters
    stored = ("calibration_table", "compare_published", "published")
    if {"conf_low", "simultaneous_low"} & set(columns) and name not in stored:
        assert "conf_level" in parameters
    if "p_adjusted" in columns and name not in ADJUSTED_BY_LARGEST:
        assert "adjust" in parameters
    if "n_resamples" in parameters:
        assert "rng" in parameters


@pytest.mark.slow
def test_verdicts_are_words_of_the_page(study, small):
    table = mv.sensitivity_table(small, n_resamples=19)
    assert set(table["verdict"]) <= set(VERDICTS["sensitivity_table"])
    compared = mv.compare_published(mv.kruskal_modality(study, n_resamples=9), "kruskal_modality")
    assert set(compared["verdict"]) <= set(VERDICTS["compare_published"])
    lists = mv.design_lists(9, n_participants=12, per_cell=4)
    assert set(mv.check_lists(lists)["verdict"].dropna()) <= set(VERDICTS["check_lists"])
    assert set(mv.calibration_table()["verdict"].dropna()) <= set(VERDICTS["calibration"])


# ------------------------------------------------------------------------- nonsense

#: What makes no sense, by argument.
NONSENSE: dict[str, tuple[object, ...]] = {
    "n_jobs": (0, 2.5, "a", True, None),
    "n_resamples": (-1, 2.5, "a", True, None, 10**30, pd.Series([1])),
    "rng": (-1, "3", 2.5, True, np.random.RandomState(1)),
    "conf_level": (0, 1, 95, "a", np.nan, None, True),
    "alternative": ("more", 1, None, ["less"]),
    "adjust": ("tukeyish", 1, None, ["holm"]),
    "dependence": ("robust", 1, None, (), np.array(3)),
    "level": ("nothing", 1, None, ["item"]),
    "dimension": ("nothing", 3, ("arousal", "nothing"), (), {1}, np.array(3), pd.NA, "a\nb" * 999),
    "modality": (3, np.array([1, 2])),
    "cluster": ("nothing at all", 3, ("item", "participant", "modality")),
    "n_folds": (1, 0, 2.5, "a", True),
    "alpha": (0, 1, "a", np.nan),
}

#: Arguments that a function cannot do without.
NEEDED: dict[str, dict[str, object]] = {
    "chisquare": {"formula": "gender ~ modality"},
    "kruskal": {"formula": "arousal ~ modality"},
    "over_time": {"formula": "arousal ~ modality"},
    "mannwhitney": {"formula": "valence ~ gender"},
    "glm": {"formula": "familiar ~ modality"},
    "linear_model": {"formula": "arousal ~ modality"},
    "mixed_model": {"formula": "arousal ~ modality + (1 | participant)"},
    "pairwise": {"formula": "arousal ~ gender"},
    "partial_correlation": {"formula": "valence ~ arousal"},
    "permutation_test": {"statistic": len},
    "rm_corr": {"formula": "valence ~ arousal"},
    "wilcoxon": {"formula": "arousal ~ gender"},
    "design_lists": {"items": 9, "n_participants": 12, "per_cell": 4},
    "write_audformat": {"folder": "nowhere"},
    "write_muvi": {"folder": "nowhere"},
    "from_files": {"pattern": "{item}.csv", "path": "nowhere.zarr"},
}

#: Functions whose first argument is no study.
OTHERS = {
    "calibration",
    "design_lists",
    "power_study",
    "simulate_muvi",
    "simulated_p_values",
    "ccc",
    "from_files",
    "from_frames",
    "resample",
}

CASES = [
    (name, argument)
    for argument in NONSENSE
    for name in having(argument)
    if "." not in name and not name.startswith("plot_")
]


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_nonsense_is_refused_in_one_line(name, argument, small):
    given = () if name in OTHERS else (small,)
    for value in NONSENSE[argument]:
        with pytest.raises((mv.DesignError, mv.DataError)) as error:
            FUNCTIONS[name](*given, **NEEDED.get(name, {}), **{argument: value})
        assert "\n" not in str(error.value), value
        assert len(str(error.value)) < 1200


@pytest.fixture(scope="module")
def small():
    return mv.simulate_muvi(rng=2, n_items=9, n_participants=12)


NUMBERS = {
    "conf_level": np.float64(0.9),
    "n_resamples": np.int64(9),
    "rng": np.int64(3),
    "n_jobs": np.int64(1),
}


@pytest.mark.parametrize("name", ["kruskal_modality", "interrater_ccc", "krippendorff_alpha"])
def test_numbers_of_numpy_are_as_good_as_those_of_python(name, small):
    numbers = {k: v for k, v in NUMBERS.items() if k in SIGNATURES[name].parameters}
    plain = {k: v.item() for k, v in numbers.items()}
    assert FUNCTIONS[name](small, **numbers).equals(FUNCTIONS[name](small, **plain))


def test_a_frame_where_a_study_is_needed_names_the_way():
    frame = mv.annotation_frame(
        mv.simulate_muvi(rng=2, n_items=9, n_participants=12, features=False)
    )
    given = {"path": "x.nc", "formula": "arousal ~ modality"}
    for name, function in FUNCTIONS.items():
        if "." not in name and page.takes(function) == "a study":
            needed = {
                p.name: given.get(p.name, "x")
                for p in list(SIGNATURES[name].parameters.values())[1:]
                if p.default is p.empty
            }
            with pytest.raises(mv.DataError, match="from_frames") as error:
                function(frame, **needed)
            assert "\n" not in str(error.value)

"""No public function that takes a formula runs code, and each names what it refuses."""

from __future__ import annotations

import inspect
import time

import pytest

import muvistats as mv
from muvistats import cli

ATTACKS = {
    "__import__('os').getcwd()": "__import__",
    "gender.str.upper()": "gender.str.upper",
    "[x for x in gender]": "[x for x in gender]",
    "(lambda: gender)()": "lambda",
    "gender[0]": "gender[0]",
    "I(9**9**9) > 1": "9",
    "bs(age, df=1e8)": "bs",
    "gendr": "gendr",
}

#: Arguments that have to be given besides.
OTHERS = {"permutation_test": {"statistic": len}}


def takers() -> list[tuple[str, str]]:
    found = []
    for name in mv.__all__:
        function = getattr(mv, name)
        if inspect.isfunction(function):
            parameters = inspect.signature(function).parameters
            found += [(name, p) for p in ("formula", "by") if p in parameters]
    return found


def test_there_are_takers():
    assert {("kruskal", "formula"), ("chisquare_labels", "by"), ("mixed_model", "formula")} <= set(
        takers()
    )


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(("name", "parameter"), takers())
def test_refused_with_the_token_named(name, parameter, attack, study):
    of_study = name in ("describe_annotations", "over_time", "plot_mean_trajectories")
    data = study if of_study else mv.annotation_frame(study)
    text = attack
    if parameter == "formula":
        bar = " + (1 | participant)" if name == "mixed_model" else ""
        response = {"chisquare": "gender", "cochran": "calm"}.get(name, "arousal")
        text = f"{response} ~ {attack}{bar}"
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with pytest.raises(mv.DesignError) as error:
            getattr(mv, name)(data, **{parameter: text}, **OTHERS.get(name, {}))
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05
    assert ATTACKS[attack] in str(error.value)


@pytest.mark.parametrize("attack", ATTACKS)
def test_refused_on_the_command_line(attack, study, tmp_path, capsys):
    path = tmp_path / "study.nc"
    mv.save_dataset(study, path)
    with pytest.raises(SystemExit) as stop:
        cli.main(["table", "chisquare_labels", str(path), "--by", attack])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert ATTACKS[attack] in said
    assert said.count("\n") == 1


# that there is no column "gendr" is seen in the data only
@pytest.mark.parametrize("attack", sorted(ATTACKS.keys() - {"gendr"}))
def test_a_finding_is_refused_before_anything_is_opened(attack, tmp_path, capsys):
    table = tmp_path / "nowhere.csv"
    with pytest.raises(SystemExit) as stop:
        cli.main(["report", str(table), "--finding", f"tension ~ {attack}: a > b"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert ATTACKS[attack] in said
    assert "no such file" not in said

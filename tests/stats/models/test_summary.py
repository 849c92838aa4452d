"""Summaries of fits, as lme4 and lmerTest lay them out."""

from __future__ import annotations

import re

import pytest

import muvistats as mv
from muvistats.results.glossary import GLOSSARY


@pytest.fixture(scope="module")
def mixed(study):
    return mv.mixed_model(study, "arousal ~ modality + (1 + familiar | participant) + (1 | item)")


def test_a_mixed_model_has_the_parts_of_lmer_in_their_order(mixed):
    text = str(mixed.summary())
    parts = (
        "degrees of freedom after Satterthwaite",
        "Formula:",
        "REML criterion",
        "Scaled residuals:",
        "Random effects:",
    )
    parts = (*parts, "Number of observations: 648", "Fixed effects:", "Pr(>|t|)", "*** p < .001")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "groups: participant, 24; item, 27" in text
    assert repr(mixed.summary()) == str(mixed) == text
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("Simulated data.")


def test_its_numbers_are_those_of_the_frames(mixed):
    text = str(mixed.summary())
    tidy = mixed.tidy().set_index("term").loc["modality[T.visual]"]
    (line,) = (line for line in text.splitlines() if line.startswith("modality[T.visual]"))
    _, estimate, error, df, value, p = line.split(maxsplit=5)
    assert float(estimate) == pytest.approx(tidy["estimate"], abs=5e-4)
    assert float(error) == pytest.approx(tidy["std_error"], abs=5e-4)
    assert float(df) == pytest.approx(tidy["df"], abs=5e-3)
    assert float(value) == pytest.approx(tidy["statistic"], abs=5e-3)
    assert p.endswith("***")
    parts = mixed.variance_components()
    residual = parts.loc[parts["factor"] == "residual", "estimate"].item()
    line = next(line for line in text.splitlines() if line.startswith("Residual "))
    assert float(line.split()[-1]) == pytest.approx(residual, abs=5e-4)
    related = parts.loc[parts["quantity"] == "correlation", "estimate"].item()
    (line,) = re.findall(r"^participant +familiar.*$", text, re.MULTILINE)
    assert float(line.split()[-1]) == pytest.approx(related, abs=5e-3)


def test_other_models_have_what_they_have(study):
    binomial = mv.mixed_model(study, "calm ~ modality + (1 | participant)", family="binomial")
    text = str(binomial.summary())
    assert "AIC" in text
    assert "Pr(>|z|)" in text
    assert "residuals" not in text
    linear = str(mv.linear_model(study, "arousal ~ modality").summary())
    assert "Random effects" not in linear
    assert "Coefficients:" in linear
    assert "Residuals:" in linear
    beta = study_with_shares(study)
    assert "precision" in str(mv.mixed_model(beta, SHARES, family="beta").summary())


SHARES = "share ~ modality + (1 | participant)"


def study_with_shares(study):
    frame = mv.annotation_frame(study)
    return frame.assign(share=(frame["arousal"].clip(-0.98, 0.98) + 1) / 2)


def test_a_notebook_shows_tables(mixed):
    html = mixed._repr_html_()
    assert html == mixed.summary()._repr_html_()
    assert html.count("<table") == html.count("</table>") == 4
    assert "&gt;|t|" in html
    texts = html.count("<p")
    assert texts > 2
    assert html.count('<p class="tex2jax_ignore mathjax_ignore">') == texts
    assert repr(mixed).startswith("<MixedFit ")


def test_what_is_to_be_read_with_care_is_said(study):
    text = str(mv.linear_model(study, "arousal ~ modality + I(age * 0)").summary())
    assert "\u2013" not in text.split("Coefficients:")[0]
    assert "modality[T.visual]" in text


METHODS = {
    **dict.fromkeys(("glance", "tidy", "anova", "augment", "variance_components", "r2", "icc"), ()),
    **dict.fromkeys(("diagnostics", "random_effects"), ()),
    **dict.fromkeys(("emmeans", "contrasts"), ("modality",)),
    "emtrends": ("age",),
}


@pytest.mark.parametrize("kind", ["mixed", "binomial", "linear", "glm"])
def test_frames_of_fits_are_shown_and_miss_nothing_without_a_reason(kind, study):
    formula = "modality + age"
    crossed = f"{formula} + (1 | participant)"
    fit = {
        "mixed": lambda: mv.mixed_model(study, f"arousal ~ {crossed}"),
        "binomial": lambda: mv.mixed_model(study, f"calm ~ {crossed}", family="binomial"),
        "linear": lambda: mv.linear_model(study, f"arousal ~ {formula}"),
        "glm": lambda: mv.glm(study, f"familiar ~ {formula}"),
    }[kind]()
    for name, arguments in METHODS.items():
        if not hasattr(fit, name):
            continue
        frame = getattr(fit, name)(*arguments)
        assert max(map(len, repr(frame).splitlines())) <= 100
        for column in frame.columns.drop("warning"):
            told = frame["warning"].notna().all()
            known = told or frame[column].notna().any()
            assert known or "missing " in GLOSSARY[column].description, (name, column)

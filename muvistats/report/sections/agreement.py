"""How far raters agree: over time, on levels, on labels (Table 5, section 6.3 of the paper)."""

from __future__ import annotations

from functools import partial

import matplotlib.figure
import pandas as pd
import xarray as xr

from ...dataset.access import dimensions_of
from ...plots.agreement import plot_agreement_trajectory, plot_interrater_ccc
from ...results.paper import published
from ...results.words import word
from ...stats.agreement.categories import choice_agreement
from ...stats.agreement.chance_corrected import krippendorff_alpha, label_agreement
from ...stats.agreement.concordance import interrater_ccc
from ...stats.agreement.delays import rater_lag
from ...stats.agreement.intraclass import icc
from ...stats.agreement.ordinal import kendall_w, weighted_kappa
from ...stats.agreement.retest import retest_reliability
from ...stats.agreement.trajectories import agreement_over_time, noise_ceiling
from ..parts import Figure, Frames, Section, Settings, Table, plain, resampled, together
from ..sources import ordinal_dimensions


def _windows_wide(frame: pd.DataFrame) -> pd.DataFrame:
    """One column per window."""
    keys = ["dimension", "modality"]
    table = frame.pivot_table(index=keys, columns="window_start", values="ccc", sort=False)
    ends = frame.drop_duplicates("window_start").set_index("window_start")["window_end"]
    table.columns = pd.Index([f"{start:g}\u2013{ends[start]:g} s" for start in table.columns])
    return table.reset_index()


def _forms_wide(frame: pd.DataFrame) -> pd.DataFrame:
    """One column per form of the intraclass correlation."""
    keys = ["dimension", "modality"]
    table = frame.pivot_table(
        index=keys, columns="estimator", values="estimate", sort=False, dropna=False
    )
    counts = frame.drop_duplicates(keys).set_index(keys)
    for name in ("n", "n_items", "n_participants", "method", "warning"):
        table[name] = counts[name]
    return table.reset_index()


def _labels_wide(frame: pd.DataFrame) -> pd.DataFrame:
    """Kappa of each modality, and everything of all modalities together."""
    kappa = frame[frame["estimator"] == "fleiss_kappa"]
    table = kappa.pivot_table(
        index="label", columns="modality", values="estimate", sort=False, dropna=False
    )
    whole = together(frame)
    overall = whole[whole["estimator"] == "fleiss_kappa"].set_index("label")
    out = pd.DataFrame({"share": overall["share"]})
    for name in table.columns[table.columns != "all"] if len(table.columns) > 1 else ():
        out[f"Kappa, {word(name)}"] = table[name]
    whole_of = ", all" if len(table.columns) > 1 else ""
    out[f"Kappa{whole_of}"] = overall["estimate"]
    for name in ("conf_low", "conf_high", "conf_level"):
        out[name] = overall[name]
    others = {"krippendorff_alpha": f"Alpha{whole_of}", "gwet_ac1": f"AC1{whole_of}"}
    for estimator, title in others.items():
        rows = whole[whole["estimator"] == estimator].set_index("label")
        out[title] = rows["estimate"]
    out["warning"] = overall["warning"]
    return out.reset_index()


def _alpha(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    """Krippendorff's alpha, ordinal of ratings in words."""
    words = ordinal_dimensions(study)
    of_order = partial(krippendorff_alpha, metric="ordinal")
    tests = [
        partial(of_order if name in words else krippendorff_alpha, dimension=name)
        for name in dimensions_of(study)
    ]
    return resampled(*tests)(study, settings)


def _ordinal(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    """Agreement on the order of words: weighted kappa, and Kendall's W where people are known."""
    words = ordinal_dimensions(study)
    frames = [resampled(partial(weighted_kappa, dimension=name))(study, settings) for name in words]
    if "participant" in study["annotations"].coords:
        frames += [kendall_w(study, dimension=name) for name in words]
    return pd.concat(frames, ignore_index=True)


def _typical(study: xr.DataTree, _: Frames) -> matplotlib.figure.Figure:
    """Raters of the item whose agreement is the median of all items."""
    means = (
        interrater_ccc(study, level="annotation")
        .groupby("item", sort=False)["ccc"]
        .mean()
        .dropna()
        .sort_values()
    )
    names = list(means.index) or study["items/item"].to_numpy().tolist()
    return plot_agreement_trajectory(study, item=str(names[len(names) // 2]))


def _table_5(study: xr.DataTree, frames: Frames) -> matplotlib.figure.Figure:
    muvi = str(study.attrs.get("study", "")).startswith("MuVi")
    return plot_interrater_ccc(
        frames["interrater_ccc"], printed=published("interrater_ccc") if muvi else None
    )


AGREEMENT_SECTIONS = (
    Section(
        key="following",
        chapter="agreement",
        title="Following the others over time",
        reference="Table 5, section 6.3, Figure 8",
        text=(
            "Each annotation is compared with the weighted mean (EWE) of the other raters of the "
            "same item and modality, by Lin's concordance (CCC). The table has means over "
            "annotations. Their intervals stand for other items and participants. In windows of "
            "ten seconds concordances are lower: compare them with each other, and not with "
            "those of whole annotations."
        ),
        tables=(
            Table(
                "interrater_ccc",
                "Concordance with the other raters",
                resampled(interrater_ccc, level="modality"),
                needs=("dynamics",),
                published=("interrater_ccc",),
                columns="dimension modality ccc conf_low conf_high sd n n_items n_participants",
            ),
            Table(
                "agreement_over_time",
                "Concordance with the other raters, by window",
                resampled(agreement_over_time),
                needs=("dynamics",),
                view=_windows_wide,
                collapsed=True,
            ),
        ),
        figures=(
            Figure(
                "agreement_figure",
                "Mean concordance with the other raters",
                "Mean and interval of the concordance for each modality and dimension",
                _table_5,
                uses=("interrater_ccc",),
            ),
            Figure(
                "trajectory_figure",
                "Raters of the item with median agreement, their weighted estimator and its spread",
                "Thin lines of the raters, a bold line and a band, one panel for each modality",
                _typical,
                needs=("dynamics",),
            ),
        ),
    ),
    Section(
        key="ceiling",
        chapter="agreement",
        title="What a model could reach, and who is late",
        text=(
            "Few raters make a noisy gold standard, so even a perfect model would not reach a "
            "concordance of 1. The first table says what it would reach. The second table shifts "
            "each rater in time until the rater fits the others best. The shift is found in one "
            "half of the excerpt, and its gain is measured in the other half. The same is done "
            "against another item (mismatched): what is gained there comes from the search "
            "alone."
        ),
        tables=(
            Table(
                "noise_ceiling",
                "Highest concordance within reach of a model",
                resampled(noise_ceiling),
                needs=("dynamics",),
                columns="dimension modality ccc conf_low conf_high sd n",
            ),
            Table(
                "rater_lag",
                "Delay of raters, and what correcting it gains",
                resampled(rater_lag),
                needs=("dynamics",),
                columns=(
                    "dimension modality pairing lag_seconds correlation_at_zero correlation_at_lag "
                    "gain conf_low conf_high n"
                ),
                collapsed=True,
            ),
        ),
    ),
    Section(
        key="reliability",
        chapter="agreement",
        title="Agreement on levels",
        text=(
            "How much of the variation of the ratings lies between items, by intraclass "
            "correlation and by Krippendorff's alpha."
        ),
        also=(
            ("dynamics", "A rating over time is taken by its median."),
            ("ordinal", "Of ratings in words, alpha takes their order alone."),
        ),
        tables=(
            Table(
                "icc",
                "Intraclass correlation",
                plain(icc),
                needs=("rating",),
                view=_forms_wide,
            ),
            Table(
                "krippendorff_alpha",
                "Krippendorff's alpha",
                _alpha,
                needs=("rating",),
                columns="dimension modality estimate conf_low conf_high n n_items n_participants",
            ),
            Table(
                "ordinal_agreement",
                "Weighted kappa and Kendall's W",
                _ordinal,
                needs=("ordinal",),
                columns=(
                    "dimension modality estimator method estimate conf_low conf_high n n_items "
                    "n_participants"
                ),
            ),
        ),
    ),
    Section(
        about="own",
        key="retest",
        chapter="agreement",
        title="Agreement with oneself",
        text=(
            "How far the same people rate the same in another session: concordance, correlation, "
            "the mean change, and the standard error of measurement in points of the scale."
        ),
        tables=(
            Table(
                "retest_reliability",
                "Ratings that came back",
                plain(retest_reliability),
                needs=("rating", "retest"),
                columns="dimension modality estimator estimate conf_low conf_high n n_items "
                "n_participants",
            ),
        ),
    ),
    Section(
        about="own",
        key="choice-agreement",
        chapter="agreement",
        title="Agreement on the answer",
        text=(
            "Agreement on which label was chosen, over all labels and beyond chance. Intervals "
            "stand for other items."
        ),
        tables=(
            Table(
                "choice_agreement",
                "Chance-corrected agreement over all labels",
                resampled(choice_agreement),
                needs=("choice",),
                columns="modality estimator estimate conf_low conf_high n n_items n_participants",
            ),
        ),
    ),
    Section(
        key="label-agreement",
        chapter="agreement",
        title="Agreement on labels",
        text=(
            "Fleiss' kappa has an interval over items; Krippendorff's alpha and Gwet's AC1 stand "
            "beside it. Where hardly anybody chooses a label, most people agree that it does not "
            "fit. Kappa and alpha are near 0 there all the same; AC1 is not."
        ),
        tables=(
            Table(
                "label_agreement",
                "Chance-corrected agreement on each label",
                resampled(label_agreement),
                needs=("labels",),
                each_reading=True,
                view=_labels_wide,
                rules={"conf_low": "number"},
                split=True,
                collapsed=True,
            ),
        ),
    ),
)

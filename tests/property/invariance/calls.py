"""One table of calls: every public function that takes a study, a frame or a result."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

import muvistats as mv

from .studies import Given

#: Resamples of whatever draws.
N = 99

MODEL = "arousal ~ modality + gender + years_of_training + (1 | participant) + (1 | item)"


def call(name: str, given: Given) -> Any:
    """The answer of a function, computed once for what it was given."""
    if name not in given.done:
        given.done[name] = CALLS[name](given)
    return given.done[name]


def of(name: str, /, *args: Any, **arguments: Any) -> Callable[[Given], Any]:
    """A call that gives the function the study, or its frame, and these arguments."""
    return lambda given: getattr(mv, name)(given.data, *args, **arguments, **given.options)


def shown(name: str, source: str, /, **arguments: Any) -> Callable[[Given], Any]:
    """A call that gives the function what another one returned."""
    return lambda given: getattr(mv, name)(
        given.change_result(call(source, given)), **arguments, **given.options
    )


def _stored(suffix: str) -> Callable[[Given], Any]:
    def run(given: Given) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = mv.save_dataset(given.tree, Path(folder, f"study{suffix}"))
            return mv.open_dataset(path) if suffix == ".nc" else mv.load_study(path)

    return run


def _released(given: Given) -> Any:
    groups = {node.path: node.to_dataset(inherit=False) for node in given.tree.subtree}
    bare = xr.DataTree.from_dict({k: v for k, v in groups.items() if "features" not in k})
    bare.attrs = dict(given.tree.attrs)  # the features of a drawn study are not MuVi's
    with tempfile.TemporaryDirectory() as folder:
        path = mv.write_muvi(bare, Path(folder, "muvi"), label_shift=0, faults=False)
        return mv.read_muvi(path, label_alignment="released", cache=False)


def _report(given: Given) -> dict[str, pd.DataFrame]:
    with tempfile.TemporaryDirectory() as folder:
        page = mv.write_report(given.data, Path(folder, "report"))
        files = sorted((page.parent / "tables").glob("*.csv"))
        return {file.name: pd.read_csv(file, keep_default_na=False) for file in files}


def _resampled(given: Given) -> pd.DataFrame:
    log = given.parts.dynamics
    if log is None:
        raise mv.DataError("no recordings")
    return mv.resample(log.sort_values("time", kind="stable"), interval=0.75)


def _contribution(given: Given) -> dict[str, pd.DataFrame]:
    def of(data: Any, scope: str) -> pd.DataFrame:
        last = given.modalities[-1]
        return mv.modality_contribution(data, modality=last, scope=scope, start=1.0, n_resamples=N)

    return {"between": of(given.data, "between_item"), "within": of(given.tree, "within_item")}


def _led(given: Given) -> pd.DataFrame:
    last = given.modalities[-1]
    return mv.dominance_over_time(given.data, modality=last, window=4.0, start=1.0, n_resamples=N)


def _modelled(given: Given) -> pd.DataFrame:
    formula = "arousal ~ time * modality + (1 | participant) + (1 | item)"
    fit = mv.mixed_model(given.tree, formula, correlation="ar1", rho=0.5)
    return fit.trajectories("modality", times=[2.0, 4.0], n_resamples=N)


def _fitted(given: Given) -> mv.LinearFit:
    return mv.linear_model(given.data, "arousal ~ modality", **given.options)


def _concordance(given: Given) -> Any:
    cube = mv.to_cube(given.tree)
    if "time" not in cube.dims:
        raise mv.DataError("no recordings")
    return mv.ccc(cube["arousal"], cube["valence"])


def _masked(given: Given) -> Any:
    chosen = pd.DataFrame({"item": [str(given.tree["items/item"].to_numpy()[0])]})
    return mv.exclude(given.tree, chosen, reason="drawn", what="both")


def _first(given: Given, key: str) -> str:
    return str(given.tree[f"{key}s/{key}"].to_numpy()[0])


def _failures(given: Given) -> pd.DataFrame:
    if "audio" not in given.parts.features:
        raise mv.DataError("no features")
    features = given.parts.features["audio"]
    return mv.extraction_failures(features)


def _featured(given: Given) -> Any:
    if "audio" not in given.parts.features:
        raise mv.DataError("no features")
    return mv.with_features(given.tree, given.parts.features["audio"], kind="audio", overwrite=True)


def _frame(given: Given) -> pd.DataFrame:
    data = given.data
    return data if isinstance(data, pd.DataFrame) else mv.annotation_frame(data)


def _answers(given: Given) -> pd.DataFrame:
    """Each annotation's one answer, `mood`; that of whoever liked an item most is the right one."""
    frame = _frame(given)
    plain = frame.reset_index(drop=True)
    most = plain.dropna(subset="valence").groupby("item", observed=True)["valence"].idxmax()
    return frame.assign(intended=plain["item"].map(plain.loc[most].set_index("item")["mood"]).array)


def _answered(name: str, **arguments: Any) -> Callable[[Given], Any]:
    """A call about one answer of each annotation."""
    return lambda given: getattr(mv, name)(
        _answers(given), labels="mood", **arguments, **given.options
    )


def _again(given: Given) -> pd.DataFrame:
    """Everybody rates again, and says of arousal what they said of valence."""
    frame = _frame(given)
    second = frame.assign(arousal=frame["valence"], session="2")
    both = pd.concat([frame.assign(session="1"), second])
    return mv.retest_reliability(both, dimension="arousal", **given.options)


def _halves(given: Given) -> Any:
    people = sorted(given.tree["participants/participant"].to_numpy())
    parts = {"A": people[::2], "B": people[1::2]}
    return mv.combine({k: mv.select(given.tree, participant=some) for k, some in parts.items()})


def _votes(given: Given) -> Any:
    frame = mv.annotation_frame(given.tree)
    labels = frame.attrs["labels"]
    counts = frame.groupby("item", sort=False)[labels].sum().reset_index()
    return mv.from_votes(counts, labels=labels)


def _wide(given: Given) -> pd.DataFrame:
    keys = ["item", "modality"]
    frame = mv.annotation_frame(given.tree)
    wide = frame.pivot_table("arousal", keys, "participant", aggfunc="first", observed=True)
    return mv.read_wide(wide.reset_index(), keys=keys, across="participant", dimension="arousal")


def _database(given: Given) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return mv.read_audformat(mv.write_audformat(given.tree, Path(folder, "database")))


@lru_cache
def _power() -> pd.DataFrame:
    sizes = {"n_participants": (4, 6), "n_items": 6, "raters_per_cell": 2}
    few = {"n_sims": 4, "n_resamples": 19, "cache": False, "progress": False}
    return mv.power_study(**sizes, **few)


def _spread_of_means(frame: pd.DataFrame) -> float:
    """A statistic that asks for no name or order of groups."""
    values = frame["arousal"].astype("float64")  # pandas adds up narrow ones in their own type
    return float(values.groupby(frame["gender"], observed=True).mean().std())


def _pair(given: Given) -> list[tuple[str, str]]:
    """One set of ratings and features, so that few models are trained."""
    return [(given.modalities[-1], "audio")]


def _trained(name: str, **arguments: Any) -> Callable[[Given], Any]:
    """A call that trains a few small models."""
    few = {"dimension": "arousal", "model": "lasso"}
    return lambda given: getattr(mv, name)(
        given.tree, sets=_pair(given), **few, **arguments, **given.options
    )


CALLS: dict[str, Callable[[Given], Any]] = {
    # the third measure deals raters out at random
    "agreement_by_raters": of("agreement_by_raters", measure=("icc", "ccc"), n_raters=(1, 2, 3)),
    "agreement_over_time": of("agreement_over_time", window=4.0, n_resamples=N),
    "annotation_frame": lambda given: mv.annotation_frame(given.tree),
    "audio_visual_contrast": lambda given: mv.audio_visual_contrast(
        given.tree, modality=given.modalities[-1], n_resamples=3, model="ridge", **given.options
    ),
    "bayes_factor": of("bayes_factor", "valence ~ arousal"),
    "bilder_loughin": of("bilder_loughin", n_resamples=N),
    "ccc": _concordance,
    "chisquare": of("chisquare", "familiar ~ gender", n_resamples=N),
    "chisquare_labels": of("chisquare_labels", n_resamples=N),
    "choice_agreement": _answered("choice_agreement", n_resamples=N),
    "combine": _halves,
    "confusion_matrix": _answered("confusion_matrix"),
    "cochran": lambda given: mv.cochran(
        given.data, f"{given.called('happy')} ~ gender", **given.options
    ),
    "compare_published": shown("compare_published", "kruskal_modality", name="kruskal_modality"),
    "compare_with_human": _trained("compare_with_human"),
    "demographic_model": of("demographic_model", by="modality + gender"),
    "describe_annotations": of("describe_annotations"),
    "describe_design": of("describe_design"),
    "describe_participants": of("describe_participants"),
    "dominance_over_time": _led,
    "ewe": of("ewe"),
    "exclude": _masked,
    "extraction_failures": _failures,
    "family_importance": _trained("family_importance"),
    "feature_models": _trained("feature_models", n_folds=3, n_alphas=10),
    "feature_roughness": of("feature_roughness"),
    "format_table": shown("format_table", "kruskal_modality", style="markdown"),
    "friedman": of("friedman", "arousal ~ modality"),
    "from_votes": _votes,
    "hit_rates": _answered("hit_rates"),
    "from_frames": lambda given: given.parts.build(),
    "glm": lambda given: mv.glm(
        given.data, f"{given.called('happy')} ~ years_of_training", cluster="participant"
    ),
    "gold_standard": lambda given: mv.gold_standard(given.tree, method="latent", max_lag=1.0),
    "icc": of("icc"),
    "indexed": lambda given: mv.indexed(given.tree),
    "in_words": shown("in_words", "kruskal_modality"),
    "inter_subject_correlation": of("inter_subject_correlation", n_resamples=N),
    "interrater_ccc": of("interrater_ccc", n_resamples=N),
    "krippendorff_alpha": of("krippendorff_alpha", n_resamples=N),
    "kendall_w": of("kendall_w"),
    "kruskal": of("kruskal", "arousal ~ gender", n_resamples=N),
    "kruskal_modality": of("kruskal_modality", n_resamples=N),
    "label_agreement": of("label_agreement", n_resamples=N),
    "label_alignment_check": of("label_alignment_check", lags=range(-1, 2), n_resamples=N),
    "label_correlations": of("label_correlations"),
    "label_deviations": of("label_deviations", n_resamples=N),
    "label_frequencies": of("label_frequencies"),
    "label_models": lambda given: mv.label_models(
        given.data, by="(years_of_training > 3)", labels=[given.called("happy")]
    ),
    "label_prediction": of("label_prediction", kind="audio", n_folds=3, n_resamples=N),
    "lasso_models": _trained("lasso_models", n_folds=3),
    "linear_model": of("linear_model", "arousal ~ modality * years_of_training", cluster="item"),
    "load_study": lambda given: call("save_dataset", given),  # which reads what it wrote
    "mannwhitney": of("mannwhitney", "valence ~ familiar", n_resamples=N),
    "mannwhitney_overlay": of("mannwhitney_overlay", n_resamples=N),
    "mixed_model": of("mixed_model", MODEL),
    "modality_contrasts": of("modality_contrasts", quantity="median", n_resamples=N),
    "modality_contribution": _contribution,
    "modality_correlations": of("modality_correlations"),
    "noise_ceiling": of("noise_ceiling", n_resamples=N),
    "normality": of("normality", by="modality", n_resamples=19),
    "open_dataset": _stored(".nc"),
    "over_time": of("over_time", "arousal ~ modality", n_resamples=N),
    "overlay_preference": of("overlay_preference"),
    "pairwise": of("pairwise", "arousal ~ gender", n_resamples=N),
    "pairwise_modality": of("pairwise_modality", n_resamples=N),
    "partial_correlation": of("partial_correlation", "valence ~ arousal", given="n_labels"),
    "permutation_test": of("permutation_test", _spread_of_means, by="gender", n_resamples=N),
    "personal_models": lambda given: mv.personal_models(
        given.tree, sets=_pair(given), dimension="arousal", model="linear", n_folds=3
    ),
    "plot_agreement_trajectory": lambda given: mv.plot_agreement_trajectory(
        given.tree, item=_first(given, "item"), dimension="arousal"
    ),
    "plot_calibration": lambda given: mv.plot_calibration(
        given.change_result(mv.calibration_table())
    ),
    "plot_coefficients": lambda given: mv.plot_coefficients(
        given.change_result(_fitted(given).tidy())
    ),
    "plot_dimension_distributions": of("plot_dimension_distributions"),
    "plot_dominance_over_time": shown("plot_dominance_over_time", "dominance_over_time"),
    "plot_feature_ranks": shown("plot_feature_ranks", "rank_features"),
    "plot_interrater_ccc": shown("plot_interrater_ccc", "interrater_ccc"),
    "plot_label_alignment": shown("plot_label_alignment", "label_alignment_check"),
    "plot_label_correlations": shown("plot_label_correlations", "label_correlations"),
    "plot_label_deviations": shown("plot_label_deviations", "label_deviations"),
    "plot_label_frequencies": shown("plot_label_frequencies", "label_frequencies"),
    "plot_label_plane": of("plot_label_plane"),
    "plot_label_prediction": shown("plot_label_prediction", "label_prediction"),
    "plot_mean_trajectories": of("plot_mean_trajectories"),
    "plot_means": lambda given: mv.plot_means(
        given.change_result(_fitted(given).emmeans("modality"))
    ),
    "plot_modality_contribution": lambda given: mv.plot_modality_contribution(
        given.change_result(call("modality_contribution", given)["within"])
    ),
    "plot_modality_correlations": lambda given: mv.plot_modality_correlations(
        given.change_result(mv.modality_correlations(given.data, level="item"))
    ),
    "plot_over_time": lambda given: mv.plot_over_time(
        given.change_result(
            mv.over_time(given.tree, "arousal ~ modality", level="group", n_resamples=N)
        )
    ),
    "plot_power": lambda given: mv.plot_power(given.change_result(_power())),
    "plot_modality_medians": of("plot_modality_medians"),
    "plot_model_trajectory": shown("plot_model_trajectory", "feature_models"),
    "plot_raincloud": of("plot_raincloud"),
    "plot_rater_concordance": of("plot_rater_concordance"),
    "plot_residuals": lambda given: mv.plot_residuals(
        given.change_result(_fitted(given).augment())
    ),
    "plot_sensitivity": shown("plot_sensitivity", "sensitivity_table"),
    "plot_trajectories": lambda given: mv.plot_trajectories(given.change_result(_modelled(given))),
    "rank_features": _trained("rank_features"),
    "rao_scott": of("rao_scott"),
    "rater_lag": of("rater_lag", max_lag=1.0, n_resamples=N),
    "rater_quality": of("rater_quality"),
    "read_audformat": _database,
    "read_muvi": _released,
    "read_wide": _wide,
    "released_exclusions": lambda given: mv.released_exclusions(given.tree),
    "repeated_lists": of("repeated_lists"),
    "representational_similarity": of("representational_similarity", n_resamples=N),
    "resample": _resampled,
    "retest_reliability": _again,
    "rm_corr": of("rm_corr", "valence ~ arousal"),
    "save_dataset": _stored(".zarr"),
    "select": lambda given: mv.select(given.tree, modality=given.modalities[0]),
    "sensitivity_table": of("sensitivity_table", findings=["arousal ~ modality"], n_resamples=N),
    "to_cube": lambda given: mv.to_cube(given.tree),
    "to_long": lambda given: mv.to_long(given.tree),
    "rates_of_change": lambda given: mv.rates_of_change(given.tree),
    "truncate": lambda given: mv.truncate(given.tree, steps=10),
    "validate": lambda given: mv.validate(given.tree),
    "weighted_kappa": of("weighted_kappa", weighting="quadratic", n_resamples=N),
    "wilcoxon": of("wilcoxon", "arousal ~ gender"),
    "with_features": _featured,
    "write_audformat": lambda given: call("read_audformat", given),  # which reads what it wrote
    "write_muvi": lambda given: call("read_muvi", given),
    "write_report": _report,
}

#: Functions that train models, write folders or ask many questions: one drawn study each.
EXPENSIVE = frozenset(
    {
        "audio_visual_contrast",
        "compare_with_human",
        "family_importance",
        "feature_models",
        "label_prediction",
        "lasso_models",
        "personal_models",
        "plot_feature_ranks",
        "plot_label_prediction",
        "plot_model_trajectory",
        "plot_sensitivity",
        "rank_features",
        "read_audformat",
        "read_muvi",
        "sensitivity_table",
        "write_audformat",
        "write_muvi",
        "write_report",
    }
)

#: Figures that are given the study.
OF_A_STUDY = frozenset(
    {
        "plot_agreement_trajectory",
        "plot_dimension_distributions",
        "plot_label_plane",
        "plot_mean_trajectories",
        "plot_modality_medians",
        "plot_raincloud",
        "plot_rater_concordance",
    }
)

#: Public names that are not in the table, each with a reason.
OUTSIDE = {
    "AlignmentWarning": "a warning",
    "compare_with_truth": "needs the truth of a simulation; see tests/stats/agreement",
    "ConvergenceError": "an error",
    "DataError": "an error",
    "DesignError": "an error",
    "ExtractionWarning": "a warning",
    "FigureWarning": "a warning",
    "DimensionSettings": "a setting of simulate_muvi",
    "FeatureSettings": "a setting of simulate_muvi",
    "LabelSettings": "a setting of simulate_muvi",
    "SimulationSettings": "a setting of simulate_muvi",
    "FeatureModels": "what feature_models returns, which is in the table",
    "LinearFit": "what linear_model returns, which is in the table",
    "MissingExtraError": "an error",
    "MixedFit": "what mixed_model returns, which is in the table",
    "MuvistatsError": "an error",
    "Scenario": "a setting of calibration",
    "UnsealedWarning": "a warning",
    "calibration": "takes no data; n_jobs is held in tests/stats/simulations",
    "calibration_table": "takes no data: a committed table",
    "check_lists": "takes lists of trials, which hold no ratings; see tests/annotate",
    "design_lists": "takes no data: it makes lists of trials",
    "from_files": "reads files; see tests/dataset/importing",
    "gems_taxonomy": "takes no data: a committed table",
    "lists_power": "takes lists of trials; n_jobs is held in tests/stats/simulations",
    "plot_architecture_comparison": "takes what trained networks gave; see tests/networks",
    "plot_architectures": "takes networks; see tests/networks",
    "power_study": "takes no data; n_jobs is held in tests/stats/simulations",
    "published": "takes no data: the printed values",
    "read_annotations": "takes a folder of the annotation page; see tests/annotate",
    "read_lists": "takes a file of lists; see tests/annotate",
    "write_annotation_page": "takes clips; see tests/annotate",
    "write_lists": "takes lists of trials; see tests/annotate",
    "simulated_p_values": "takes no data: the p-values that calibration counts",
    "simulate_muvi": "takes no data; it makes a study",
}

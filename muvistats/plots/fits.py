"""Figures of fitted models: coefficients, estimated means, residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from scipy import stats
from scipy.special import expit

from ..arguments import check_choice, check_flag
from ..errors import DataError
from ..types import Floats
from .layout import header, legend, panel, panels
from .paper import GREY, INK, Width
from .style import PALE, colours, interval_level, markers, name_rows, require, styled, words

_TIDY = ("term", "estimate", "conf_low", "conf_high")

#: More points than this are thinned out.
_MOST_POINTS = 3000

#: Scales of the response by the link that leads to them.
_INVERSES: dict[str, Any] = {"identity": lambda eta: eta, "logit": expit, "log": np.exp}


@styled
def plot_coefficients(
    fits: Any,
    *,
    intercept: bool = False,
    exponentiate: bool = False,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the coefficients of a model, or of several side by side, as a forest plot.

    Parameters
    ----------
    fits : LinearFit, MixedFit, DataFrame, or mapping of str to these
        A fitted model, the frame of its tidy method, or several of them by their names.
    intercept : bool
        Whether to draw the intercept and the thresholds too.
    exponentiate : bool
        Whether to draw odds ratios (or ratios of rates) on a logarithmic axis.

    Returns
    -------
    Figure
        One row per term: the estimate with its interval, a line where there is no effect. Terms
        without an estimate are said to have none.

    Raises
    ------
    DataError
        When something is neither a fit nor its `tidy()`, or no term is left.

    See Also
    --------
    plot_means : what a model estimates for each group.

    Examples
    --------
    >>> from muvistats import mixed_model, plot_coefficients, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = mixed_model(study, "arousal ~ modality + (1 | participant) + (1 | item)")
    >>> figure = plot_coefficients(fit)
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['modality[T.visual]', 'modality[T.audiovisual]']
    """
    check_flag("intercept", intercept)
    check_flag("exponentiate", exponentiate)
    several = dict(fits) if isinstance(fits, Mapping) else {"": fits}
    frames = {str(name): _tidy(each, intercept=intercept) for name, each in several.items()}
    terms = list(dict.fromkeys(term for frame in frames.values() for term in frame["term"]))
    if not terms:
        raise DataError("no coefficient to draw", expected="a model with terms, or intercept=True")
    whole = pd.concat(list(frames.values()))
    fig, ax = panel(6.4, 0.75 + (0.2 + 0.14 * len(frames)) * len(terms))
    looks = zip(colours(list(frames)).values(), markers(list(frames)).values(), strict=True)
    offsets = (np.arange(len(frames)) - (len(frames) - 1) / 2) * (0.7 / max(len(frames), 2))
    turn = np.exp if exponentiate else _INVERSES["identity"]
    for (name, frame), look, offset in zip(frames.items(), looks, offsets, strict=True):
        rows = frame.drop_duplicates("term").set_index("term").reindex(terms)
        limits = turn(rows[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float))
        known = rows.index.isin(frame["term"])
        _intervals(ax, limits, np.arange(len(terms)) + offset, look, name, known)
    ax.axvline(float(turn(0.0)), color=GREY, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
    if exponentiate:
        ax.set_xscale("log")
        low, high = ax.get_xlim()
        spread = high / low
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if spread < 30 else (1,)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("ratio, logarithmic" if exponentiate else "estimate")
    name_rows(ax, terms)
    if len(frames) > 1:
        legend(fig, ax.get_legend_handles_labels()[0])
    header(fig, whole, "Coefficients", f"lines: {interval_level(whole)} intervals")
    return fig


def _tidy(model: Any, *, intercept: bool) -> pd.DataFrame:
    """Coefficients of a fit, or the frame that holds them."""
    if not isinstance(model, pd.DataFrame) and not hasattr(model, "tidy"):
        raise DataError(
            "neither a fit nor its coefficients",
            found=type(model).__name__,
            expected="mixed_model(...), or .tidy() of it",
        )
    frame = model if isinstance(model, pd.DataFrame) else model.tidy()
    require(frame, "tidy", *_TIDY)
    threshold = frame["term"].str.contains("|", regex=False)
    return frame if intercept else frame[(frame["term"] != "Intercept") & ~threshold]


def _intervals(
    ax: Axes,
    limits: Floats,
    places: Floats,
    look: tuple[str, str],
    name: str,
    known: Any,
) -> None:
    """Estimates with their intervals, (row, estimate and both limits)."""
    estimate, low, high = limits.T
    ax.hlines(places, low, high, color=look[0], linewidth=1.8, gid="interval")
    ax.plot(estimate, places, look[1], color=look[0], markersize=5.5, label=name, gid="estimate")
    for place in places[np.isnan(estimate) & known]:
        spot = ax.get_yaxis_transform()
        ax.text(0.02, place, "no estimate", transform=spot, color=GREY, va="center")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


@styled
def plot_means(
    frame: pd.DataFrame,
    *,
    scale: Literal["response", "link"] = "response",
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the means that a model estimates for each group.

    Parameters
    ----------
    frame : DataFrame
        Result of `emmeans()` of a fitted model, by one factor or by several.
    scale : {"response", "link"}
        Whether means are shares, rates or ratings, or values on the scale of the link. Those of
        cumulative models are on the scale of the link in any case.

    Returns
    -------
    Figure
        One row per level of the first factor, one colour and marker per combination of the
        others; each mean with its interval.

    Raises
    ------
    DataError
        When the frame is not one of `emmeans()`.

    See Also
    --------
    plot_coefficients : the coefficients of a model.

    Examples
    --------
    >>> from muvistats import mixed_model, plot_means, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = mixed_model(study, "arousal ~ modality * gender + (1 | participant) + (1 | item)")
    >>> figure = plot_means(fit.emmeans(["modality", "gender"]))
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['Music', 'Visual', 'Audiovisual']
    """
    check_choice("scale", scale, ("response", "link"))
    require(frame, "emmeans", "factor", "group", "estimate", "conf_low", "conf_high", "fitted")
    factors = str(frame["factor"].iloc[0]).split(", ")
    parts = [str(group).split(", ") for group in frame["group"]]
    if any(len(part) != len(factors) for part in parts):  # a level has a comma of its own
        factors, parts = [", ".join(factors)], [[str(group)] for group in frame["group"]]
    levels = list(dict.fromkeys(part[0] for part in parts))
    others = list(dict.fromkeys(", ".join(part[1:]) for part in parts))
    link = _link_of(frame)
    turn = _INVERSES[link if scale == "response" and link else "identity"]
    fig, ax = panel(6.4, 0.9 + (0.22 + 0.14 * len(others)) * len(levels))
    looks = zip(colours(others).values(), markers(others).values(), strict=True)
    offsets = (np.arange(len(others)) - (len(others) - 1) / 2) * (0.7 / max(len(others), 2))
    values = frame[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)
    for other, look, offset in zip(others, looks, offsets, strict=True):
        at = [place for place, part in enumerate(parts) if ", ".join(part[1:]) == other]
        places = np.array([levels.index(parts[place][0]) for place in at]) + offset
        known = np.ones(len(at), dtype=bool)
        _intervals(ax, turn(values[at]), places, look, words(other), known)
    name_rows(ax, [words(level) for level in levels])
    is_link = (scale == "link" and link != "identity") or not link
    ax.set_xlabel("estimated mean" + (f" ({link or 'latent'} scale)" if is_link else ""))
    if len(others) > 1:
        legend(fig, ax.get_legend_handles_labels()[0])
    by = " and ".join(words(name).lower() for name in factors)
    header(fig, frame, f"Estimated means by {by}", f"lines: {interval_level(frame)} intervals")
    return fig


def _link_of(frame: pd.DataFrame) -> str:
    """Link whose inverse leads from the estimates to the means; empty where none does."""
    eta, mean = frame["estimate"].to_numpy(dtype=float), frame["fitted"].to_numpy(dtype=float)
    good = np.isfinite(eta) & np.isfinite(mean)
    eta, mean = eta[good], mean[good]
    links = (name for name, turn in _INVERSES.items() if np.allclose(turn(eta), mean, rtol=1e-6))
    return next(links, "")


@styled
def plot_residuals(
    fit: Any,
    *,
    show: Literal["both", "fitted", "qq"] = "both",
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the residuals of a model against its fitted values and against a normal distribution.

    Parameters
    ----------
    fit : LinearFit or MixedFit
        A fitted model, or the frame of its augment method.
    show : {"both", "fitted", "qq"}
        Which of the two to draw.

    Returns
    -------
    Figure
        Left, residuals and their mean in bins of the fitted values, which should keep to 0 with
        the same spread everywhere. Right, their quantiles against those of a normal distribution,
        with the band that holds each point 95 times in 100.

    Raises
    ------
    DataError
        When it is no fit, or has no residual.

    Notes
    -----
    Residuals are Pearson's for mixed models, and in standard deviations. They are normal for
    gaussian models only: of others the left panel is what to look at. The band takes residuals as
    independent; those of neighbouring times go together, so that it is too narrow for them.

    See Also
    --------
    MixedFit.diagnostics : tests of the same.

    Examples
    --------
    >>> from muvistats import mixed_model, plot_residuals, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = mixed_model(study, "arousal ~ modality + (1 | participant) + (1 | item)")
    >>> [ax.get_title("left") for ax in plot_residuals(fit).axes]
    ['Against fitted values', 'Against a normal distribution']
    """
    check_choice("show", show, ("both", "fitted", "qq"))
    frame = fit.augment() if hasattr(fit, "augment") else fit
    require(frame, "augment", "fitted", "residual")
    column = "pearson_residual" if "pearson_residual" in frame else "residual"
    fitted, residual = (frame[name].to_numpy(dtype=float) for name in ("fitted", column))
    good = np.isfinite(fitted) & np.isfinite(residual)
    if not good.any() or residual[good].std() == 0:
        raise DataError("no residual that varies", column=column)
    fitted, residual = fitted[good], residual[good] / residual[good].std()
    shown = [name for name in ("fitted", "qq") if show in ("both", name)]
    fig, grid = panels(1, len(shown), 0.4 + 3.7 * len(shown), 3.2, least=2.6)
    for ax, name in zip(grid[0], shown, strict=True):
        (_against_fitted if name == "fitted" else _against_normal)(ax, fitted, residual)
    family = str(getattr(fit, "family", "gaussian"))
    apart = "" if family == "gaussian" else f"; a {family} model need not be normal"
    note = f"{len(residual):,} residuals in standard deviations{apart}"
    header(fig, frame, "Residuals", note)
    return fig


def _thinned(count: int) -> Any:
    """Places of at most so many points, evenly over all."""
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).astype(int))


_DOT: dict[str, Any] = {
    "color": "#4C7A99",
    "markersize": 3,
    "alpha": 0.5,
    "markeredgewidth": 0,
    "rasterized": True,
    "gid": "residual",
}


def _against_fitted(ax: Axes, fitted: Floats, residual: Floats) -> None:
    """Residuals by fitted value, and their means in bins of as many each."""
    some = _thinned(len(fitted))
    ax.plot(fitted[some], residual[some], "o", **_DOT)
    ax.axhline(0, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
    edges = np.unique(np.quantile(fitted, np.linspace(0, 1, max(2, min(20, len(fitted) // 10)))))
    means = pd.DataFrame({"x": fitted, "y": residual}).groupby(np.digitize(fitted, edges)).mean()
    ax.plot(means["x"], means["y"], color=INK, linewidth=1.6, gid="mean")
    ax.set(xlabel="fitted", ylabel="residual (sd)")
    ax.set_title("Against fitted values")


def _against_normal(ax: Axes, _: Floats, residual: Floats) -> None:
    """Ordered residuals by normal quantiles, with the band of each order statistic."""
    count = len(residual)
    rank = np.arange(1, count + 1)[_thinned(count)]
    at = stats.norm.ppf((rank - 0.375) / (count + 0.25))
    low, high = (stats.norm.ppf(stats.beta.ppf(p, rank, count + 1 - rank)) for p in (0.025, 0.975))
    ax.fill_between(at, low, high, color=PALE, alpha=0.7, linewidth=0, gid="band")
    ax.plot(at, at, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
    ax.plot(at, np.sort(residual)[rank - 1], "o", **_DOT)
    ax.set(xlabel="normal quantile", ylabel="residual (sd)")
    ax.set_title("Against a normal distribution")

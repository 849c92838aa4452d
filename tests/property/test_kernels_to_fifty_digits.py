"""Closed-form kernels against 50 digits, far from 0 and in the smallest and largest units."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import muvistats as mv
from muvistats.kernels import contingency
from muvistats.kernels.ranks.dominance import dominance, dunn
from muvistats.kernels.ranks.effects import epsilon_squared, partial_eta_squared
from muvistats.kernels.ranks.signed_rank import pseudomedian, signed_rank_biserial
from muvistats.kernels.raters.agreement import ceiling_ccc, leave_one_out_ccc
from muvistats.kernels.raters.alignment import item_signal, place
from muvistats.kernels.raters.rater_fit import rater_fit
from muvistats.kernels.raters.reliability import (
    agreement_coefficients,
    icc_forms,
    interval_alpha,
    interval_sums,
    nominal_sums,
)
from muvistats.kernels.sampling import correlation
from muvistats.kernels.sampling.corrected_t import corrected_t
from muvistats.kernels.sampling.multiway import effective_df

#: Origins and units: value = (x + shift) * scale.
PLACES = pytest.mark.parametrize(
    ("shift", "scale"),
    [(0.0, 1.0), (1e8, 1.0), (-1e8, 1.0), (0.0, 1e-200), (0.0, 1e200), (1e8, 1e-200), (1e8, 1e190)],
)


@pytest.fixture(autouse=True)
def fifty_digits():
    with mpmath.workdps(50):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def exact(values):
    """The same numbers, with room for all digits."""
    return np.array([mpf(float(v)) for v in np.ravel(values)], dtype=object).reshape(values.shape)


def close(ours, theirs, rtol=1e-10):
    """Whether a number agrees with an exact one; an exact 0 is met to rounding."""
    error = abs(mpf(float(ours)) - theirs)
    assert error <= rtol * abs(theirs), f"{float(ours)!r} for {mpmath.nstr(theirs, 17)}"


def cross(x, y):
    return ((x - x.mean()) * (y - y.mean())).sum()


def exact_ccc(x, y, ddof=0):
    d = len(x) - ddof
    gap = x.mean() - y.mean()
    return 2 * cross(x, y) / d / ((cross(x, x) + cross(y, y)) / d + gap**2)


def exact_r(x, y):
    return cross(x, y) / mpmath.sqrt(cross(x, x) * cross(y, y))


@PLACES
@pytest.mark.parametrize("ddof", [0, 1])
def test_concordance(rng, shift, scale, ddof):
    x = rng.normal(size=40)
    y = 0.6 * x + rng.normal(size=40) + 0.2
    x, y = (x + shift) * scale, (y + shift) * scale
    close(mv.ccc(x, y, ddof=ddof), exact_ccc(exact(x), exact(y), ddof))


@PLACES
def test_concordance_with_the_others(rng, shift, scale):
    values = (rng.normal(size=30) + 0.7 * rng.normal(size=(4, 30)) + shift) * scale
    ours, rows = leave_one_out_ccc(values, np.array([0])), exact(values)
    for j, mine in enumerate(ours):
        others = np.delete(rows, j, axis=0)
        weight = np.array([max(mpf(0), exact_r(row, others.mean(axis=0))) for row in others])
        close(mine, exact_ccc(rows[j], (weight[:, None] * others).sum(axis=0) / weight.sum()))


@PLACES
def test_ceiling_has_neither_origin_nor_unit(rng, shift, scale):
    values = (rng.normal(size=30) + 0.7 * rng.normal(size=(4, 30)) + shift) * scale
    back = (exact(values) / mpf(scale) - mpf(shift)).astype(float)
    start = np.array([0])
    assert ceiling_ccc(values, start)[0] == pytest.approx(ceiling_ccc(back, start)[0], rel=1e-10)


@PLACES
def test_interval_alpha(rng, shift, scale):
    values = ((rng.normal(size=(12, 1)) + rng.normal(size=(12, 5))) + shift) * scale
    units = np.repeat(np.arange(12), 5)
    rated = rng.random(60) < 0.8
    x, units = values.ravel()[rated], units[rated]
    ours = interval_alpha(interval_sums(x, units, 12).sum(axis=0))
    parts = [exact(x[units == unit]) for unit in range(12) if (units == unit).sum() > 1]
    every = np.concatenate(parts)
    within = sum(len(p) * cross(p, p) / (len(p) - 1) for p in parts)
    n = len(every)
    close(ours, 1 - (n - 1) * within / (n * cross(every, every)))


def exact_squares(x):
    n, k = x.shape
    row, column, grand = x.mean(axis=1), x.mean(axis=0), x.mean()
    residual = x - row[:, None] - column[None, :] + grand
    msb = k * ((row - grand) ** 2).sum() / (n - 1)
    msc = n * ((column - grand) ** 2).sum() / (k - 1)
    mse = (residual**2).sum() / ((n - 1) * (k - 1))
    msw = ((x - row[:, None]) ** 2).sum() / (n * (k - 1))
    return msb, msc, mse, msw


@PLACES
def test_intraclass_correlation(rng, shift, scale):
    values = rng.normal(size=(9, 1)) + 0.3 * rng.normal(size=4) + 0.5 * rng.normal(size=(9, 4))
    x = (values + shift) * scale
    n, k = x.shape
    msb, msc, mse, msw = exact_squares(exact(x))
    theirs = {
        "ICC(1)": ((msb - msw) / (msb + (k - 1) * msw), msb / msw),
        "ICC(A,1)": ((msb - mse) / (msb + (k - 1) * mse + k * (msc - mse) / n), msb / mse),
        "ICC(C,1)": ((msb - mse) / (msb + (k - 1) * mse), msb / mse),
        "ICC(k)": ((msb - msw) / msb, msb / msw),
        "ICC(A,k)": ((msb - mse) / (msb + (msc - mse) / n), msb / mse),
        "ICC(C,k)": ((msb - mse) / msb, msb / mse),
    }
    forms = icc_forms(x)
    assert [form.name for form in forms] == list(theirs)
    for form in forms:
        estimate, f = theirs[form.name]
        close(form.estimate, estimate)
        close(form.f, f)
        df1, df2 = mpf(form.df), mpf(form.df_denom)
        place = df2 / (df2 + df1 * f)
        close(form.p_value, mpmath.betainc(df2 / 2, df1 / 2, 0, place, regularized=True))
        assert form.conf_low < form.estimate < form.conf_high


def test_agreement_on_labels(rng):
    chosen, units = (rng.random(50) < 0.4).astype(float), rng.integers(0, 9, 50)
    ours = agreement_coefficients(nominal_sums(chosen[:, None], units, 9).sum(axis=0))
    cells = [(mpf(int(np.sum(units == u))), mpf(int(chosen[units == u].sum()))) for u in range(9)]
    cells = [(m, r) for m, r in cells if m > 1]
    agree = [(r * (r - 1) + (m - r) * (m - r - 1)) / (m * (m - 1)) for m, r in cells]
    p = sum(r / m for m, r in cells) / len(cells)
    observed, n, r = sum(agree) / len(agree), sum(m for m, _ in cells), sum(r for _, r in cells)
    pool, gwet = p**2 + (1 - p) ** 2, 2 * p * (1 - p)
    weighted = sum(m * a for (m, _), a in zip(cells, agree, strict=True))
    close(ours["fleiss_kappa"][0], (observed - pool) / (1 - pool))
    close(ours["gwet_ac1"][0], (observed - gwet) / (1 - gwet))
    close(ours["krippendorff_alpha"][0], 1 - (n - weighted) * (n - 1) / (2 * r * (n - r)))


@PLACES
def test_correlation(rng, shift, scale):
    x = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3))
    x = (x + shift) * scale
    matrix, columns = correlation.pearson_matrix(x), exact(x)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        r = exact_r(columns[:, i], columns[:, j])
        close(matrix[i, j], r)
        close(correlation.pearson_rows(x.T[[i]], x.T[[j]])[0][0], r)


@pytest.mark.parametrize("r", [-0.99999, -0.3, 1e-6, 0.5, 0.9999999])
def test_p_and_limits_of_a_correlation(r):
    df = mpf(23)
    exact_p = mpmath.betainc(df / 2, mpf("0.5"), 0, (1 - mpf(r)) * (1 + mpf(r)), regularized=True)
    close(correlation.correlation_p(np.array([r]), 23)[0], exact_p)
    half = mpmath.sqrt(2) * mpmath.erfinv(mpf("0.95")) / mpmath.sqrt(df - 1)
    z = mpmath.atanh(mpf(r))
    for ours, theirs in zip(
        correlation.fisher_interval(np.array([r]), 23, 0.95), (z - half, z + half), strict=True
    ):
        close(ours[0], mpmath.tanh(theirs))


@PLACES
def test_mean_of_folds(rng, shift, scale):
    x = (rng.normal(size=10) + shift) * scale
    found, values = corrected_t(x, 0.25), exact(x)
    error = mpmath.sqrt((mpf("0.1") + mpf("0.25")) * cross(values, values) / 9)
    close(found.estimate, values.mean())
    close(found.std_error, error)
    close(found.statistic, values.mean() / error)


@PLACES
def test_fit_of_a_rater(rng, shift, scale):
    x = rng.normal(size=(12, 2))
    y = (0.5 * x + rng.normal(size=(12, 2)) + shift) * scale
    x = (x + shift) * scale
    a, b = ((v - v.mean(axis=0)) for v in (exact(x), exact(y)))
    theirs = (a * b).sum() / mpmath.sqrt((a**2).sum() * (b**2).sum())
    close(rater_fit(x, y)[0], theirs)


@PLACES
def test_item_signal(rng, shift, scale):
    people, items = 6, 5
    item = np.concatenate([rng.permutation(items) for _ in range(people)])
    participant = np.repeat(np.arange(people), items)
    values = (rng.normal(size=(items, 1))[item] + rng.normal(size=(30, 1)) + shift) * scale
    placed = place(values, item, participant, np.tile(np.arange(items), people), 0)
    found = item_signal(placed, np.arange(people))
    x = exact(values)[:, 0]
    x = x - np.array([x[participant == p].mean() for p in participant])
    between = sum(x[item == i].sum() ** 2 / people for i in range(items))
    close(found.share, between / (x**2).sum())


@PLACES
def test_ranks_have_neither_origin_nor_unit(rng, shift, scale):
    plain = rng.integers(0, 20, 40).astype(float)
    x, codes = (plain + shift) * scale, rng.integers(0, 3, 40)
    assert epsilon_squared(x, codes, 3) == epsilon_squared(plain, codes, 3)
    assert np.array_equal(dunn(x, codes, 3).z, dunn(plain, codes, 3).z)
    assert dominance(x[:15], x[15:]) == dominance(plain[:15], plain[15:])
    moved, steps = (plain - plain[0]) * scale, plain - plain[0]
    assert signed_rank_biserial(moved) == signed_rank_biserial(steps)
    for ours, theirs in zip(pseudomedian(x, 0.9), pseudomedian(plain, 0.9), strict=True):
        assert ours == pytest.approx((theirs + shift) * scale, rel=1e-12)


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**600])
def test_degrees_of_freedom_of_clusters_have_no_unit(rng, scale):
    influence = rng.normal(size=(9, 3))
    assert np.array_equal(effective_df(influence * scale), effective_df(influence))


def test_ranks_by_definition(rng):
    x, codes = rng.integers(0, 9, 30).astype(float), rng.integers(0, 3, 30)
    rank = [mpf(int((x < v).sum())) + (mpf(int((x == v).sum())) + 1) / 2 for v in x]
    rank, n = np.array(rank, dtype=object), mpf(len(x))
    means = [rank[codes == g].mean() for g in range(3)]
    size = [mpf(int((codes == g).sum())) for g in range(3)]
    total = ((rank - rank.mean()) ** 2).sum()
    between = sum(s * (m - rank.mean()) ** 2 for s, m in zip(size, means, strict=True))
    close(epsilon_squared(x, codes, 3), between / total)
    found = dunn(x, codes, 3)
    for i, j, z in zip(found.first, found.second, found.z, strict=True):
        variance = total / (n - 1) * (1 / size[i] + 1 / size[j])
        close(z, (means[i] - means[j]) / mpmath.sqrt(variance))
    a, b = x[codes == 0], x[codes == 1]
    wins = sum(int((v > b).sum()) - int((v < b).sum()) for v in a)
    close(dominance(a, b).delta, mpf(wins) / (len(a) * len(b)))


@pytest.mark.parametrize("times", [1, 10**6])
def test_residuals_of_counts(rng, times):
    counts = rng.integers(1, 30, (3, 4)) * times
    counts[0, 0] *= 10_000
    table = np.array([[mpf(int(v)) for v in row] for row in counts], dtype=object)
    n, rows, columns = table.sum(), table.sum(axis=1), table.sum(axis=0)
    expected, residuals = contingency.standardized_residuals(counts)
    for i in range(3):
        for j in range(4):
            e = rows[i] * columns[j] / n
            spread = mpmath.sqrt(e * (1 - rows[i] / n) * (1 - columns[j] / n))
            close(expected[i, j], e)
            close(residuals[i, j], (table[i, j] - e) / spread)


def test_effect_sizes_of_counts():
    statistic, n, rows, columns = mpf("31.7"), mpf(412), 3, 5
    phi2 = statistic / n - mpf((rows - 1) * (columns - 1)) / (n - 1)
    sides = [side - mpf(side - 1) ** 2 / (n - 1) for side in (rows, columns)]
    close(contingency.cramers_v(31.7, 412, (3, 5)), mpmath.sqrt(phi2 / (min(sides) - 1)))
    eta = partial_eta_squared(4.2, 2, 37.5, 0.95)[0]
    close(eta, mpf("4.2") * 2 / (mpf("4.2") * 2 + mpf("37.5")))

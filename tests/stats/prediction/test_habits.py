"""Habits of raters that were planted, and what they may be learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from muvistats.stats.prediction.habits import Ratings, learn, mean_of_others, parts_of

PEOPLE, ITEMS = 16, 24
TIME = np.arange(60) * 0.5
EVERYBODY = np.ones(PEOPLE * ITEMS, dtype=bool)


def planted(noise: float = 0.02, seed: int = 0) -> tuple[Ratings, dict[str, np.ndarray]]:
    """Everybody rates everything with a level, a spread, a reach and a delay of their own."""
    rng = np.random.default_rng(seed)
    true = {
        "level": rng.normal(0, 0.2, PEOPLE),
        "spread": rng.normal(0, 0.3, PEOPLE),
        "reach": rng.normal(0, 0.15, PEOPLE),  # a late course counts as often as it is larger
        "delay": rng.normal(0, 0.5, PEOPLE),
    }
    true = {name: values - values.mean() for name, values in true.items()}
    item = np.repeat(np.arange(ITEMS), PEOPLE)
    person = np.tile(np.arange(PEOPLE), ITEMS)
    at = rng.normal(0, 0.4, ITEMS)
    phase = rng.uniform(0, 2 * np.pi, ITEMS)[item][:, None]
    course = 0.5 * np.sin(2 * np.pi * (TIME - true["delay"][person][:, None]) / 15 + phase)
    values = (at[item] * (1 + true["spread"][person]) + true["level"][person])[:, None]
    values = values + (1 + true["reach"][person])[:, None] * course
    values += rng.normal(0, noise, values.shape)
    profile = np.empty((len(item), 0))
    return Ratings(values, TIME, item, item, person, PEOPLE, profile), true


@pytest.mark.parametrize("name", ["level", "spread", "reach", "delay"])
def test_planted_habits_are_found(name):
    ratings, true = planted()
    found = getattr(learn(ratings, EVERYBODY), name)
    assert np.corrcoef(found, true[name])[0, 1] > 0.98
    assert np.polyfit(true[name], found, 1)[0] == pytest.approx(1, abs=0.15)


def test_habits_make_the_rating_of_the_average():
    ratings, _ = planted()
    use = ratings.item % 2 == 0
    rows = np.flatnonzero(~use)
    habits = learn(ratings, use)
    everybody = np.array([ratings.values[ratings.item == i].mean(axis=0) for i in range(ITEMS)])
    average = everybody[ratings.item[rows]]
    personal = habits.applied(average, ratings, rows)
    before = np.abs(ratings.values[rows] - average).mean()
    after = np.abs(ratings.values[rows] - personal).mean()
    assert after < 0.3 * before
    same = learn(ratings, use, known=False).applied(average, ratings, rows)
    np.testing.assert_array_equal(same, average)


def test_unused_ratings_and_missing_steps_say_nothing():
    ratings, _ = planted()
    use = ratings.item % 3 > 0
    changed = ratings.values.copy()
    changed[~use] = np.random.default_rng(1).normal(size=changed[~use].shape)
    one, other = learn(ratings, use), learn(replace(ratings, values=changed), use)
    for name in ("level", "spread", "reach", "delay"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    gone = ratings.values.copy()
    gone[:, 50:] = np.nan
    shorter = learn(replace(ratings, values=gone), use)
    cut = replace(ratings, values=ratings.values[:, :50], time=TIME[:50])
    np.testing.assert_allclose(shorter.reach, learn(cut, use).reach, atol=1e-12)
    nothing = learn(replace(ratings, values=np.full_like(gone, np.nan)), use)
    assert not nothing.level.any()


def test_a_trait_of_many_raters_is_found_and_one_of_none_is_not():
    ratings, true = planted()
    trait = np.repeat([0.0, 1.0], PEOPLE // 2)[ratings.person]
    useless = np.random.default_rng(2).normal(size=PEOPLE)[ratings.person]
    values = ratings.values - true["level"][ratings.person][:, None] + 0.3 * trait[:, None]
    profile = np.column_stack([trait, useless])
    profile[0, 0] = np.nan
    habits = learn(replace(ratings, values=values, profile=profile), EVERYBODY)
    assert habits.profile[0] == pytest.approx(0.3, abs=0.06)
    assert abs(habits.profile[1]) < 0.03


def test_mean_of_others_and_parts_by_hand():
    values = np.array([[1.0, 2.0], [3.0, np.nan], [8.0, 4.0], [5.0, 5.0]])
    cell, use = np.array([0, 0, 0, 1]), np.array([True, True, False, True])
    others, count = mean_of_others(values, cell, use)
    np.testing.assert_array_equal(others, [[3, np.nan], [1, 2], [2, 2], [np.nan, np.nan]])
    np.testing.assert_array_equal(count, [[1, 0], [1, 1], [2, 1], [0, 0]])
    mean, course, slope = parts_of(np.array([[1.0, 3.0, np.nan, 8.0]]), np.array([0, 1, 2, 4.0]))
    assert mean[0] == 4
    np.testing.assert_allclose(course, [[-3, -1, 0, 4]])
    known = np.gradient([1.0, 3.0, 8.0], [0.0, 1.0, 4.0])
    np.testing.assert_allclose(slope[0, [0, 1, 3]], known - known.mean())


def test_the_unit_of_ratings_does_not_matter():
    ratings, _ = planted()
    one, small = (learn(replace(ratings, values=ratings.values / k), EVERYBODY) for k in (1, 1024))
    np.testing.assert_allclose(small.level * 1024, one.level, rtol=1e-9)
    for name in ("spread", "reach", "delay"):
        np.testing.assert_allclose(getattr(small, name), getattr(one, name), rtol=1e-9)


def test_two_raters_lie_on_both_sides_of_their_mean():
    """Each is beside the other: half of what lies between them is a rater's own."""
    ratings, _ = planted()
    two = ratings.person < 2
    common = np.random.default_rng(3).normal(0, 0.3, (ITEMS, 1)).repeat(2, axis=0)
    values = common + np.where(ratings.person[two] == 0, 0.2, -0.2)[:, None]
    values = values + np.random.default_rng(4).normal(0, 0.01, (2 * ITEMS, len(TIME)))
    item, profile = ratings.item[two], ratings.profile[two]
    pair = Ratings(values, TIME, item, item, ratings.person[two], 2, profile)
    assert learn(pair, np.ones(2 * ITEMS, dtype=bool)).level == pytest.approx([0.2, -0.2], abs=0.01)

"""Poses of drawn people whose arms are where one wants them."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.errors import DesignError
from muvistats.features.vision.poses import arms, movement
from muvistats.features.visual import BodyPose, Colour, extract

from ..people import draw_person

NAMES = BodyPose().names()


def body(raised: float, bent: float = 0.0, at: tuple[float, float] = (100.0, 100.0)) -> np.ndarray:
    """Joints of a person with a trunk of 100 pixels, arms of 60 and 40."""
    joints = np.full((17, 2), np.nan)
    joints[:5] = (0, -50)
    for side, sign in ((0, 1), (1, -1)):
        turns = np.radians([raised, raised + bent])
        shoulder = np.array([sign * 30.0, 0.0])
        elbow = shoulder + 60 * np.array([sign * np.sin(turns[0]), np.cos(turns[0])])
        wrist = elbow + 40 * np.array([sign * np.sin(turns[1]), np.cos(turns[1])])
        joints[[5 + side, 7 + side, 9 + side]] = shoulder, elbow, wrist
        joints[[11 + side, 13 + side, 15 + side]] = (sign * 20, 100), (sign * 20, 150), (0, 200)
    return (joints + at)[None]


@pytest.mark.parametrize("raised", [0, 30, 90, 150, 180])
def test_straight_arms_in_closed_form(raised):
    openness, height, stretch = arms(body(raised))[0]
    assert openness == pytest.approx(0.3 + np.sin(np.radians(raised)))
    assert height == pytest.approx(raised, abs=1e-5)
    assert stretch == pytest.approx(1)


def test_a_bent_arm_is_not_stretched_and_turning_or_scaling_changes_nothing():
    bent = body(90, -90)
    assert arms(bent)[0, 2] == pytest.approx(np.hypot(60, 40) / 100)
    turn = np.radians(25)
    turned = 3 * bent @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    np.testing.assert_allclose(arms(turned), arms(bent))


def test_joints_that_are_not_seen():
    one = body(90)
    one[0, 9] = np.nan
    np.testing.assert_allclose(arms(one), arms(body(90)))  # the other arm
    one[0, 10] = np.nan
    assert np.isnan(arms(one)).all()
    hidden = body(90)
    hidden[0, 11] = np.nan
    np.testing.assert_allclose(arms(hidden), [[np.nan, np.nan, 1]])
    assert arms(np.empty((0, 17, 2))).shape == (0, 3)


def test_movement_is_told_by_part_and_people_are_followed():
    before = np.concatenate([body(0), body(90, at=(500, 100))])
    after = np.concatenate(
        [body(90, at=(520, 100)), body(0, -30, at=(100, 100)), body(0, at=(1500, 0))]
    )
    moved = movement(before, after)
    np.testing.assert_allclose(moved[0], [0, 0.2, 0, 0, 0], atol=1e-12)  # a step to the right
    wrist = 2 * 40 * np.sin(np.radians(15)) / 100
    stretch = np.hypot(60 + 40 * np.cos(np.radians(30)), 20) / 100
    np.testing.assert_allclose(moved[1], [stretch - 1, 0, 0, wrist / 2, 0], atol=1e-12)
    assert np.isnan(moved[2]).all()  # was not there
    assert np.isnan(movement(np.empty((0, 17, 2)), after)).all()


def measured(path) -> dict[str, np.ndarray]:
    found = extract(path, [BodyPose(), Colour()], cache=False)
    assert set(found["family"].to_numpy()) == {"pose", "colour"}
    return {name: found["values"][0].sel(feature=name).to_numpy() for name in NAMES}


def test_arms_drawn_open_and_closed(made, write_film):
    made("movenet")
    drawn = [draw_person(*pose) for pose in ((10, 0), (90, 0), (135, 0), (40, -150))]
    found = measured(write_film("film.avi", np.repeat(drawn, 25, axis=0)))
    assert (found["pose_count"] == 1).all()
    hanging, level, raised, folded = found["pose_arm_openness"][:8:2]
    assert hanging < 0.6 < 0.8 < raised < level
    assert folded < 0.6
    np.testing.assert_allclose(found["pose_arm_height"][:6:2], [10, 90, 135], atol=12)
    assert (found["pose_arm_stretch"][:6:2] > 0.9).all()
    assert found["pose_arm_stretch"][6] < 0.6


@pytest.mark.parametrize(
    ("size", "scale"), [((640, 272), 0.9), ((272, 480), 0.8), ((321, 241), 0.9)]
)
def test_wide_portrait_and_odd_frames(made, size, scale):
    made("movenet")
    openness = []
    for pose in ((90, 0), (40, -150)):
        joints, boxes, _ = BodyPose().find([draw_person(*pose, size=size, scale=scale)])[0]
        assert (boxes >= 0).all()
        assert (boxes <= [*size, *size]).all()
        openness.append(arms(joints[..., :2])[0, 0])
    assert openness[0] > 2 * openness[1]


def test_an_arm_that_is_stretched_and_a_body_that_walks(made, write_film):
    made("movenet")
    bends = [-110, -80, -50, -20, 0, 0, 0, 0]
    stretching = [draw_person(80, bend) for bend in bends]
    found = measured(write_film("film.avi", np.repeat(stretching, 13, axis=0)[:100]))
    assert np.isnan(found["pose_arm_stretching"][0])
    assert found["pose_arm_stretching"][1:5].mean() > 0.1
    assert abs(found["pose_arm_stretching"][6:].mean()) < 0.05
    assert found["pose_move_arms"][1:5].mean() > 0.1
    assert found["pose_move_body"][1:5].max() < 0.1  # the picture of the trunk hardly moves
    places = np.linspace(0.3, 0.6, 100)
    walk = measured(write_film("walk.avi", [draw_person(80, at=(x, 0.5)) for x in places]))
    speed = 0.3 * 640 / 96 / 4 * 100 / 99  # trunks of 96 pixels in 4 s
    assert np.nanmedian(walk["pose_move_body"]) == pytest.approx(speed, rel=0.15)
    assert np.nanmedian(walk["pose_move_arms"]) < speed / 2


def test_nobody_and_a_cut(made, write_film):
    made("movenet")
    black = [np.zeros((480, 640, 3), dtype=np.uint8)] * 25
    film = write_film("film.avi", [*[draw_person(90)] * 25, *black, *[draw_person(90)] * 25])
    found = measured(film)
    assert found["pose_count"].tolist() == [1, 1, 0, 0, 1, 1]
    assert found["pose_area"][2] == 0
    assert np.isnan(found["pose_arm_openness"][2:4]).all()
    np.testing.assert_array_equal(np.isfinite(found["pose_move_body"]), [0, 1, 0, 0, 0, 1])


def test_settings():
    with pytest.raises(DesignError, match="confidence and joint"):
        BodyPose(joint=0)

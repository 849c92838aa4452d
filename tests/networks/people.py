"""A drawn person whose arms are where one wants them."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

SKIN, HAIR, SHIRT, JEANS, GROUND = (
    (150, 180, 225),
    (30, 45, 70),
    (60, 60, 190),
    (120, 75, 40),
    (205, 210, 200),
)


def draw_person(
    raised: float,
    bent: float = 0.0,
    *,
    size: tuple[int, int] = (640, 480),
    at: tuple[float, float] = (0.5, 0.5),
    scale: float = 1.0,
) -> np.ndarray:
    """A standing person, blue first: arms raised by so many degrees, elbows bent inwards.

    0 hangs, 90 is level, 180 is up; `at` is the place of the trunk as a share of the frame.
    """
    width, height = size
    image = np.full((height, width, 3), GROUND, dtype=np.uint8)
    image[int(0.85 * height) :] = (120, 140, 150)
    unit = 0.2 * height * scale  # the trunk
    middle = np.array([at[0] * width, at[1] * height])

    def place(x: float, y: float) -> tuple[int, int]:
        return tuple(round(v) for v in middle + unit * np.array([x, y]))

    def limb(points: list[tuple[float, float]], thick: float, colour: tuple[int, int, int]) -> None:
        for start, end in pairwise(points):
            cv2.line(image, place(*start), place(*end), colour, int(thick * unit), cv2.LINE_AA)

    for side in (-1, 1):
        limb([(0.17 * side, 0.5), (0.2 * side, 1.25), (0.22 * side, 2.0)], 0.27, JEANS)
        limb([(0.22 * side, 2.05), (0.34 * side, 2.08)], 0.14, (40, 40, 40))
    trunk = [(-0.34, -0.5), (0.34, -0.5), (0.27, 0.55), (-0.27, 0.55)]
    cv2.fillConvexPoly(image, np.array([place(*p) for p in trunk]), SHIRT, cv2.LINE_AA)
    for side in (-1, 1):
        angle, fore = np.radians(raised), np.radians(raised + bent)
        shoulder = np.array([0.36 * side, -0.42])
        elbow = shoulder + 0.55 * np.array([side * np.sin(angle), np.cos(angle)])
        wrist = elbow + 0.5 * np.array([side * np.sin(fore), np.cos(fore)])
        limb([tuple(shoulder), tuple(elbow)], 0.2, SHIRT)
        limb([tuple(elbow), tuple(wrist)], 0.15, SKIN)
        cv2.circle(image, place(*wrist), int(0.1 * unit), SKIN, -1, cv2.LINE_AA)
    limb([(0, -0.5), (0, -0.75)], 0.18, SKIN)
    for at_y, high, first, colour in ((-0.95, 0.27, 0, SKIN), (-1.05, 0.2, 180, HAIR)):
        axes = int(0.2 * unit), int(high * unit)
        cv2.ellipse(image, place(0, at_y), axes, 0, first, 360, colour, -1, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.circle(image, place(0.08 * side, -0.97), max(1, int(0.03 * unit)), (40, 30, 30), -1)
    cv2.line(image, place(-0.07, -0.8), place(0.07, -0.8), (70, 70, 160), max(1, int(0.03 * unit)))
    return image

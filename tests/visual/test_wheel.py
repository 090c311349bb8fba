"""Flow as colours: Baker's wheel and its legend."""

import numpy as np
import pytest

from i3d.visual import wheel


def test_wheel():
    field = np.zeros((1, 6, 2), np.float32)
    field[0] = [(0, 0), (20, 0), (10, 0), (-20, 0), (0, 20), (400, 0)]
    still, right, half, left, down, beyond = wheel.coloured(field, 20)[0].astype(int)
    assert wheel.coloured(field, 20).dtype == np.uint8
    assert still.tolist() == [255, 255, 255]
    assert right.tolist() == beyond.tolist() == [255, 0, 0]
    assert half.tolist() == [255, 128, 128]
    assert left[0] == 0 and left[2] == 255 and 100 < left[1] < 255
    assert down[0] == 255 and down[2] == 0 and 200 < down[1] < 255


@pytest.mark.parametrize(
    ("place", "colour"),
    [
        (15, (255, 255, 0)), (21, (0, 255, 0)), (25, (0, 255, 255)), (36, (0, 0, 255)),
        (49, (255, 0, 255)),
    ],
)  # fmt: skip
def test_places_of_the_corners(place, colour):
    """Table of Baker et al.: 15 hues from red to yellow, 6 to green, 4, 11, 13 and 6."""
    angle = 2 * np.pi * place / 55
    field = np.float32([[(np.cos(angle), np.sin(angle))]])
    np.testing.assert_allclose(wheel.coloured(field, 1)[0, 0], colour, atol=1)


def test_wheel_has_no_seam():
    """Directions just above and just below a full turn look the same."""
    field = np.float32([[(20, 0.01), (20, -0.01)]])
    above, below = wheel.coloured(field, 20)[0].astype(int)
    assert np.abs(above - below).max() <= 1


def test_full_colour():
    field = np.zeros((10, 10, 2), np.float32)
    assert wheel.full_colour(field) == 2  # noise of a still scene stays pale
    field[..., 0] = 5
    assert wheel.full_colour(field) == 5


@pytest.mark.parametrize(("height", "width"), [(240, 320), (64, 48), (7, 9)])
def test_legend_lies_in_the_corner(height, width):
    picture = np.full((height, width, 3), 50, np.uint8)
    found = wheel.with_legend(picture, 12.0)
    assert found.shape == picture.shape and (picture == 50).all()
    assert (found[-1, -1] != 50).any()
    assert (found[0, 0] == 50).all() or height < 10


def test_disc():
    disc = wheel.disc(41).astype(int)
    assert disc[0, 0].tolist() == disc[20, 20].tolist() == [255, 255, 255]
    assert disc[20, 40, 0] == 255 and disc[20, 40, 1:].max() < 20  # right is red
    assert disc[40, 20, 2] < 20 and disc[40, 20, :2].min() > 200  # down is yellow

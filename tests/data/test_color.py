"""Colour changes against Pillow's; what is drawn per clip and what per frame."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from i3d.data import color

NOISE = np.random.default_rng(0).integers(0, 256, (40, 56, 3)).astype(np.uint8)
SMOOTH = cv2.resize(NOISE[:8, :10], (80, 64), interpolation=cv2.INTER_CUBIC)
PICTURES = [NOISE, SMOOTH, np.full((5, 7, 3), (10, 200, 60), np.uint8), SMOOTH[:, ::-1] // 4]


def levels_off(found, expected):
    assert found.dtype == np.uint8 and found.shape == expected.shape
    return np.abs(found.astype(int) - expected)


@pytest.mark.parametrize("factor", [0, 0.1, 0.64, 1, 1.37, 1.9])
def test_factors_give_what_pillow_gives(factor):
    for picture in PICTURES:
        image = Image.fromarray(picture)
        expected = {
            kind: np.asarray(getattr(ImageEnhance, kind)(image).enhance(factor))
            for kind in ("Brightness", "Contrast", "Color")
        }
        bright = color.brightness(picture, factor)
        np.testing.assert_array_equal(bright, expected["Brightness"])
        assert levels_off(color.contrast(picture, factor), expected["Contrast"]).max() <= 1
        assert levels_off(color.saturation(picture, factor), expected["Color"]).max() <= 2


def test_contrast_is_that_of_pillow_exactly_on_most_pictures():
    equal = [
        (
            color.contrast(picture, 1.2) == np.asarray(ImageEnhance.Contrast(image).enhance(1.2))
        ).all()
        for picture in PICTURES
        for image in [Image.fromarray(picture)]
    ]
    assert sum(equal) >= 3  # a mean at the edge of two levels may round the other way


@pytest.mark.parametrize("turn", [-0.1, -0.037, 0, 0.05, 0.1])
def test_hue_is_that_of_pillow_but_for_its_steps(turn):
    for picture in PICTURES:
        hue, *others = Image.fromarray(picture).convert("HSV").split()
        hue = hue.point([(n + int(turn * 255)) % 256 for n in range(256)])
        expected = np.asarray(Image.merge("HSV", (hue, *others)).convert("RGB"))
        off = levels_off(color.turned_hue(picture, turn), expected)
        assert off.max() <= 14 and off.mean() <= 2  # a step is six levels at full saturation


def test_grey_is_that_of_pillow():
    clip = np.stack([NOISE, NOISE[::-1]])
    found = color.grayscale(clip, np.random.default_rng(0), 1.0)
    expected = np.asarray(Image.fromarray(NOISE).convert("L"))
    assert levels_off(found[0], np.stack([expected] * 3, axis=-1)).max() <= 1
    np.testing.assert_array_equal(found[1], found[0][::-1])


def test_a_clip_is_changed_or_not_and_its_frames_differ():
    clip, changed, orders = np.stack([SMOOTH] * 4), 0, set()
    for seed in range(200):
        found = color.jittered(clip, np.random.default_rng(seed), 0.8)
        again = color.jittered(clip, np.random.default_rng(seed), 0.8)
        np.testing.assert_array_equal(found, again)
        if found is clip:
            continue
        changed += 1
        orders.add(found[0].mean() > SMOOTH.mean())
        assert len({frame.tobytes() for frame in found}) == 4
    assert 140 <= changed <= 180 and orders == {True, False}
    grey = [color.grayscale(clip, np.random.default_rng(n), 0.2) is not clip for n in range(200)]
    assert 20 <= sum(grey) <= 60
    assert color.jittered(clip, np.random.default_rng(0), 0.0) is clip


def test_jitter_stays_within_its_amounts(monkeypatch):
    seen = []
    for name in ("brightness", "contrast", "saturation", "turned_hue"):

        def keep(frame, value, name=name):
            seen.append((name, value))
            return frame

        monkeypatch.setattr(color, name, keep)
    color.jittered(np.zeros((300, 2, 2, 3), np.uint8), np.random.default_rng(1), 1.0)
    orders = {tuple(name for name, _ in seen[n : n + 4]) for n in range(0, len(seen), 4)}
    assert len(orders) == 24 and all(len(set(order)) == 4 for order in orders)
    for name, low, high in (("brightness", 0.6, 1.4), ("contrast", 0.6, 1.4),
                            ("saturation", 0.8, 1.2), ("turned_hue", -0.1, 0.1)):  # fmt: skip
        values = [value for which, value in seen if which == name]
        assert len(values) == 300 and low <= min(values) and max(values) <= high
        assert np.ptp(values) > 0.9 * (high - low)

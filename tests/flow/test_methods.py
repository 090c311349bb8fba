"""Flow methods on a texture of known motion, and the picture of a field."""

import cv2
import numpy as np
import pytest

from i3d.flow import methods

MOTION = (3.0, -1.5)  # pixels per frame, x then y


def moving_frames(count, height=96, width=130):
    """Returns uint8 RGB frames of a texture that moves by MOTION."""
    noise = np.random.default_rng(0).uniform(size=(height + 80, width + 80)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 2.5)
    texture = (texture - texture.mean()) / texture.std() * 45 + 128
    frames = []
    for i in range(count):
        shift = np.float32([[1, 0, MOTION[0] * i - 40], [0, 1, MOTION[1] * i - 40]])
        grey = cv2.warpAffine(texture, shift, (width, height), flags=cv2.INTER_CUBIC)
        frames.append(np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, -1))
    return frames


@pytest.mark.parametrize("method", sorted(methods.METHODS))
def test_known_motion(method):
    fields = list(methods.flow_fields(iter(moving_frames(3)), method))
    assert len(fields) == 2
    for field in fields:
        assert field.dtype == np.float32 and field.shape == (96, 130, 2)
        inner = field[16:-16, 16:-16].reshape(-1, 2)
        np.testing.assert_allclose(inner.mean(0), MOTION, atol=0.05)
        assert np.abs(inner - MOTION).max() < 0.5


@pytest.mark.parametrize("method", sorted(methods.METHODS))
def test_flow_is_from_each_frame_to_the_next(method):
    first, second = moving_frames(2)
    fields = [
        f[16:-16, 16:-16].mean((0, 1))
        for f in methods.flow_fields([first, second, second, first], method)
    ]
    np.testing.assert_allclose(fields, [MOTION, (0, 0), np.negative(MOTION)], atol=0.05)


def test_flow_is_not_clipped():
    first = moving_frames(1, 200, 260)[0]
    (field,) = methods.flow_fields([first, np.roll(first, 25, axis=1)], "dis")
    assert abs(np.median(field[..., 0]) - 25) < 1


def test_flow_streams():
    taken = []

    def frames():
        for frame in moving_frames(4):
            taken.append(frame)
            yield frame

    fields = methods.flow_fields(frames(), "dis")
    assert not taken
    next(fields)
    assert len(taken) == 2


def test_one_frame_or_none_has_no_flow():
    assert list(methods.flow_fields(moving_frames(1), "dis")) == []
    assert list(methods.flow_fields([], "dis")) == []


def test_grey_weighs_the_channels_as_rgb(monkeypatch):
    seen = []
    method = lambda previous, following: seen.append(previous)  # noqa: E731
    monkeypatch.setitem(methods.METHODS, "seen", lambda: method)
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    list(methods.flow_fields([red, red], "seen"))
    assert seen[0].shape == (4, 4) and seen[0].dtype == np.uint8
    assert (seen[0] == 60).all()  # 0.299 of 200; as BGR it would be 23


def test_unknown_method_names_the_methods():
    with pytest.raises(ValueError, match="'lucas'.*opencv_tvl1, dis, farneback"):
        methods.flow_fields([], "lucas")

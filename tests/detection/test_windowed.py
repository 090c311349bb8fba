"""Key frames of videos whose frames say their number."""

import numpy as np
import pytest

from i3d.detection import windowed as module
from i3d.detection.windowed import WindowedFrames
from i3d.detection.windows import Windows, clamped
from i3d.video.source import VideoError
from tests.helpers import video_files

WINDOWS = Windows(4, 3, 4, 2)  # a window of 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Videos of 1 to 40 frames."""
    folder = tmp_path_factory.mktemp("videos")
    for count in (1, 2, 5, 11, 12, 13, 17, 40):
        video_files.write(folder / f"{count}.mp4", video_files.numbered(count))
    return folder


def numbers(pictures):
    return [video_files.number(picture) for picture in pictures]


@pytest.mark.parametrize("count", [1, 2, 5, 11, 12, 13, 17, 40])
def test_pictures_are_those_of_the_windows(folder, count):
    frames = WindowedFrames(str(folder / f"{count}.mp4"), WINDOWS, 32)
    found = list(frames)
    assert frames.count == count
    assert [frame.number for frame in found] == WINDOWS.keys(count)
    for frame in found:
        key = frame.number
        assert numbers([frame.picture]) == [key] and frame.second == pytest.approx(key / 25)
        assert numbers(frame.views) == [clamped(n, count) for n in WINDOWS.seen(key)]
        shown = [n for n in WINDOWS.shown(key) if 0 <= n < count]
        assert numbers(frame.shown) == (shown or [key])


def test_views_are_resized_and_frames_are_not(tmp_path):
    path = video_files.write(tmp_path / "a.mp4", video_files.numbered(14, 48, 64))
    frame = next(iter(WindowedFrames(str(path), WINDOWS, 24, fps=30.0)))
    assert frame.views.shape == (4, 24, 32, 3) and frame.views.dtype == np.uint8
    assert frame.picture.shape == frame.shown[0].shape == (48, 64, 3)


def test_steps_longer_than_a_window(folder):
    windows = Windows(2, 1, 20, 2)
    found = list(WindowedFrames(str(folder / "40.mp4"), windows, 32))
    assert [frame.number for frame in found] == [0, 20]
    assert numbers(found[0].shown) == [1, 3, 5, 7, 9]
    assert numbers(found[1].shown) == [11, 13, 15, 17, 19, 21, 23, 25, 27, 29]


def test_memory_does_not_grow_with_the_video(folder, monkeypatch):
    kept = []

    class Ring(module._Ring):
        def put(self, *args):
            super().put(*args)
            kept.append(len(self._views) + len(self._whole))

    monkeypatch.setattr(module, "_Ring", Ring)
    list(WindowedFrames(str(folder / "17.mp4"), WINDOWS, 32))
    most = max(kept)
    kept.clear()
    list(WindowedFrames(str(folder / "40.mp4"), WINDOWS, 32))
    assert max(kept) <= most + 2
    kept.clear()
    list(WindowedFrames(str(folder / "40.mp4"), WINDOWS, 32, show=False))
    assert max(kept) < most


def test_a_damaged_video_is_named(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("no video")
    with pytest.raises(VideoError, match=r"a\.mp4: not a readable video"):
        list(WindowedFrames(str(path), WINDOWS, 32))

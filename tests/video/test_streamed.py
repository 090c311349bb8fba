"""One pass over a video in which only the wanted frames are converted."""

import numpy as np
import pytest

from i3d.video.frames import read_frames
from i3d.video.source import VideoError
from i3d.video.streamed import streamed
from tests.helpers import video_files


@pytest.mark.parametrize("fps", [0, 10, 30, 60])
def test_frames_are_those_of_read_frames(tmp_path, fps):
    path = video_files.write(tmp_path / "a.mp4", video_files.numbered(13), rate=25)
    expected = list(read_frames(path, fps or None, None))
    found = list(streamed(path, lambda number: True, fps))
    assert [frame.number for frame in found] == list(range(len(expected)))
    seconds = np.arange(len(found)) / (fps or 25)
    np.testing.assert_allclose([frame.second for frame in found], seconds)
    for frame, picture in zip(found, expected, strict=True):
        np.testing.assert_array_equal(frame.picture, picture)


def test_only_what_is_wanted_is_converted(tmp_path):
    path = video_files.write(tmp_path / "a.mp4", video_files.numbered(9))
    found = list(streamed(path, lambda number: number in (2, 7)))
    assert len(found) == 9
    pictures = {f.number: video_files.number(f.picture) for f in found if f.picture is not None}
    assert pictures == {2: 2, 7: 7}


def test_times_of_an_uneven_clock_are_its_own(tmp_path):
    stamps = [0, 40, 200, 210]
    path = video_files.write(tmp_path / "a.mp4", video_files.numbered(4), stamps_ms=stamps)
    assert [f.second for f in streamed(path, lambda number: False)] == [0, 0.04, 0.2, 0.21]


def test_a_video_of_less_than_half_a_slot_has_one_frame(tmp_path):
    path = video_files.write(tmp_path / "a.mp4", video_files.numbered(1), rate=100)
    (frame,) = streamed(path, lambda number: True, fps=10)
    assert frame.number == 0 and video_files.number(frame.picture) == 0


def test_a_file_that_is_no_video(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(VideoError, match="not a readable video"):
        list(streamed(tmp_path / "a.mp4", lambda number: True))

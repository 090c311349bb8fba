"""Drawing a whole video."""

import tracemalloc

import numpy as np
import pytest

from i3d.inference.average import Scores
from i3d.inference.timeline import Timeline
from i3d.runtime.command import UserError
from i3d.video import frames
from i3d.visual.label import label
from tests.helpers import video_files

NAMES = ("walk", "jump")


def timeline(seconds):
    starts = np.arange(0.0, seconds, 2.0)
    rows = np.float32([[0.25, 0.75]] * len(starts))
    return Timeline(starts, np.minimum(starts + 2, seconds), rows, Scores(rows[0], rows[0]))


@pytest.mark.long
def test_memory_is_flat_in_the_length(tmp_path):
    peaks = []
    for seconds in (4, 40):
        video = video_files.write(tmp_path / f"{seconds}.mp4", video_files.numbered(seconds * 25))
        tracemalloc.start()
        made = label(str(video), tmp_path / f"out{seconds}.mp4", timeline(seconds), NAMES)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert made[:4] == ("jump", 0.75, seconds * 25, seconds)
        middle = made.picture[:32].mean()
        assert middle == pytest.approx(20 + 3 * (seconds * 25 // 2 % 70), abs=3)
    assert peaks[1] < 1.5 * peaks[0]


REAL = ("video_90.mov", "video_180.mov", "unordered.mov", "h264_10bits.mp4", "part_0.mp4",
        "carphone_distorted.mp4", "v_CricketShot_g04_c01_rgb.gif", "h265_video.mp4")  # fmt: skip


@pytest.mark.long
def test_frames_size_and_duration_of_real_videos(clips, tmp_path):
    for name in REAL:
        source, out = str(clips / "misc" / name), tmp_path / f"{name}.mp4"
        before = frames.probe(source)
        label(source, out, timeline(before.duration_s), NAMES)
        after = frames.probe(out)
        assert after.frames == before.frames and after.width == before.width, name
        assert after.duration_s == pytest.approx(before.duration_s, abs=1 / before.fps), name


def test_what_is_there_is_not_replaced(tmp_path):
    video = video_files.write(tmp_path / "a.mp4", video_files.numbered(3))
    (tmp_path / "b.mp4").write_text("older")
    with pytest.raises(UserError, match="is there already"):
        label(str(video), tmp_path / "b.mp4", timeline(1), NAMES)
    assert (tmp_path / "b.mp4").read_text() == "older"


def test_a_damaged_video_leaves_no_file(tmp_path):
    video = video_files.write(tmp_path / "a.mkv", video_files.noisy(40))
    content = bytearray(video.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    video.write_bytes(content)
    try:
        read = len(list(frames.read_frames(video, None, None)))
    except UserError:
        with pytest.raises(UserError, match="corrupt after"):
            label(str(video), tmp_path / "b.mp4", timeline(1), NAMES)
        assert not (tmp_path / "b.mp4").exists()
    else:
        assert label(str(video), tmp_path / "b.mp4", timeline(1), NAMES).frames == read

"""Drawing a whole video."""

import tracemalloc

import av
import numpy as np
import pytest

from i3d.inference.average import Scores
from i3d.inference.timeline import Timeline
from i3d.runtime.command import UserError
from i3d.video import frames
from i3d.visual.label import label
from tests.helpers import video_files
from tests.helpers.videos import texture_frames, write_rotated

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


def turned(folder):
    """Yields videos that are stored 48 x 32 and turned for display."""
    if not hasattr(av.VideoStream, "set_display_rotation"):  # of later versions of PyAV
        pytest.skip("this PyAV writes no display matrix")
    for degrees in (90, 180, 270):
        yield write_rotated(folder / f"{degrees}.mp4", degrees, texture_frames(9, 32, 48))


def decoded(path):
    """Returns the pictures of a file and its seconds, as PyAV reads them; it reads no WebP."""
    if path.suffix == ".webp":
        return list(frames.read_frames(str(path), None, None)), frames.probe(path).duration_s
    with av.open(str(path)) as container:
        found = list(container.decode(video=0))
    end = found[-1].pts + found[-1].duration
    return [f.to_ndarray(format="rgb24") for f in found], float(end * found[-1].time_base)


@pytest.mark.parametrize("ending", ["mp4", "gif", "webp"])
def test_turned_videos_are_upright(tmp_path, ending):
    for video in turned(tmp_path):
        upright = frames.read_frames(str(video), None, None)
        first = next(upright)
        height, width = first.shape[:2]
        assert (height, width) == ((32, 48) if video.stem == "180" else (48, 32))
        out = tmp_path / f"{video.stem}_out.{ending}"
        label(str(video), out, timeline(0.36), NAMES)
        pictures, seconds = decoded(out)
        assert len(pictures) == 9 and pictures[0].shape[1] == 160, video  # with margins
        assert seconds == pytest.approx(0.36, abs=0.04), video
        left = (160 - width) // 2
        picture = pictures[0][:height, left : left + width]
        loss = np.abs(picture - first.astype(int)).mean()
        assert loss < 12 < np.abs(picture[::-1] - first.astype(int)).mean(), video


REAL = ("video_90.mov", "video_180.mov", "unordered.mov", "h264_10bits.mp4", "part_0.mp4",
        "carphone_distorted.mp4", "v_CricketShot_g04_c01_rgb.gif", "h265_video.mp4")  # fmt: skip


@pytest.mark.long
def test_frames_size_and_duration_of_real_videos(clips, tmp_path):
    for name in REAL:
        source, out = str(clips / "misc" / name), tmp_path / f"{name}.mp4"
        before = frames.probe(source)
        label(source, out, timeline(before.duration_s), NAMES)
        after = frames.probe(out)
        assert after.frames == before.frames and after.width == max(before.width, 160), name
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

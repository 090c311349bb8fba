"""Videos that are written for browsers."""

import os
import signal
import subprocess
import sys

import av
import numpy as np
import pytest

from i3d.visual.video import VideoWriter
from tests.helpers import video_files
from tests.helpers.points import Point
from tests.helpers.processes import ROOT


def write(path, frames, fps=25):
    with VideoWriter(path, fps) as video:
        for frame in frames:
            video.add(frame)
    return path


def test_frames_come_back(tmp_path):
    path = write(tmp_path / "a.mp4", video_files.numbered(20), fps=7.5)
    assert video_files.numbers(path, fps=None) == list(range(20))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 7.5
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays before all of it has come


def test_odd_sizes_are_padded(tmp_path):
    for height, width in ((31, 47), (1, 1), (32, 47)):
        frames = video_files.numbered(3, height, width)
        path = write(tmp_path / f"{height}_{width}.mp4", frames)
        read = video_files.read(path, fps=None)
        assert read[0].shape == (height + height % 2, width + width % 2, 3)
        assert [video_files.number(frame) for frame in read] == [0, 1, 2]


def test_equal_frames_give_equal_bytes(tmp_path):
    frames = video_files.noisy(5)
    one, other = (write(tmp_path / name, frames).read_bytes() for name in ("a.mp4", "b.mp4"))
    assert one == other


def test_rates_from_slow_to_fast(tmp_path):
    for fps in (0.01, 23.976, 29.97002997, 120):
        path = write(tmp_path / "a.mp4", video_files.numbered(3), fps=fps)
        with av.open(str(path)) as container:
            assert float(container.streams.video[0].average_rate) == pytest.approx(fps, rel=1e-4)


def test_an_error_leaves_no_file(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("older")
    with pytest.raises(RuntimeError), VideoWriter(path, 25) as video:
        video.add(np.zeros((32, 32, 3), np.uint8))
        raise RuntimeError
    with pytest.raises(ValueError, match="not uint8"), VideoWriter(path, 25) as video:
        video.add(np.zeros((32, 32, 3), np.uint8))
        video.add(np.zeros((34, 32, 3), np.uint8))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"] and path.read_text() == "older"


def test_without_a_frame_there_is_no_file(tmp_path):
    write(tmp_path / "a.mp4", [])
    assert not list(tmp_path.iterdir())


WRITE = """
import sys
from i3d.visual.video import VideoWriter
from tests.helpers import video_files
with VideoWriter(sys.argv[1], 25) as video:
    for frame in video_files.noisy(6):
        video.add(frame)
"""


@pytest.mark.long
@pytest.mark.parametrize("pattern", ["fsync .*mp4", "rename .*mp4"])
def test_a_killed_writer_leaves_the_older_file(tmp_path, pattern):
    folder = tmp_path / "videos"
    folder.mkdir()
    path = folder / "a.mp4"
    path.write_text("older")
    line = [sys.executable, "-c", WRITE, str(path)]
    point = Point(folder, tmp_path / "log", pattern)
    environment = os.environ | point.environment()
    killed = subprocess.run(line, cwd=ROOT, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL and len(point.steps()) == 1
    assert path.read_text() == "older"
    subprocess.run(line, cwd=ROOT, check=True)
    assert len(video_files.read(path, fps=None)) == 6

"""What `python -m benchmarks.detect` prints of one combination."""

import re

import pytest

from benchmarks import detect
from tests.helpers import detection, videos


@pytest.mark.long
def test_a_row_has_the_speed_and_the_seconds_of_each_stage(tmp_path, capsys):
    checkpoint = detection.write_run(tmp_path / "run")
    videos.write_video(tmp_path / "my.mp4", videos.texture_frames(20, 96, 128))
    given = {"checkpoint": str(checkpoint)}
    detect.row("net", given, "float32", "hog", str(tmp_path / "my.mp4"), str(tmp_path))
    line = capsys.readouterr().out
    assert re.match(r"net float32 hog: \d+\.\d frames/s; 128 x 96, 20 frames, 1 key frames", line)
    assert re.search(r"seconds: decode [\d.]+, people [\d.]+, actions [\d.]+, drawing", line)

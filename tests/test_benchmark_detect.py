"""What `python -m benchmarks.detect` prints of one combination."""

import re
import subprocess
import sys

import pytest

from tests.helpers import detection, videos
from tests.helpers.processes import ROOT

# In a process of its own: benchmarks define flags of the same names.
SCRIPT = """
import sys
from benchmarks import detect
checkpoint, video, folder = sys.argv[1:]
detect.row("net", {"checkpoint": checkpoint}, "float32", "hog", video, folder)
"""


@pytest.mark.long
def test_a_row_has_the_speed_and_the_seconds_of_each_stage(tmp_path):
    checkpoint = detection.write_run(tmp_path / "run")
    videos.write_video(tmp_path / "my.mp4", videos.texture_frames(20, 96, 128))
    words = [str(checkpoint), str(tmp_path / "my.mp4"), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    line = done.stdout
    assert re.match(r"net float32 hog: \d+\.\d frames/s; 128 x 96, 20 frames, 1 key frames", line)
    assert re.search(r"seconds: decode [\d.]+, people [\d.]+, actions [\d.]+, drawing", line)

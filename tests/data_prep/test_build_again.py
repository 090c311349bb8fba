"""A data set met a second time: failed videos tried again, folders moved, wrong flags put right."""

import shutil

import pytest
import tensorflow_datasets as tfds

from tests.helpers.builds import QUICK, build, told
from tests.helpers.processes import contents
from tests.helpers.videos import texture_frames, write_folder, write_video

pytestmark = pytest.mark.long


@pytest.fixture
def videos(tmp_path):
    return write_folder(tmp_path / "videos", per_class=2)


def test_failed_videos_are_tried_again_on_demand(videos, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert build(f"--videos={videos}", f"--out={whole}", *QUICK).returncode == 0
    bad = videos / "walk" / "walk1.mp4"
    good = bad.read_bytes()
    bad.write_bytes(good[:100])
    first = build(f"--videos={videos}", f"--out={out}", *QUICK)
    assert first.returncode == 1 and "--retry_failed tries them again" in first.stderr
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tfrecord*")}
    bad.write_bytes(good)
    again = [f"--videos={videos}", f"--out={out}", *QUICK]
    assert build(*again).returncode == 1  # nothing is tried again unless asked
    assert build(*again, "--retry_failed").returncode == 0
    now = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tfrecord*")}
    assert sum(now[name] != stamps[name] for name in stamps) == 1
    assert contents(out) == contents(whole)
    assert build(*again).returncode == 0
    info = tfds.builder_from_directory(out).info
    assert info.splits["train"].num_examples == 6


def test_a_failure_that_stays_is_kept(videos, tmp_path):
    (videos / "walk" / "walk1.mp4").write_bytes(b"")
    flags = [f"--videos={videos}", f"--out={tmp_path / 'out'}", *QUICK]
    build(*flags)
    before = contents(tmp_path / "out")
    assert build(*flags, "--retry_failed").returncode == 1
    assert contents(tmp_path / "out") == before


def test_videos_may_move(videos, tmp_path):
    """The data set is of these videos wherever they lie: the same bytes, and complete."""
    out = tmp_path / "out"
    build(f"--videos={videos}", f"--out={out}", *QUICK)
    before = contents(out)
    moved = shutil.move(videos, tmp_path / "elsewhere")
    result = build(f"--videos={moved}", f"--out={out}", *QUICK)
    assert result.returncode == 0 and contents(out) == before


@pytest.mark.parametrize(
    "wrong", ["--max_segment_s=inf", "--max_segment_s=nan", "--fps=nan", "--short_side=1000000"]
)
def test_a_mistyped_value_is_refused_and_leaves_nothing(videos, tmp_path, wrong):
    result = build(f"--videos={videos}", f"--out={tmp_path / 'out'}", wrong)
    assert result.returncode == 2 and len(told(result.stderr)) == 1
    assert not (tmp_path / "out").exists()


def test_out_inside_the_videos_is_refused(videos):
    result = build(f"--videos={videos}", f"--out={videos / 'out'}", *QUICK)
    assert result.returncode == 2 and "lies in the folder of videos" in result.stderr


def test_a_picture_too_long_is_a_failed_video(videos, tmp_path):
    write_video(videos / "walk" / "long.mp4", texture_frames(5, height=32, width=400))
    result = build(f"--videos={videos}", f"--out={tmp_path / 'out'}", *QUICK)
    assert result.returncode == 1
    assert "long.mp4: frames of 400x32 pixels; expected an aspect of at most 10:1" in result.stderr


def test_the_test_list_is_not_taken_for_training(videos, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 jump\n2 run\n3 walk\n")
    (lists / "testlist01.txt").write_text("jump/jump0.mp4\n")
    flags = [f"--videos={lists / 'testlist01.txt'}", f"--video_root={videos}"]
    result = build(*flags, f"--out={tmp_path / 'out'}", *QUICK)
    assert result.returncode == 2 and "give --split=test" in result.stderr
    assert build(*flags, f"--out={tmp_path / 'out'}", "--split=test", *QUICK).returncode == 0

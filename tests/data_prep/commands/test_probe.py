"""`python -m data_prep probe`: what it tells, names and estimates."""

import csv
import shutil

import numpy as np
import pytest

from data_prep import estimate, segments
from data_prep.jpeg import jpeg
from i3d.data import schema
from i3d.data.build_settings import BuildSettings
from i3d.flow import methods
from i3d.video import frames as video_frames
from i3d.video import inputs
from tests.helpers import datasets
from tests.helpers.builds import process, told
from tests.helpers.videos import texture_frames, write_video


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.long
def test_probe_tells_and_writes_what_is_there(videos, tmp_path):
    manifest = tmp_path / "manifest.csv"
    result = process(
        "probe", f"--videos={videos}", f"--out={manifest}", "--workers=2", "--flow_method=dis"
    )
    assert result.returncode == 0 and told(result.stderr) == []
    assert (
        "videos    9 in 3 classes of 3 to 3\nusable    9, of which with a problem 0\nunusable  0,"
        in result.stdout
    )
    assert "codec     h264 (9)\nfps       25 (9)\nsize      64x48 (9)\n" in result.stdout
    frames = sum(range(20, 20 + 9))
    assert f"({frames} frames, 25 per second, shorter side 256; measured here" in result.stdout
    found = rows(manifest)
    assert list(found[0]) == (
        "id path label codec width height fps frames duration_s rotation problem".split()
    )
    expected = [str(path) for path in sorted(videos.rglob("*.mp4"))]
    assert [row["path"] for row in found] == expected
    assert found[0] == {
        "id": "jump/jump0",
        "path": expected[0],
        "label": "jump",
        "codec": "h264",
        "width": "64",
        "height": "48",
        "fps": "25.0",
        "frames": "23",
        "duration_s": "0.92",
        "rotation": "0",
        "problem": "",
    }


def cut(path, to, share):
    to.parent.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes()
    to.write_bytes(data[: int(len(data) * share)])


def test_probe_names_what_a_build_would_leave_out(call, videos, tmp_path):
    root = tmp_path / "videos"
    shutil.copytree(videos / "run", root / "run")
    cut(videos / "run/run0.mp4", root / "run/cut.mp4", 0.5)
    (root / "run/empty.mp4").write_bytes(b"")
    write_video(root / "walk/still.mp4", texture_frames(1))
    status, output, errors = call(
        "probe",
        f"--videos={root}",
        f"--out={tmp_path / 'm.csv'}",
        "--flow_method=dis",
        "--workers=1",
    )
    assert status == 1
    assert (
        "videos    6 in 2 classes of 1 to 5\nusable    3, of which with a problem 0\nunusable  3,"
        in output
    )
    lines = errors.splitlines()
    assert len(lines) == 3 and f"  {root / 'run/empty.mp4'}: the file is empty" in lines
    assert f"  {root / 'walk/still.mp4'}: fewer than two frames from 0 s on" in errors
    problems = {row["id"]: row["problem"] for row in rows(tmp_path / "m.csv")}
    assert [id for id, problem in problems.items() if problem] == [
        "run/cut",
        "run/empty",
        "walk/still",
    ]
    assert rows(tmp_path / "m.csv")[0]["codec"] == ""
    items = inputs.read(root)[0]
    failed = [item.id for item in items if fails(item)]
    assert failed == ["run/cut", "run/empty", "walk/still"]


def fails(item):
    try:
        return not list(segments.examples(item, datasets.RECIPE))
    except video_frames.VideoError:
        return True


def test_probe_agrees_with_build_on_corrupt_data(call, tmp_path):
    """A file that gives frames and then fails is left out where it is read that far."""
    noise = np.random.default_rng(0).integers(0, 200, (120, 160, 3), dtype=np.uint8)
    path = tmp_path / "v/a/b.mp4"
    write_video(path, (np.roll(noise, i, axis=1) for i in range(100)))
    data = bytearray(path.read_bytes())
    middle = slice(len(data) // 2, len(data) // 2 + 1500)
    data[middle] = np.random.default_rng(1).bytes(1500)
    path.write_bytes(data)
    (tmp_path / "list.csv").write_text("path,label,end_s\na/b.mp4,a,\na/b.mp4,a,0.5\n")
    names = (tmp_path / "list.csv", tmp_path / "v")
    status, output, errors = call(
        "probe",
        f"--videos={names[0]}",
        f"--video_root={names[1]}",
        "--workers=1",
        "--flow_method=dis",
    )
    assert status == 1 and "a/b.mp4: corrupt after " in errors
    assert "usable    1, of which with a problem 1\nunusable  1," in output
    assert [fails(item) for item in inputs.read(*names)[0]] == [True, False]


def test_probe_takes_one_video_and_a_plain_folder(call, videos, tmp_path):
    status, output, _ = call("probe", f"--videos={videos / 'run/run1.mp4'}", "--flow_method=dis")
    assert status == 0 and output.startswith("videos    1\n")
    (videos / "run/notes.txt").write_text("not a video")
    manifest = tmp_path / "m.csv"
    status, output, _ = call(
        "probe",
        f"--videos={videos / 'run'}",
        "--flow_method=dis",
        "--workers=1",
        f"--out={manifest}",
    )
    (videos / "run/notes.txt").unlink()
    assert status == 0 and output.startswith("videos    3\n")
    assert [(row["id"], row["label"]) for row in rows(manifest)] == [
        (f"run{i}.mp4", "") for i in range(3)
    ]


def test_probe_reads_a_list_with_times(call, videos, tmp_path):
    lines = ["path,label,start_s,end_s", "run/run0.mp4,run,0,0.4", "run/run0.mp4,run,0.4,0.8"]
    (tmp_path / "list.csv").write_text("\n".join([*lines, "run/run1.mp4,run,5,6"]))
    status, output, errors = call(
        "probe",
        f"--videos={tmp_path / 'list.csv'}",
        f"--video_root={videos}",
        "--workers=1",
        "--flow_method=dis",
    )
    assert status == 1 and "usable    2, of which with a problem 0\nunusable  1," in output
    assert "(20 frames, 25 per second" in output
    assert "run1.mp4: fewer than two frames from 5 s on, at 25 per second; it ends at" in errors


def test_probe_replaces_nothing(call, videos, tmp_path):
    (tmp_path / "m.csv").write_text("mine")
    status, _, errors = call("probe", f"--videos={videos}", f"--out={tmp_path / 'm.csv'}")
    assert status == 2 and "is there already" in errors
    assert (tmp_path / "m.csv").read_text() == "mine"


def test_probe_estimates_what_a_build_takes(call, videos, tmp_path):
    """Sizes within a third of those of the real thing."""
    recipe = BuildSettings(flow_method="dis", short_side=48)
    chosen = [(str(videos / f"run/run{i}.mp4"), 0.9) for i in range(3)]
    cost = estimate.measured(chosen, recipe)
    frames, fields = [], []
    for path, _ in chosen:
        pictures = list(video_frames.read_frames(path, 25, 48))
        frames += [len(jpeg(picture)) for picture in pictures]
        fields += [
            len(jpeg(schema.flow_to_levels(field)))
            for field in methods.flow_fields(pictures, "dis")
        ]
    assert cost.pairs == 15 and cost.frame_s > 0 and cost.field_s > 0
    assert abs(cost.frame_bytes / np.mean(frames) - 1) < 1 / 3
    assert abs(cost.field_bytes / np.mean(fields) - 1) < 1 / 3

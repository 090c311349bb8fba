"""The commands of `python -m data_prep` beside build: exit status, output, files."""

import csv
import importlib
import shutil
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest

from data_prep import __main__ as program
from data_prep import estimate, inputs
from data_prep import shards as data_prep_shards
from data_prep.figures import render
from i3d.data import schema, tfrecord
from i3d.data.build_settings import BuildSettings
from i3d.flow import methods
from i3d.inference import sample
from i3d.video import frames as video_frames
from tests.helpers import datasets
from tests.helpers.builds import told
from tests.helpers.processes import ROOT
from tests.helpers.videos import texture_frames, write_video

VIDEOS = 9


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return datasets.videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def built(videos, tmp_path_factory):
    return datasets.build(tmp_path_factory.mktemp("data") / "set", videos)


@pytest.fixture
def folder(built, tmp_path):
    """A data set that a test may damage."""
    return shutil.copytree(built, tmp_path / "set")


@pytest.fixture
def call(capsys):
    """Runs a command in this process; returns (exit status, output, errors)."""

    def run(name, *words):
        importlib.import_module(f"data_prep.commands.{name}").FLAGS.unparse_flags()
        status = program.main(["data_prep", name, *map(str, words)])
        return status, *capsys.readouterr()

    return run


def process(*words):
    """Runs `python -m data_prep` as a process of its own."""
    command = [sys.executable, "-m", "data_prep", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


# All of them


@pytest.mark.parametrize("name", ["probe", "verify", "show", "export_npy", "figures"])
def test_wrong_calls_and_help(call, name):
    assert call(name, "word")[0] == 2
    assert call(name, "--nonsense=1")[0] == 2
    status, _, errors = call(name)
    assert status == 2 and errors.count("\n") == 1 and "is needed" in errors
    status, output, _ = call(name, "--help")
    assert status == 0 and f"python -m data_prep {name}" in output and "--[no]" not in output[:200]


@pytest.mark.parametrize("name", ["verify", "show", "export_npy"])
def test_folder_without_data_set(call, name, tmp_path):
    extra = ["--id=a", f"--out={tmp_path / 'x.gif'}"] if name != "verify" else []
    status, _, errors = call(name, f"--data={tmp_path}", *extra)
    assert status == 1
    assert errors.startswith(f"data_prep {name}: {tmp_path}: expected a data set")
    assert errors.count("\n") == 1


def test_unknown_split(call, built):
    status, _, errors = call("verify", f"--data={built}", "--split=tset")
    assert (status, errors.count("\n")) == (2, 1)
    assert "--split: expected one of train, got 'tset'" in errors


# probe


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


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
    frames = sum(range(20, 20 + VIDEOS))
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
        return not list(data_prep_shards.examples(item, datasets.RECIPE))
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
    assert status == 2 and "exists already" in errors
    assert (tmp_path / "m.csv").read_text() == "mine"


def test_probe_estimates_what_a_build_takes(call, videos, tmp_path):
    """Sizes within a third of those of the real thing."""
    recipe = BuildSettings(flow_method="dis", short_side=48)
    chosen = [(str(videos / f"run/run{i}.mp4"), 0.9) for i in range(3)]
    cost = estimate.measured(chosen, recipe)
    frames, fields = [], []
    for path, _ in chosen:
        pictures = list(video_frames.read_frames(path, 25, 48))
        frames += [len(data_prep_shards.jpeg(picture)) for picture in pictures]
        fields += [
            len(data_prep_shards.jpeg(schema.flow_to_levels(field)))
            for field in methods.flow_fields(pictures, "dis")
        ]
    assert cost.pairs == 15 and cost.frame_s > 0 and cost.field_s > 0
    assert abs(cost.frame_bytes / np.mean(frames) - 1) < 1 / 3
    assert abs(cost.field_bytes / np.mean(fields) - 1) < 1 / 3


# verify


def test_verify_counts_and_compares(videos, built):
    result = process("verify", f"--data={built}", f"--videos={videos}")
    assert result.returncode == 0 and told(result.stderr) == []
    lines = result.stdout.splitlines()
    frames = sum(range(20, 20 + VIDEOS))
    size = sum(shard.stat().st_size for shard in built.glob("*tfrecord*")) / 1e6
    assert lines[0] == (
        f"train: 9 videos in 25 records and 3 shards, {frames} frames, {frames - 9} flow fields, "
        f"{size:.1f} MB"
    )
    assert lines[2] == "  videos by class: jump 3, run 3, walk 3"
    assert len(lines) == 7 and lines[-1] == f"{built}: all is well"
    ids = [line.split(":")[0].strip() for line in lines[3:6]]
    assert ids == ["jump/jump0", "run/run0", "walk/walk0"]
    assert " frames, PSNR " in lines[3] and "flow bias " in lines[3]


def shards(folder):
    return sorted(folder.glob("*.tfrecord-*"))


def verify(call, folder, *words):
    """Returns (exit status, lines of problems)."""
    status, _, errors = call("verify", f"--data={folder}", "--workers=2", *words)
    *problems, last = errors.splitlines() or [""]
    assert not status or last.startswith(f"data_prep verify: {folder}: problems: {len(problems)}")
    return status, [line.strip() for line in problems]


def test_verify_catches_a_flipped_byte(call, folder):
    shard = shards(folder)[1]
    third = list(tfrecord.read(shard))[2]
    data = bytearray(shard.read_bytes())
    data[third.offset + 12 + len(third.data) // 2] ^= 1
    shard.write_bytes(data)
    where = f"{shard.name}: record 2 (byte {third.offset})"
    assert verify(call, folder) == (1, [f"{where}: its checksum is wrong"])


def test_verify_catches_a_truncated_shard(call, folder):
    shard = shards(folder)[0]
    *_, last = tfrecord.read(shard)
    whole = shard.read_bytes()
    count = last.number + 1
    shard.write_bytes(whole[:-100])
    where = f"{shard.name}: record {last.number} (byte {last.offset})"
    assert verify(call, folder) == (1, [f"{where}: the file ends within it"])
    shard.write_bytes(whole[: last.offset])  # a whole record less
    expected = f"expected {count} records, as dataset_info.json says; got {count - 1}"
    assert verify(call, folder) == (1, [f"{shard.name}: {expected}"])


def test_verify_catches_a_missing_and_a_repeated_shard(call, folder):
    first, second, third = shards(folder)
    third.unlink()
    assert verify(call, folder) == (
        1,
        [f"{third.name}: cannot be read: No such file or directory"],
    )
    third.write_bytes(second.read_bytes())
    status, problems = verify(call, folder)
    repeated = [line for line in problems if line.endswith(": in 2 shards, expected in one")]
    assert status == 1 and len(repeated) == 3


def test_verify_catches_missing_metadata(call, folder):
    (folder / "label.labels.txt").unlink()
    status, problems = verify(call, folder)
    assert (status, problems) == (
        1,
        ["the class names are not those of build.json; is a file missing?"],
    )
    (folder / "build.json").unlink()
    status, problems = verify(call, folder)
    assert problems == ["build.json is missing: whether the splits are whole is not known"]


def test_verify_catches_an_unfinished_split(call, folder):
    text = (folder / "build.json").read_text()
    (folder / "build.json").write_text(text.replace('"train"', '"test"'))
    status, problems = verify(call, folder)
    assert status == 1 and problems == [
        "split 'train': its build is not finished; run the same build command again"
    ]


def test_verify_tells_videos_that_are_not_stored(call, videos, built, tmp_path):
    root = shutil.copytree(videos, tmp_path / "videos")
    shutil.copy(root / "run/run0.mp4", root / "run/new.mp4")
    status, problems = verify(call, built, f"--videos={root}", "--sample=0")
    assert status == 1
    assert problems == ["run/new: in --videos, but neither stored nor in failures.jsonl"]


def test_verify_tells_other_labels(call, videos, built, tmp_path):
    (tmp_path / "names").write_text("run\njump\nwalk\n")
    words = [f"--videos={videos}", f"--labels={tmp_path / 'names'}", "--sample=0"]
    status, problems = verify(call, built, *words)
    assert status == 1 and len(problems) == 6
    assert problems[0] == "jump/jump0: stored with label 0, --videos says 1"


def test_verify_tells_another_video(call, videos, built, tmp_path):
    root = shutil.copytree(videos, tmp_path / "videos")
    write_video(root / "run/run0.mp4", texture_frames(26, seed=99))
    write_video(root / "run/run1.mp4", texture_frames(5))
    write_video(root / "run/run2.mp4", texture_frames(28, height=60))
    status, problems = verify(call, built, f"--videos={root}", "--sample=9")
    assert status == 1
    assert [line.split(": ")[0] for line in problems] == ["run/run0", "run/run1", "run/run2"]
    assert "far from its video" in problems[0]
    assert problems[1] == "run/run1: only 5 frames are in its source"
    assert "its source gives 48 x 51" in problems[2]


def test_verify_tells_failures_of_the_build(call, videos, folder, tmp_path):
    root = shutil.copytree(videos, tmp_path / "videos")
    (root / "run/bad.mp4").write_bytes(b"")
    words = (f"--videos={root}", "--sample=0")
    assert verify(call, folder, *words)[0] == 1
    failure = '{"split": "train", "id": "run/bad", "path": "x", "reason": "empty"}\n'
    (folder / "failures.jsonl").write_text(failure)
    status, output, _ = call("verify", f"--data={folder}", *words)
    assert status == 0 and "videos that could not be read when it was built: 1" in output
    (folder / "failures.jsonl").write_text("{")
    assert verify(call, folder) == (1, ["failures.jsonl is damaged"])


def test_verify_flags_that_do_not_go_together(call, videos, folder):
    status, _, errors = call("verify", f"--data={folder}", f"--video_root={videos}")
    assert status == 2 and "go with --videos" in errors
    (folder / "build.json").unlink()
    status, _, errors = call("verify", f"--data={folder}", f"--videos={videos}")
    assert status == 2 and "has no build.json" in errors


# show


def test_show_lists_ids(call, built):
    status, output, _ = call("show", f"--data={built}")
    assert status == 0
    assert {f"run/run{i}" for i in range(3)} < set(output.splitlines())


def test_show_writes_a_gif_of_all_segments(call, built, videos, tmp_path):
    out = tmp_path / "run2.gif"
    words = (f"--data={built}", "--id=run/run2", f"--out={out}")
    status, output, _ = call("show", *words)
    assert status == 0 and output.startswith(f"{out}: 27 frames of run/run2 (train), a full colour")
    with av.open(out) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 25
    frames = list(video_frames.read_frames(videos / "run/run2.mp4", 25, 48))
    assert len(shown) == 27 and shown[0].shape == (48, 128, 3)
    for ours, source in zip(shown, frames, strict=False):
        assert np.abs(ours[:, :64].astype(int) - source).mean() < 12  # 256 colours
    # The texture moves by 2 to the right and 1 up: a reddish violet.
    colour = shown[10][8:40, 72:120].reshape(-1, 3).mean(0)
    assert colour[0] > colour[1] + 60 and colour[2] > colour[1]
    status, _, errors = call("show", *words)
    assert status == 2 and "exists already" in errors


@pytest.mark.parametrize("name", ["a.png", "a.JPG"])
def test_show_writes_a_sheet(call, built, tmp_path, name):
    out = tmp_path / name
    status, output, _ = call(
        "show", f"--data={built}", "--id=run/run0", f"--out={out}", "--max_frames=4"
    )
    assert status == 0 and f"{out}: 4 frames" in output
    assert cv2.imread(str(out)).shape == (2 * 48, 2 * 128, 3)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_show_spreads_a_sheet_over_the_video(call, videos, built, tmp_path):
    call(
        "show", f"--data={built}", "--id=run/run2", f"--out={tmp_path / 'a.png'}", "--max_frames=2"
    )
    sheet = cv2.imread(str(tmp_path / "a.png"))[..., ::-1]
    frames = list(video_frames.read_frames(videos / "run/run2.mp4", 25, 48))
    tiles = [sheet[:48, :64], sheet[-48:, -128:-64]]
    for tile, frame in zip(tiles, (frames[0], frames[13]), strict=True):
        assert np.abs(tile.astype(int) - frame).mean() < 6


def test_show_without_flow(call, videos, tmp_path):
    recipe = BuildSettings(("rgb",), short_side=48)
    folder = datasets.build(tmp_path / "set", videos, recipe, num_shards=1)
    for out, shape in ((tmp_path / "a.gif", (48, 64, 3)), (tmp_path / "a.png", (48, 64, 3))):
        status, output, _ = call(
            "show", f"--data={folder}", "--id=run/run0", f"--out={out}", "--max_frames=1"
        )
        assert status == 0 and "full colour" not in output
        with av.open(out) as container:
            assert next(container.decode(video=0)).to_ndarray(format="rgb24").shape == shape


def test_show_wrong_names(call, built, tmp_path):
    words = [f"--data={built}", "--id=run/run0"]
    status, _, errors = call("show", *words, f"--out={tmp_path / 'a.mp4'}")
    assert status == 2 and "expected a name in .gif, .png or .jpg" in errors
    status, _, errors = call("show", *words)
    assert status == 2 and "--out is needed" in errors
    status, _, errors = call(
        "show", f"--data={built}", "--id=run/run", f"--out={tmp_path / 'a.gif'}"
    )
    assert status == 1 and "no video has the id 'run/run'; the nearest is 'run/run" in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["show", "export_npy"])
def test_damage_is_one_line_here_too(folder, name, tmp_path):
    for shard in shards(folder):
        data = bytearray(shard.read_bytes())
        data[1000] ^= 1
        shard.write_bytes(data)
    result = process(name, f"--data={folder}", "--id=run/run0", f"--out={tmp_path / 'a.png'}")
    (line,) = told(result.stderr)
    assert result.returncode == 1 and line.endswith("record 0 (byte 0): its checksum is wrong")
    assert not (tmp_path / "a.png").exists()


# export_npy


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Returns (videos, data set) of pictures large enough for the network."""
    videos = tmp_path_factory.mktemp("large")
    write_video(videos / "walk/a.mp4", texture_frames(26, height=240, width=320))
    recipe = BuildSettings(flow_method="dis", max_segment_s=0.4)
    return videos, datasets.build(tmp_path_factory.mktemp("data") / "set", videos, recipe)


def test_export_writes_the_published_arrays(call, large, tmp_path):
    videos, folder = large
    words = (f"--data={folder}", "--id=walk/a", f"--out={tmp_path / 'npy'}")
    status, output, _ = call("export_npy", *words)
    assert status == 0 and "rgb.npy and flow.npy, 25 frames of walk/a (train)" in output
    paths = {name: tmp_path / "npy" / f"{name}.npy" for name in ("rgb", "flow")}
    arrays = {name: np.load(path) for name, path in paths.items()}
    assert arrays["rgb"].shape == (1, 25, 224, 224, 3)
    assert arrays["flow"].shape == (1, 25, 224, 224, 2)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    assert len(list(sample.from_arrays(paths))) == 25  # the demo takes them
    frames = list(video_frames.read_frames(videos / "walk/a.mp4"))
    fields = list(methods.flow_fields(frames, "dis"))
    for t in (0, 9, 10, 24):  # the second segment begins at 10
        rgb = schema.rgb_to_unit(sample.crop(frames[t], 224))
        assert np.abs(arrays["rgb"][0, t] - rgb).mean() < 0.03
        motion = schema.flow_to_unit(sample.crop(fields[t], 224))
        assert np.abs(arrays["flow"][0, t] - motion).mean() < 0.005
    status, _, errors = call("export_npy", *words)
    assert status == 2 and f"{paths['rgb']}: exists already" in errors


def test_export_needs_large_pictures(call, built, tmp_path):
    status, _, errors = call(
        "export_npy", f"--data={built}", "--id=run/run0", f"--out={tmp_path / 'npy'}"
    )
    assert status == 1 and errors == (
        "data_prep export_npy: run/run0: expected at least 224 pixels a side, got 48 x 64; build "
        "the data set with --short_side=256\n"
    )
    assert list((tmp_path / "npy").iterdir()) == []


def test_export_without_flow(call, large, tmp_path):
    folder = datasets.build(tmp_path / "set", large[0], BuildSettings(("rgb",)))
    status, output, _ = call(
        "export_npy", f"--data={folder}", "--id=walk/a", f"--out={tmp_path / 'npy'}"
    )
    assert status == 0 and "rgb.npy, 26 frames of walk/a" in output
    assert [path.name for path in (tmp_path / "npy").iterdir()] == ["rgb.npy"]
    assert np.load(tmp_path / "npy/rgb.npy").shape == (1, 26, 224, 224, 3)


# figures


def test_figures_writes_the_classes(call, tmp_path):
    words = ["--videos_per_class=1", "--height=32", "--width=42", "--workers=1"]
    status, output, _ = call("figures", f"--out={tmp_path}", *words)
    assert (status, output) == (0, f"{tmp_path}: 13 videos of 13 classes\n")
    names = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*.mp4"))]
    assert names == [f"{name}/{name}_0.mp4" for name in render.ACTIONS]
    status, _, errors = call("figures", f"--out={tmp_path}", "--videos_per_class=1", "--workers=1")
    assert status == 2 and "is not the video that would be written there" in errors


def test_figures_for_testing_take_other_seeds(call, tmp_path, monkeypatch):
    seeds = []
    monkeypatch.setattr(
        render, "write_videos", lambda out, count, seed, **_: seeds.append(seed) or []
    )
    assert call("figures", f"--out={tmp_path}", "--videos_per_class=1", "--test")[0] == 0
    assert call("figures", f"--out={tmp_path}", "--videos_per_class=1", "--seed=5")[0] == 0
    assert seeds == [render.TEST_SEED, 5]
    status, _, errors = call(
        "figures", f"--out={tmp_path}", "--videos_per_class=1", "--test", "--seed=5"
    )
    assert status == 2 and "leave --seed out" in errors

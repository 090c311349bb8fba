"""`python -m data_prep build` as processes on real files: what it makes, and how it fails."""

import csv
import json
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from i3d.data import schema
from i3d.video import frames as video_frames
from tests.helpers.builds import QUICK, build, peak_worker_bytes, start, told
from tests.helpers.points import Point
from tests.helpers.processes import contents, has_proc
from tests.helpers.videos import texture_frames, write_folder, write_video

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder of 12 videos of 20 to 31 frames, 48x64, in the classes jump, run, walk."""
    return write_folder(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def reference(videos, tmp_path_factory):
    """The data set of `videos`, built by one worker."""
    out = tmp_path_factory.mktemp("reference") / "set"
    result = build(f"--videos={videos}", f"--out={out}", *QUICK)
    assert result.returncode == 0, result.stderr
    assert told(result.stderr) == []
    assert result.stdout == f"{out}: split 'train' complete, 12 videos, 0 failed\n"
    return out


@pytest.fixture(scope="module")
def table(videos, tmp_path_factory):
    """A CSV file of a split `test`: two good videos and two that cannot be read."""
    folder = tmp_path_factory.mktemp("table")
    (folder / "jump").mkdir()
    (folder / "jump" / "junk.mp4").write_text("no video")
    for name in ("run0", "walk3"):
        shutil.copy(videos / name[:-1] / f"{name}.mp4", folder / f"{name}.mp4")
    rows = ["path,label", "run0.mp4,run", "jump/junk.mp4,jump", "gone.mp4,jump", "walk3.mp4,walk"]
    (folder / "test.csv").write_text("\n".join(rows))
    return folder / "test.csv"


def read(out, split, **settings):
    """Returns the examples of a split as TFDS reads them."""
    return list(tfds.as_numpy(tfds.builder_from_directory(out).as_dataset(split, **settings)))


def fails(result, status, *words):
    """Checks the exit status, and one clear line that holds the words."""
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    (line,) = told(result.stderr)
    assert line.startswith("data_prep build: ")
    for word in words:
        assert word in line, line


# What a build makes


def test_tfds_reads_it(videos, reference):
    builder = tfds.builder_from_directory(reference)
    label = builder.info.features["label"]
    assert label.names == ["jump", "run", "walk"]
    assert builder.info.splits["train"].num_examples == 12
    assert "flow dis" in builder.info.description
    made = json.loads((reference / "build.json").read_text())
    assert made["recipe"]["flow_method"] == "dis"
    examples = read(reference, "train")
    ids = {example["id"].decode() for example in examples}
    assert ids == {f"{name}/{name}{i}" for name in ("jump", "run", "walk") for i in range(4)}
    for example in examples:
        name, _, file = example["id"].decode().partition("/")
        count = 20 + 4 * ["walk", "jump", "run"].index(name) + int(file[-1])
        assert label.int2str(example["label"]) == name
        assert example["frames"].shape == (count, 48, 64, 3)
        assert example["flow"].shape == (count - 1, 96, 64, 1)
        assert example["fps"] == 25 and example["start_s"] == 0
        assert (example["source_height"], example["source_width"]) == (48, 64)
        source = np.stack(
            list(video_frames.read_frames(videos / name / f"{file}.mp4", short_side=48))
        )
        assert np.abs(example["frames"].astype(int) - source).mean() < 3


def test_sub_splits_and_skipped_decoding(reference):
    whole = [example["id"] for example in read(reference, "train")]
    assert [e["id"] for e in read(reference, "train[:10%]")] == whole[:1]
    assert [e["id"] for e in read(reference, "train[50%:]")] == whole[6:]
    skip = {"frames": tfds.decode.SkipDecoding(), "flow": tfds.decode.SkipDecoding()}
    decoded, encoded = read(reference, "train[:1]")[0], read(reference, "train[:1]", decoders=skip)
    for name in ("frames", "flow"):
        files = encoded[0][name]
        assert files.shape == decoded[name].shape[:1] and files.dtype == object
        assert all(file[:2] == b"\xff\xd8" for file in files)
        pictures = np.stack([tf.io.decode_jpeg(file) for file in files])
        np.testing.assert_array_equal(pictures, decoded[name])


def test_classes_are_spread_over_the_shards(reference):
    labels = [int(example["label"]) for example in read(reference, "train")]
    assert labels != sorted(labels) and set(labels[:6]) == {0, 1, 2}


def test_two_splits_in_one_folder_and_failures(reference, table, tmp_path):
    one = tmp_path / "one"
    shutil.copytree(reference, one)
    test = (f"--videos={table}", "--split=test", *QUICK, f"--out={one}")
    result = build(*test)
    assert result.returncode == 1 and "2 videos, 2 failed" in result.stdout
    rows = [json.loads(line) for line in (one / "failures.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["gone", "jump/junk"]
    assert rows[0] == {
        "split": "test",
        "id": "gone",
        "path": str(table.with_name("gone.mp4")),
        "reason": "no such file",
    }
    assert rows[1]["reason"].startswith("not a readable video")
    assert [line.strip() for line in told(result.stderr)] == [
        *(f"{row['path']}: {row['reason']}" for row in rows),
        f"all failures: {one / 'failures.jsonl'}; --retry_failed tries them again",
    ]
    assert sorted(e["id"] for e in read(one, "test")) == [b"run0", b"walk3"]
    assert [e["id"] for e in read(one, "test[50%:]")] == [read(one, "test")[1]["id"]]
    assert len(read(one, "train")) == 12
    before = contents(one)
    again = build(*test)
    assert again.returncode == 1 and again.stdout == result.stdout
    assert contents(one) == before


def test_defaults_are_tvl1_256_and_less_than_a_gigabyte(tmp_path):
    frames = texture_frames(12, 128, 170)
    write_video(tmp_path / "v" / "a" / "v.mp4", frames)
    peak = peak_worker_bytes(start(f"--videos={tmp_path / 'v'}", f"--out={tmp_path / 'out'}"))
    print(f"a worker took {peak / 1e6:.0f} MB at most")
    assert "flow tvl1" in tfds.builder_from_directory(tmp_path / "out").info.description
    (example,) = read(tmp_path / "out", "train")
    assert example["frames"].shape == (12, 256, 340, 3)
    assert example["flow"].shape == (11, 512, 340, 1)
    flow = np.stack([schema.levels_to_flow(levels) for levels in example["flow"][..., 0]])
    np.testing.assert_allclose(np.median(flow, (0, 1, 2)), (4, -2), atol=0.2)
    assert peak < 1e9
    assert peak > 50e6 or not has_proc()


def test_csv_with_times_labels_and_rgb_alone(videos, tmp_path):
    (tmp_path / "names.txt").write_text("walk\nsit\njump\n")
    (tmp_path / "list.csv").write_text(
        "path,label,start_s,end_s\nwalk/walk3.mp4,walk,0.2,0.6\njump/jump0.mp4,jump,,\n"
    )
    out = tmp_path / "out"
    result = build(
        f"--videos={tmp_path / 'list.csv'}", f"--video_root={videos}", f"--out={out}",
        f"--labels={tmp_path / 'names.txt'}", "--streams=rgb", "--fps=12.5", "--short_side=24",
        "--num_shards=1",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    names = tfds.builder_from_directory(out).info.features["label"].names
    assert names == ["walk", "sit", "jump"]
    examples = {example["id"]: example for example in read(out, "train")}
    part, whole = examples[b"walk/walk3@0.2-0.6"], examples[b"jump/jump0"]
    assert part["label"] == 0 and whole["label"] == 2
    assert part["frames"].shape == (5, 24, 32, 3) and whole["frames"].shape == (12, 24, 32, 3)
    assert part["fps"] == 12.5 and "flow" not in part
    assert (part["source_height"], part["source_width"]) == (48, 64)
    assert (out / "videos-train.tfrecord-00000-of-00001").exists()


def test_a_long_video_becomes_several_examples(videos, reference, tmp_path):
    flags = (f"--videos={videos}", f"--out={tmp_path}", *QUICK, "--max_segment_s=0.4")
    assert build(*flags).returncode == 0
    skip = {"frames": tfds.decode.SkipDecoding(), "flow": tfds.decode.SkipDecoding()}
    segments = {}
    for example in read(tmp_path, "train", decoders=skip):
        segments.setdefault(example["id"], []).append(example)
    for whole in read(reference, "train", decoders=skip):
        parts = segments.pop(whole["id"])
        assert len(parts) == -(-len(whole["flow"]) // 10)
        starts = [part["start_s"] for part in parts]
        np.testing.assert_allclose(starts, 0.4 * np.arange(len(parts)), atol=1e-6)
        assert all(len(part["frames"]) == len(part["flow"]) + 1 <= 11 for part in parts)
        assert sum((list(part["flow"]) for part in parts), []) == list(whole["flow"])
        frames = [*parts[0]["frames"][:1], *(f for part in parts for f in part["frames"][1:])]
        assert frames == list(whole["frames"])
    assert not segments


@pytest.mark.parametrize(
    "options", [[], ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]]
)
def test_beam_gives_the_same_bytes(videos, reference, tmp_path, options):
    pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
    flags = (f"--videos={videos}", f"--out={tmp_path}", *QUICK, "--runner=beam", "--", *options)
    result = build(*flags)
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path) == contents(reference)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--direct_num_worker=2", "--runner=DirectRunner"], "no --direct_num_worker=2"),
        (["--direct_num_workers=two"], "'two'"),
        (["stray"], "stray"),
        (["--runner=no_such_module.Runner"], "no_such_module"),
    ],
)
def test_beam_options_are_checked(videos, tmp_path, options, word):
    pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
    out = tmp_path / "out"
    result = build(f"--videos={videos}", f"--out={out}", "--runner=beam", "--", *options)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("data_prep build: Beam's options after --")
    assert word in result.stderr.splitlines()[-1]
    assert not out.exists()


def test_beam_tells_a_failure_last(table, tmp_path):
    """Beam logs what it likes; the last line is ours."""
    pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
    flags = (f"--videos={table}", f"--out={tmp_path}", "--strict", *QUICK, "--runner=beam")
    result = build(*flags)
    last = result.stderr.splitlines()[-1]
    assert result.returncode == 1
    assert last.startswith("data_prep build: the Beam pipeline failed: ") and ".mp4: " in last


# How it fails


def test_strict_stops_at_the_first_failure_and_can_go_on(table, tmp_path):
    flags = (f"--videos={table}", f"--out={tmp_path}", *QUICK)
    fails(build(*flags, "--strict"), 1, ".mp4: no")
    assert [path.name for path in tmp_path.iterdir()] == [".build"]
    result = build(*flags)
    assert result.returncode == 1 and "2 videos, 2 failed" in result.stdout
    assert not (tmp_path / ".build").exists()
    assert sorted(e["id"] for e in read(tmp_path, "train")) == [b"run0", b"walk3"]


def test_every_video_bad(tmp_path):
    bad = tmp_path / "videos" / "c" / "bad.mp4"
    bad.parent.mkdir(parents=True)
    bad.write_text("no video")
    result = build(f"--videos={bad.parents[1]}", f"--out={tmp_path / 'out'}", *QUICK)
    fails(result, 1, "not one of 1 videos could be read", f"{bad}: not a readable video")
    assert list((tmp_path / "out").iterdir()) == []  # nothing that would be taken for done


def list_call(text, *flags):
    """Returns a function of (videos, folder) that gives the flags of a list with this text."""

    def flags_of(videos, folder):
        (folder / "list.csv").write_text(text)
        return f"--videos={folder / 'list.csv'}", f"--video_root={videos}", *flags

    return flags_of


def with_labels(videos, folder):
    (folder / "names.txt").write_text("jump\nrun\nsit\n")
    return f"--videos={videos}", f"--labels={folder / 'names.txt'}"


WRONG_CALLS = {
    "duplicate path": (
        list_call("path,label\nrun/run0.mp4,run\nrun/run1.mp4,run\nrun/./run0.mp4,run\n"),
        ["list.csv:4", "came at", "list.csv:2"],
    ),
    "unknown label": (with_labels, ["'walk'", "the list of classes"]),
    "empty list": (list_call(""), ["list.csv"]),
    "list without rows": (list_call("path,label\n"), ["found none"]),
    "path leaves the root": (
        list_call("path,label\n../videos/run/run0.mp4,run\n"),
        ["list.csv:2", "inside"],
    ),
    "absolute path": (list_call("path,label\n/etc/passwd,run\n"), ["inside"]),
    "no videos there": (list_call("path,label\nrun/nine.mp4,run\n"), ["none of its 1 videos"]),
    "no --videos": (lambda videos, folder: (), ["--videos is needed"]),
    "no such folder": (lambda videos, folder: (f"--videos={folder}/no",), ["does not exist"]),
    "stray word": (lambda videos, folder: (f"--videos={videos}", "x"), ["'x'"]),
    "unknown flag": (lambda videos, folder: (f"--videos={videos}", "--short_sid=4"), ["short_sid"]),
    "bad value": (lambda videos, folder: (f"--videos={videos}", "--workers=0"), ["workers"]),
    "flow alone": (lambda videos, folder: (f"--videos={videos}", "--streams=flow"), ["rgb,flow"]),
    "bad split": (lambda videos, folder: (f"--videos={videos}", "--split=a-b"), ["'a-b'"]),
    "Beam's options without Beam": (
        lambda videos, folder: (f"--videos={videos}", "--", "--runner=X"),
        ["--runner=beam"],
    ),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_a_wrong_call_gets_one_line(videos, tmp_path, name):
    flags_of, words = WRONG_CALLS[name]
    out = tmp_path / "out"
    flags = list(flags_of(videos, tmp_path))
    cut = flags.index("--") if "--" in flags else len(flags)
    result = build(*flags[:cut], f"--out={out}", *flags[cut:])
    fails(result, 2, *words)
    assert result.stdout == "" and not out.exists()


def test_a_folder_that_cannot_be_written(videos, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        fails(build(f"--videos={videos}", f"--out={out}"), 1, f"{out}: cannot write the data set")


def test_a_read_only_folder(videos, tmp_path):
    with mounted(tmp_path, "--bind", "-o", "ro", tmp_path) as out:
        fails(build(f"--videos={videos}", f"--out={out}"), 1, "Read-only file system")


class mounted:
    """Mounts something on a folder meanwhile; skips the test where that is not permitted."""

    def __init__(self, folder, *arguments):
        self._folder, self._arguments = folder, arguments

    def __enter__(self):
        done = subprocess.run(
            ["mount", *map(str, self._arguments), str(self._folder)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
        return self._folder

    def __exit__(self, *_):
        subprocess.run(["umount", str(self._folder)], check=True)


def test_a_full_disk(videos, reference, tmp_path):
    flags = (f"--videos={videos}", f"--out={tmp_path}", *QUICK)
    size = sum(map(len, contents(reference).values()))
    with mounted(tmp_path, "-t", "tmpfs", "-o", f"size={size * 2 // 3}", "none"):
        fails(build(*flags), 1, "cannot write the data set", "No space left on device")
        assert [path.name for path in tmp_path.iterdir()] == [".build"]
        subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path)], check=True)
        assert build(*flags).returncode == 0
        assert contents(tmp_path) == contents(reference)


def test_files_that_may_not_grow(videos, reference, tmp_path):
    """The limit is met between two videos of a shard."""
    flags = (f"--videos={videos}", f"--out={tmp_path}", *QUICK, "--num_shards=2")
    size = sum(map(len, contents(reference).values())) // 3
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # noqa: E731
    fails(build(*flags, preexec_fn=limit), 1, "cannot write the data set", "File too large")
    assert [path.name for path in tmp_path.iterdir()] == [".build"]
    assert build(*flags).returncode == 0
    assert len(read(tmp_path, "train")) == 12 and not (tmp_path / ".build").exists()


def test_two_builds_at_once(videos, reference, tmp_path):
    """The first waits meanwhile."""
    flags = (f"--videos={videos}", f"--out={tmp_path / 'out'}", *QUICK, "--workers=3")
    out = tmp_path / "out"
    point = Point(out, tmp_path / "log", r"open .*tfrecord", kind=signal.SIGSTOP, to="leader")
    first = start(*flags, environment=point.environment())
    point.wait(first)
    fails(build(*flags), 1, f"{out}: another build is writing here")
    first.send_signal(signal.SIGCONT)
    _, errors = first.communicate()
    assert first.returncode == 0, errors
    assert contents(out) == contents(reference)


def test_what_the_folder_holds_must_fit(videos, reference, table, tmp_path):
    shutil.copytree(reference, tmp_path / "set")
    flags = (f"--out={tmp_path / 'set'}", *QUICK)
    before = contents(tmp_path)
    fails(build(f"--videos={table}", *flags), 1, "'train' is there already", "another --out")
    other = (f"--videos={videos}", "--split=test", *flags)
    fails(build(*other, "--fps=5"), 1, "fps 25.0 (not 5.0)", "same flags")
    (tmp_path / "names").write_text("walk\nrun\njump\n")
    fails(build(*other, f"--labels={tmp_path / 'names'}"), 1, "3 classes", "another order")
    (tmp_path / "set" / "build.json").unlink()
    fails(build(*other), 1, "made by something else")
    (tmp_path / "names").unlink()
    del before["set/build.json"]
    assert contents(tmp_path) == before


def test_a_build_that_is_complete_is_left_alone(videos, reference):
    before = {path: path.stat().st_mtime_ns for path in reference.rglob("*")}
    result = build(f"--videos={videos}", f"--out={reference}", *QUICK)
    assert result.returncode == 0 and "12 videos, 0 failed" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in reference.rglob("*")} == before


# Memory, and the real clips


def write_hour(path, seconds, rate=5):
    """Writes a video of a texture that moves on and on, 64x86."""
    frames = list(texture_frames(50, 64, 86))
    frames += frames[::-1]
    repeated = (frames[i % 100] for i in range(seconds * rate))
    return write_video(path, repeated, rate, preset="ultrafast")


def peak_of(folder, *flags):
    """Builds a folder with one worker; returns its peak bytes and the seconds."""
    begin = time.monotonic()
    peak = peak_worker_bytes(start(f"--videos={folder}", f"--out={folder}.out", *flags))
    return peak, time.monotonic() - begin


@pytest.mark.slow
@pytest.mark.skipif(not has_proc(), reason="memory of processes is read from /proc")
def test_memory_does_not_grow_with_length(tmp_path):
    peaks = []
    for name, seconds in (("minute", 60), ("hour", 3600)):
        write_hour(tmp_path / name / "c" / "v.mp4", seconds)
        peak, taken = peak_of(tmp_path / name, "--short_side=64", "--flow_method=dis")
        print(f"{name}: {peak / 1e6:.0f} MB at most, {taken:.0f} s")
        peaks.append(peak)
    lengths = [len(e["frames"]) for e in read(tmp_path / "hour.out", "train")]
    assert len(lengths) == 60 and sum(lengths) - 59 == 3600 * 25
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.slow
@pytest.mark.skipif(not has_proc(), reason="memory of processes is read from /proc")
def test_a_full_minute_in_full_size_takes_less_than_a_gigabyte(tmp_path):
    """A segment is held as a whole; this one is some 90 MB of JPEG files."""
    noise = np.random.default_rng(0).integers(0, 255, (32, 256, 340, 3), dtype=np.uint8)
    noise = [cv2.GaussianBlur(frame, (0, 0), 0.7) for frame in noise]
    frames = (noise[i % 32] for i in range(1500))
    write_video(tmp_path / "v" / "c" / "v.mp4", frames, preset="ultrafast", crf="30")
    peak, seconds = peak_of(tmp_path / "v", "--streams=rgb")
    size = sum(map(len, contents(tmp_path / "v.out").values()))
    print(f"{size / 1e6:.0f} MB of records: {peak / 1e6:.0f} MB at most, {seconds:.0f} s")
    assert size > 60e6
    assert peak < 1e9


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ut_interaction_without_a_failure(clips, tmp_path):
    begin = time.monotonic()
    peak = peak_worker_bytes(start(f"--videos={clips / 'ut_interaction'}", f"--out={tmp_path}"))
    print(f"{time.monotonic() - begin:.0f} s, a worker took {peak / 1e6:.0f} MB at most")
    builder = tfds.builder_from_directory(tmp_path)
    assert builder.info.splits["train"].num_examples == 120
    assert builder.info.features["label"].num_classes == 6
    assert not (tmp_path / "failures.jsonl").exists() and peak < 1e9


@pytest.mark.slow
def test_odd_videos_are_built_or_listed(clips, tmp_path):
    files = sorted(path for path in (clips / "misc").rglob("*") if path.is_file())
    with open(tmp_path / "list.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        rows.writerows([path.relative_to(clips / "misc"), "odd"] for path in files)
    flags = (f"--videos={tmp_path / 'list.csv'}", f"--video_root={clips / 'misc'}")
    result = build(*flags, f"--out={tmp_path / 'out'}", "--flow_method=dis", "--short_side=64")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    text = (tmp_path / "out" / "failures.jsonl").read_text()
    failed = {row["path"]: row["reason"] for row in map(json.loads, text.splitlines())}
    built = {example["id"].decode() for example in read(tmp_path / "out", "train")}
    assert len(built) + len(failed) == len(files) and all(failed.values())
    good = [video_is_good(path) for path in files]
    assert [str(path) not in failed for path in files] == good
    print("\n".join(f"{Path(path).name}: {reason}" for path, reason in failed.items()))


def video_is_good(path):
    """Returns whether the video can be read to its end, and has two frames."""
    try:
        return sum(1 for _ in video_frames.read_frames(path, short_side=16)) > 1
    except video_frames.VideoError:
        return False

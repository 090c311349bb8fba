"""Features of a list of videos: the command as users run it, and its pool of decoding processes."""

import dataclasses
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from data_prep.figures import render
from i3d import extract_features, models
from i3d.features import videos as features_videos
from i3d.inference import decoding, recipes
from i3d.inference import network as inference_network
from i3d.inference import views as inference_views
from i3d.training import config
from i3d.training import model as training_model
from i3d.weights.pytorch.names import entries
from i3d.weights.start import head_classes
from tests.helpers import training
from tests.helpers.decoding import SHAPE, numbered
from tests.helpers.points import Point
from tests.helpers.processes import children, is_running, wait_for
from tests.helpers.torch_files import write_safetensors

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "i3d.extract_features"]
ACTIONS = ("jumping_jacks", "kicking", "walking_left")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with videos, a list of them in no order, a configuration and its weights."""
    folder = tmp_path_factory.mktemp("features")
    render.write_videos(folder / "videos", 1, actions=ACTIONS, height=48, width=64)
    names = [f"{action}/{action}_0.mp4" for action in reversed(ACTIONS)]
    (folder / "list.txt").write_text("".join(f"{name} {i}\n" for i, name in enumerate(names)))
    training.write_config(folder / "tiny.py", folder / "none")
    keras.utils.set_random_seed(1)
    model = training_model.build(settings(folder), 3)
    model.save_weights(folder / "tiny.weights.h5")
    return folder


def settings(folder):
    models._BUILDERS["tiny"] = training.tiny_model
    return training.tiny(folder / "none")


def recipe(files, **changes):
    """What the command is to take of a video."""
    made = recipes.recipe_of_run(config.flat(settings(files)), 48)
    return dataclasses.replace(made, **{"clips": 3} | changes)


def arguments(files, out, *more):
    flags = f"--config={files / 'tiny.py'}", f"--checkpoint={files / 'tiny.weights.h5'}"
    lists = f"--video-list={files / 'list.txt'}", "--video-root", str(files / "videos")
    return [*flags, *lists, f"--out={out}", "--short-side=48", "--clips=3", *more]


def extract(files, out, *more):
    """Runs the command in this process; returns its exit status."""
    return extract_features.main(["extract_features", *arguments(files, out, *more)])


def read(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def means(files, views, endpoint="features"):
    """Float32 [C]: the mean over views and all axes of a layer."""
    model = training_model.build(settings(files), 3)
    model.load_weights(files / "tiny.weights.h5")
    model = keras.Model(model.input, model.get_layer(endpoint).output)
    maps = np.asarray(model.predict_on_batch(views))
    return maps.reshape(-1, maps.shape[-1]).mean(axis=0)


def paths(files):
    return [entry.path for entry in features_videos.read(files / "list.txt", files / "videos")]


@pytest.fixture(scope="module")
def expected(files):
    """Float32 [3, C], in the order of the list, computed without the command."""
    return np.array([means(files, inference_views.views(p, recipe(files))) for p in paths(files)])


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.std(expected))


@pytest.mark.long
def test_a_pickle_holds_the_means_in_list_order(files, expected, tmp_path):
    """As a process, on two devices: nine views by fours, the last batch is not whole."""
    out = tmp_path / "new" / "ucf101_feature.pkl"
    more = "--workers=2", "--batch-size=2", "--replicas=2"
    _, errors = training.finished(training.start([*COMMAND, *arguments(files, out, *more)]))
    found = read(out)
    assert type(found) is list
    assert {(type(row), row.dtype.str, row.ndim) for row in found} == {(np.ndarray, "<f4", 1)}
    assert np.abs(np.diff(expected, axis=0)).max() > 1e-3  # videos differ
    assert_close(found, expected)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert "3 clip(s) of 4 frame(s), stride 1, 25 fps, 1 crop(s) of 32 px" in errors


@pytest.mark.parametrize("workers, batch_size", [(1, 1), (3, 100)])
def test_neither_workers_nor_batches_matter(files, expected, tmp_path, workers, batch_size):
    out = tmp_path / "features.npz"
    assert extract(files, out, f"--workers={workers}", f"--batch_size={batch_size}") == 0
    with np.load(out) as found:
        assert found["ids"].tolist() == [f"{a}/{a}_0.mp4" for a in reversed(ACTIONS)]
        assert found["views"].tolist() == [3, 3, 3] and found["features"].dtype == np.float32
        assert_close(found["features"], expected)


def test_a_file_per_video_of_another_layer_and_crops(files, tmp_path):
    assert extract(files, tmp_path / "all", "--endpoint=one", "--crops=3", "--clips=1") == 0
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert found == [f"all/{action}/{action}_0.npy" for action in ACTIONS]
    path = paths(files)[0]
    views = inference_views.views(path, recipe(files, clips=1, crops=3, resize=32))
    assert len(views) == 3
    assert_close(np.load(tmp_path / found[-1]), means(files, views, "one"))


@pytest.mark.long
def test_windows_have_rows_with_times(files, tmp_path):
    flags = "--window_s=1", "--stride_s=0.5", "--clips=2"
    assert extract(files, tmp_path / "w.npz", *flags) == 0
    assert extract(files, tmp_path / "w.pkl", *flags, "--workers=1") == 0
    taken = recipe(files, clips=2)
    windows = [
        list(inference_views.views_of_windows(path, taken, 1.0, 0.5)) for path in paths(files)
    ]
    rows = [row for of_video in windows for row in of_video]
    assert len(rows) > 10
    with np.load(tmp_path / "w.npz") as found:
        assert_close(found["features"], [means(files, views) for *_, views in rows])
        assert found["start_s"].tolist() == [start for start, *_ in rows]
        assert found["end_s"].tolist() == [end for _, end, _ in rows]
        assert set(found["views"]) == {2}
        assert np.unique(found["ids"]).size == 3 and len(found["ids"]) == len(rows)
        for video, of_video in zip(read(tmp_path / "w.pkl"), windows, strict=True):
            assert video["start_s"].tolist() == [start for start, *_ in of_video]
        assert_close(video["features"], found["features"][-len(of_video) :])


@pytest.mark.long
def test_a_bad_video_is_recorded_and_the_rest_goes_on(files, expected, tmp_path, capsys):
    videos = tmp_path / "videos"
    videos.mkdir()
    first, _, last = paths(files)
    (videos / "first.mp4").write_bytes(Path(first).read_bytes())
    (videos / "text é.mp4").write_text("no video")
    (videos / "empty.mp4").touch()
    (videos / "last 2.mp4").write_bytes(Path(last).read_bytes())
    (tmp_path / "list.txt").write_text("first.mp4\ntext é.mp4\nempty.mp4 7 1\n\nlast 2.mp4\n")
    places = f"--video_list={tmp_path / 'list.txt'}", f"--video_root={videos}"
    assert extract(files, tmp_path / "some.pkl", *places) == 1
    found = read(tmp_path / "some.pkl")
    assert found[1] is None and found[2] is None
    assert_close([found[0], found[3]], expected[[0, 2]])
    lines = (tmp_path / "some.pkl.failures.jsonl").read_text().splitlines()
    failures = [json.loads(line) for line in lines]
    assert [(f["index"], Path(f["path"]).name) for f in failures] == [
        (1, "text é.mp4"),
        (2, "empty.mp4"),
    ]
    assert all(f["reason"] and f["path"] not in f["reason"] for f in failures)
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert "2 of 4 videos gave no features" in last_line and "list.txt:2" in last_line
    assert extract(files, tmp_path / "some.npz", *places) == 1
    with np.load(tmp_path / "some.npz") as arrays:
        assert arrays["ids"].tolist() == ["first.mp4", "last 2.mp4"]
        assert_close(arrays["features"], expected[[0, 2]])


@pytest.mark.long
def test_a_killed_run_goes_on(files, expected, tmp_path, capsys):
    names = (files / "list.txt").read_text().splitlines() * 12
    (tmp_path / "long.txt").write_text("\n".join(names))
    out, place = tmp_path / "long.pkl", f"--video_list={tmp_path / 'long.txt'}"
    point = Point(tmp_path, tmp_path / "log", "rename .*work/0.*npz", 4, signal.SIGSTOP)
    process = training.start(
        [*COMMAND, *arguments(files, out, place, "--workers=2")], **point.environment()
    )
    point.wait(process)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    work = tmp_path / "long.pkl.work"
    assert not out.exists() and len(workers) >= 2
    wait_for(lambda: not any(map(is_running, workers)), "the workers to end")
    point.log.unlink()
    with pytest.raises(SystemExit, match="holds work with endpoint 'features', this run has 'one'"):
        extract(files, out, place, "--endpoint=one")
    there = sorted(work.glob("0*.npz"))
    there[0].write_bytes(there[0].read_bytes()[:100])  # as after a power cut
    (work / "9.partial").write_bytes(b"half")
    capsys.readouterr()
    assert extract(files, out, place, "--workers=1", "--batch_size=7") == 0
    done = re.search(r"^(\d+) of 36 videos are done$", capsys.readouterr().err, re.M)
    assert int(done[1]) == len(there) - 1
    assert_close(read(out), np.tile(expected, (12, 1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.pkl", "long.txt"]


def test_wrong_calls_are_one_clear_line(files, tmp_path):
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "leaves.txt").write_text("kicking/kicking_0.mp4\n../../etc/passwd 1\n")
    (tmp_path / "missing.txt").write_text("kicking/kicking_0.mp4\nnothing.mp4 1\n")
    (tmp_path / "twice.txt").write_text("kicking/kicking_0.mp4\n./kicking/kicking_0.mp4 3\n")
    (tmp_path / "there.pkl").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    wrong = {
        f"--video_list={tmp_path / 'empty.txt'}": "expected a video path in each line, found no",
        f"--video_list={tmp_path / 'leaves.txt'}": r"leaves.txt:2: expected a path inside .*videos",
        f"--video_list={tmp_path / 'missing.txt'}": r"missing.txt:2: no such video: .*; 1 of 2",
        f"--video_list={tmp_path / 'twice.txt'}": "twice.txt:2: expected each video once",
        f"--video_list={tmp_path / 'none.txt'}": "No such file",
        "--video_root=nowhere": "--video_root: expected a folder, got 'nowhere'",
        f"--out={tmp_path / 'there.pkl'}": "is there already; remove it",
        f"--out={tmp_path / 'full'}": "is there already; remove it",
        f"--out={tmp_path / 'a.json'}": "ends in .pkl or .npz, or a folder, got 'a.json'",
        "--model=tsn_r50_1x1x3": "either --model=NAME or --config=FILE.py, got both",
        "--checkpoint=none.pth": "none.pth: no such file; expected",
        "--window_s=0": "--window_s: expected seconds above 0",
        "--stride_s=1": "--stride_s needs --window_s",
        "--precision=bfloat16": "--config.precision says it",
        "--endpoint=feature": "has no layer 'feature'; did you mean features",
        "--batchsize=2": "Unknown command line flag 'batchsize'",
        "word": "unexpected argument 'word'",
    }
    for flag, message in wrong.items():
        with pytest.raises(SystemExit) as stopped:
            extract(files, tmp_path / "out", flag)
        line = str(stopped.value)
        assert re.search(message, line) and "\n" not in line, (flag, line)
    assert not list(tmp_path.glob("out*"))


def test_the_short_side_must_be_known(files, tmp_path):
    flags = [word for word in arguments(files, tmp_path / "a.pkl") if "--short-side" not in word]
    with pytest.raises(SystemExit, match="no data set in .*give it by --short_side"):
        extract_features.main(["extract_features", *flags])


def test_nothing_to_write_is_an_error(files, tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "list.txt").write_text("a.mp4\n")
    places = f"--video_list={tmp_path / 'list.txt'}", f"--video_root={tmp_path}"
    with pytest.raises(SystemExit, match="none of 1 videos gave features; .*a.mp4: "):
        extract(files, tmp_path / "out.npz", *places)
    left = {"a.mp4", "list.txt", "out.npz.failures.jsonl"}
    assert {path.name for path in tmp_path.iterdir()} == left


@pytest.mark.long
@pytest.mark.parametrize("name", ["out.pkl", "folder"])
def test_videos_that_failed_are_tried_again(name, files, tmp_path, capsys):
    good, out = paths(files)[0], tmp_path / name
    (tmp_path / "a.mp4").symlink_to(good)
    (tmp_path / "b.mp4").touch()
    (tmp_path / "list.txt").write_text("a.mp4\nb.mp4\n")
    places = f"--video_list={tmp_path / 'list.txt'}", f"--video_root={tmp_path}"
    assert extract(files, out, *places) == 1
    assert "1 of 2 videos gave no features" in capsys.readouterr().err and out.exists()
    assert (tmp_path / f"{name}.failures.jsonl").exists()

    (tmp_path / "b.mp4").unlink()
    (tmp_path / "b.mp4").symlink_to(paths(files)[1])
    assert extract(files, out, *places) == 0
    assert "1 of 2 videos are done" in capsys.readouterr().err
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a.mp4", "b.mp4", "list.txt", name}
    found = read(out) if out.is_file() else [np.load(out / f"{n}.npy") for n in "ab"]
    assert [row.shape for row in found] == [found[0].shape] * 2
    with pytest.raises(SystemExit, match="is there already"):
        extract(files, out, *places)


@pytest.mark.long
def test_the_model_is_that_of_the_run(files, tmp_path):
    """Weights beside the config.json of their training need neither --model nor --config."""
    (tmp_path / "best.weights.h5").symlink_to(files / "tiny.weights.h5")
    (tmp_path / "config.json").write_text(json.dumps(config.flat(settings(files))))
    flags = [word for word in arguments(files, tmp_path / "a.pkl") if "--config" not in word]
    flags = [word for word in flags if not word.startswith(("--checkpoint", "--short"))]
    flags.append(f"--checkpoint={tmp_path / 'best.weights.h5'}")
    assert extract_features.main(["extract_features", *flags]) == 0
    assert len(read(tmp_path / "a.pkl")) == 3
    with pytest.raises(SystemExit, match="which model. expected --model=NAME"):
        flags[-1] = f"--checkpoint={files / 'tiny.weights.h5'}"
        extract_features.main(["extract_features", *flags, f"--out={tmp_path / 'b.pkl'}"])


@pytest.mark.long
def test_a_backbone_without_a_head_gives_features(files, tmp_path):
    model = models.build("tv_r3d_18", num_classes=1, size=112, width=0.0625)
    state = {}
    for entry in entries(model):
        if not entry.key.startswith("fc."):
            value = np.asarray(entry.variable)  # a kernel as PyTorch has it: [O, I, t, h, w]
            state[entry.key] = value.transpose(4, 3, 0, 1, 2) if value.ndim == 5 else value
    write_safetensors(tmp_path / "backbone.safetensors", state)

    def build(num_classes):
        return models.build("tv_r3d_18", num_classes=num_classes, size=112, width=0.0625)

    network = inference_network.load(build, tmp_path / "backbone.safetensors")
    assert network.output_shape == (None, 32)
    with pytest.raises(ValueError, match="--endpoint: .* a backbone without a head, no logits"):
        inference_network.load(build, tmp_path / "backbone.safetensors", "Logits")
    with pytest.raises(ValueError, match="a backbone without a head, which names no classes"):
        head_classes(tmp_path / "backbone.safetensors")


def test_flags_may_have_dashes():
    words = ["c", "--video-list=a-b.txt", "--batch-size", "a-b", "-x", "--config.a_b=-1"]
    renamed = ["c", "--video_list=a-b.txt", "--batch_size", "a-b", "-x", "--config.a_b=-1"]
    assert extract_features.underscored(words) == renamed


def test_the_script_for_several_gpus(tmp_path):
    script = [str(ROOT / "dist_extract_features.sh"), "a.py", "b.pth", "4", "--out", "c d.pkl"]
    run = {"env": os.environ | {"PYTHON": "echo"}, "cwd": tmp_path, "text": True}
    words = "-m i3d.extract_features --config=a.py --checkpoint=b.pth --replicas=4 --out c d.pkl\n"
    assert subprocess.run(script, stdout=subprocess.PIPE, **run).stdout == words
    script[1] = "tsn_r50_1x1x3"
    assert " --model=tsn_r50_1x1x3 " in subprocess.run(script, stdout=subprocess.PIPE, **run).stdout
    assert subprocess.run(script[:3], stderr=subprocess.PIPE, **run).returncode == 2


def decoded(tasks, workers):
    """Returns {place of a task: its views' values} and {place: problem}."""
    values, problems = {}, {}
    with decoding.Decoders(numbered, tasks, workers, SHAPE) as pieces:
        for piece in pieces:
            if isinstance(piece, decoding.End):
                problems[piece.task] = piece.problem
            else:
                assert piece.pixels.shape == SHAPE
                values.setdefault(piece.task, []).append(float(piece.pixels.mean()))
    return values, problems


def test_a_crash_costs_one_video():
    values, problems = decoded([0, "crash", 2, "bad", 4], workers=2)
    assert problems == {0: "", 1: "the decoder crashed (SIGSEGV)", 2: "", 3: "broken", 4: ""}
    assert values == {0: [0, 1, 2], 2: [20, 21, 22], 3: [0], 4: [40, 41, 42]}


@pytest.mark.parametrize("task, message", [("killed", "out of memory"), ("shape", "status 1")])
def test_other_ends_of_workers_stop_the_work(task, message):
    with pytest.raises(decoding.DecodeError, match=message):
        decoded([0, task, 2], workers=1)


def test_views_wait_in_bounded_room(monkeypatch):
    """A worker with no room left waits: with room for three, its fourth view is not there."""
    monkeypatch.setattr(decoding, "WAITING_BYTES", 0)
    with decoding.Decoders(numbered, [0, 1, 2], 1, SHAPE) as pieces:
        stream = iter(pieces)
        assert next(stream).pixels[0, 0] == 0
        (worker,) = pieces._workers
        wait_for(lambda: worker.slots[2, 0, 0] == 2, "the room to be full")
        time.sleep(0.5)  # for a fourth view to come, were there a mistake
        assert worker.slots[:, 0, 0].tolist() == [0, 1, 2]
        rest = [p.pixels[0, 0] for p in stream if isinstance(p, decoding.View)]
    assert rest == [1, 2, 10, 11, 12, 20, 21, 22]


def test_ahead_gives_items_errors_and_ends():
    def items():
        yield from range(5)
        raise KeyError("late")

    stream = decoding.ahead(items(), 2)
    assert [next(stream) for _ in range(5)] == list(range(5))
    with pytest.raises(KeyError, match="late"):
        next(stream)
    assert list(decoding.ahead(iter("abc"))) == list("abc")

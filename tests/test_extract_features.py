"""Features of a list of videos: the command as users run it."""

import dataclasses
import json
import os
import pickle
import re
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from i3d import extract_features, models
from i3d.features import videos as features_videos
from i3d.inference import checkpoint as inference_checkpoint
from i3d.inference import network as inference_network
from i3d.inference.views import ViewsOf
from i3d.spec import asked, of_settings
from i3d.training import config
from i3d.training import model as training_model
from i3d.visual.figures import render
from i3d.weights.pytorch.names import entries
from i3d.weights.start import head_classes
from tests.helpers import calls, training
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
    model = training_model.build(settings(folder), spec(folder), 3)
    model.save_weights(folder / "tiny.weights.h5")
    return folder


def settings(folder):
    models._BUILDERS["tiny"] = training.tiny_model
    return training.tiny(folder / "none")


def spec(files, **changes):
    """What the command is to take of a video."""
    own = of_settings(config.flat(settings(files)), short_side=48, fps=25.0)
    return asked(own, **{"clips": 3} | changes)


def arguments(files, out, *more):
    flags = f"--config={files / 'tiny.py'}", f"--checkpoint={files / 'tiny.weights.h5'}"
    lists = f"--video-list={files / 'list.txt'}", "--video-root", str(files / "videos")
    return [*flags, *lists, f"--out={out}", "--short-side=48", "--clips=3", *more]


def extract(files, out, *more):
    """Runs the command in this process; returns its exit status."""
    return extract_features.main(["extract_features", *arguments(files, out, *more)])


def refused(files, out, *more, status=2):
    """Returns the line that the command ends with."""
    words = arguments(files, out, *more)
    return calls.refused(extract_features.main, "extract_features", *words, status=status)


def read(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def means(files, views, endpoint="features"):
    """Float32 [C]: the mean over uint8 views and all axes of a layer."""
    model = training_model.build(settings(files), spec(files), 3)
    model.load_weights(files / "tiny.weights.h5")
    model = keras.Model(model.input, model.get_layer(endpoint).output)
    maps = np.asarray(model.predict_on_batch(np.float32(np.stack(views)) / np.float32(127.5) - 1))
    return maps.reshape(-1, maps.shape[-1]).mean(axis=0)


def views_of(path, spec):
    return [view for _, view in ViewsOf(spec)(path)]


def paths(files):
    return [entry.path for entry in features_videos.read(files / "list.txt", files / "videos")]


@pytest.fixture(scope="module")
def expected(files):
    """Float32 [3, C], in the order of the list, computed without the command."""
    return np.array([means(files, views_of(p, spec(files))) for p in paths(files)])


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
    assert "3 clip(s) of 4 frames x 1 crop(s) of 32 px, 25 fps" in errors
    assert "; features of each video" in errors


@pytest.mark.parametrize("workers, batch_size", [(1, 1), (3, 100)])
def test_neither_workers_nor_batches_matter(files, expected, tmp_path, workers, batch_size):
    out = tmp_path / "features.npz"
    assert extract(files, out, f"--workers={workers}", f"--batch_size={batch_size}") == 0
    with np.load(out) as found:
        assert found["ids"].tolist() == [f"{a}/{a}_0.mp4" for a in reversed(ACTIONS)]
        assert found["views"].tolist() == [3, 3, 3] and found["features"].dtype == np.float32
        assert_close(found["features"], expected)


def test_files_instead_of_a_list(files, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(files / "videos")
    words = [f"{action}/{action}_0.mp4" for action in reversed(ACTIONS)]
    flags = [word for word in arguments(files, tmp_path / "a.npz") if "video-list" not in word]
    flags.remove("--video-root"), flags.remove(str(files / "videos"))
    assert extract_features.main(["extract_features", *flags, *words]) == 0
    with np.load(tmp_path / "a.npz") as found:
        assert found["ids"].tolist() == words
        assert_close(found["features"], expected)
    line = calls.refused(
        extract_features.main, "extract_features", *flags, "--video_root=x", *words
    )
    assert "--video_root goes with --video_list" in line


def test_a_file_per_video_of_another_layer_and_crops(files, tmp_path):
    assert extract(files, tmp_path / "all", "--endpoint=one", "--crops=3", "--clips=1") == 0
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert found == [f"all/{action}/{action}_0.npy" for action in ACTIONS]
    path = paths(files)[0]
    views = views_of(path, spec(files, clips=1, crops=3))  # three crops: resized to 32
    assert len(views) == 3
    assert_close(np.load(tmp_path / found[-1]), means(files, views, "one"))


@pytest.mark.long
def test_windows_have_rows_with_times(files, tmp_path):
    flags = "--window_s=1", "--stride_s=0.5", "--clips=2"
    assert extract(files, tmp_path / "w.npz", *flags) == 0
    assert extract(files, tmp_path / "w.pkl", *flags, "--workers=1") == 0
    windows = []
    for path in paths(files):
        found = {}
        for (_, *limits), view in ViewsOf(spec(files, clips=2), 1.0, 0.5)(path):
            found.setdefault(tuple(limits), []).append(view)
        windows.append([(*limits, views) for limits, views in found.items()])
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
    line = refused(files, out, place, "--endpoint=one", status=1)
    assert "holds work with endpoint 'features', this run has 'one'" in line
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
        "--checkpoint=none.pth": "--config goes with one --checkpoint, got 2",
        "--window_s=0": "--window_s: expected seconds above 0",
        "--stride_s=1": "--stride_s needs --window_s",
        "--precision=bfloat16": "--config.precision says it",
        "--batchsize=2": "Unknown command line flag 'batchsize'",
        "word": "expected video files, or --video_list=FILE, got both",
    }
    for flag, message in wrong.items():
        line = refused(files, tmp_path / "out", flag)
        assert re.search(message, line), (flag, line)
    words = [w for w in arguments(files, tmp_path / "out") if "--checkpoint" not in w]
    words.append("--checkpoint=none.pth")
    line = calls.refused(extract_features.main, "extract_features", *words)
    assert "none.pth: no such checkpoint" in line
    line = refused(files, tmp_path / "out", "--endpoint=feature", status=1)
    assert "has no layer 'feature'; did you mean features" in line
    assert not list(tmp_path.glob("out*"))


def test_the_short_side_must_be_known(files, tmp_path):
    flags = [word for word in arguments(files, tmp_path / "a.pkl") if "--short-side" not in word]
    line = calls.refused(extract_features.main, "extract_features", *flags)
    assert re.search("no data set in .*give it by --short_side", line)


def test_nothing_to_write_is_an_error(files, tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "list.txt").write_text("a.mp4\n")
    places = f"--video_list={tmp_path / 'list.txt'}", f"--video_root={tmp_path}"
    line = refused(files, tmp_path / "out.npz", *places, status=1)
    assert re.search("none of 1 videos gave features; .*a.mp4: ", line)
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
    capsys.readouterr()
    assert extract(files, out, *places) == 0  # of a complete one, nothing is left to do
    assert f"{out}: complete, 2 videos; nothing to do" in capsys.readouterr().err
    assert "is there already" in refused(files, out, *places, "--endpoint=logits")


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
    flags[-1] = f"--checkpoint={files / 'tiny.weights.h5'}"
    flags.append(f"--out={tmp_path / 'b.pkl'}")
    line = calls.refused(extract_features.main, "extract_features", *flags)
    assert "which model? expected --model=NAME" in line


@pytest.mark.long
def test_a_backbone_without_a_head_gives_features(files, tmp_path):
    model = models.build("tv_r3d_18", num_classes=1, size=112, width=0.0625)
    state = {}
    for entry in entries(model):
        if not entry.key.startswith("fc."):
            value = np.asarray(entry.variable)  # a kernel as PyTorch has it: [O, I, t, h, w]
            state[entry.key] = value.transpose(4, 3, 0, 1, 2) if value.ndim == 5 else value
    write_safetensors(tmp_path / "backbone.safetensors", state)

    path = str(tmp_path / "backbone.safetensors")
    card = inference_checkpoint.card_of("tv_r3d_18", path)
    card = dataclasses.replace(card, width=0.0625)
    network = inference_network.load(card, endpoint="features")
    assert network.model.output_shape == (None, 32)
    with pytest.raises(
        ValueError, match="no head found .expected fc.weight.*; scores need its head"
    ):
        inference_network.load(card)
    with pytest.raises(ValueError, match="no head found .expected cls_head.fc_cls.weight"):
        head_classes(path)


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

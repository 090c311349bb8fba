"""Training on several sources: from records to weights, killed and resumed, and wrong calls."""

import dataclasses
import json
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from i3d import evaluate, models, train
from i3d.data.build_settings import BuildSettings
from i3d.models import omni
from i3d.runtime.command import UserError
from i3d.training import config, config_keys, run, sources
from i3d.training import input as train_input
from i3d.training.checkpoints import best_info
from i3d.video.inputs import read
from tests.helpers import datasets, training
from tests.helpers.points import Point
from tests.helpers.videos import texture_frames, write_folder, write_video

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("tiny_model")]

KEYS = {
    "steps": 8,
    "checkpoint_every": 4,
    "validate_every": 8,
    "sources.ratios": (0.5, 2.0),
    "sources.per_replica": (1, 3),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Data sets of 3 classes: main (with a split of tests), web, photos (one frame), others."""
    root = tmp_path_factory.mktemp("data")
    recipe = BuildSettings(flow_method="dis", short_side=48)
    for name, split, per_class in (("main", "train", 3), ("main", "test", 2), ("web", "train", 4)):
        videos = write_folder(root / "videos" / name / split, per_class=per_class)
        datasets.build(root / name, videos, recipe, split)
    pictures = BuildSettings(streams=("rgb",), short_side=48)
    for name, classes in (("photos", ("walk", "jump", "run")), ("objects", ("cup", "car"))):
        for number, kind in enumerate(classes):
            for i in range(3):
                frames = texture_frames(1, seed=number)
                write_video(root / "videos" / name / kind / f"{kind}{i}.mp4", frames)
        datasets.build(root / name, root / "videos" / name, pictures)
    return root


@pytest.fixture
def settings(data):
    """The configuration of two sources, of which the second is the first under another name."""
    (data / "again").is_symlink() or (data / "again").symlink_to(data / "web")
    c = training.tiny(data / "main")
    c.deterministic = False
    c.update_from_flattened_dict(KEYS | {"sources.records": f"{data / 'web'},{data / 'again'}"})
    return c


def trained(settings, workdir, **keys):
    """Makes a run; returns its log."""
    settings.update_from_flattened_dict(keys)
    config.check(settings)
    assert run.train(settings, workdir) == 0
    return training.lines(workdir)


def refused(settings, workdir, **keys):
    """Returns the line by which a configuration is refused, before anything is written."""
    settings.update_from_flattened_dict(keys)
    with pytest.raises(UserError) as caught:
        config.check(settings)
        run.train(settings, workdir)
    assert "\n" not in str(caught.value) and not workdir.exists()
    return str(caught.value)


@pytest.mark.parametrize("together", [False, True])
def test_losses_of_each_source_are_logged_at_its_steps(settings, tmp_path, together):
    log = trained(settings, tmp_path / "run", **{"sources.together": together})
    steps = [line for line in log if "loss" in line]
    assert [line["step"] for line in steps] == [*range(1, 9)]
    assert [line["step"] for line in steps if "loss_web" in line] == [2, 4, 6, 8]  # 0.5 a step
    assert all(0 < line["loss_again"] < 10 for line in steps)
    assert [name for name in steps[1] if name.startswith("loss")] == [
        *("loss", "loss_web", "loss_again")
    ]


def test_together_is_one_update_of_the_sum_of_the_losses(settings, tmp_path):
    """Of twice the same source, in the same order, with ratio 1: the gradient is the double."""
    log = trained(
        settings,
        tmp_path / "run",
        **{"sources.ratios": (1.0,), "sources.per_replica": (), "sources.together": True},
        **{"steps": 1, "sources.records": settings.sources.records.split(",")[0]},
    )
    alone = training.tiny(settings.data.records)
    alone.deterministic = False
    single = trained(alone, tmp_path / "alone", steps=1)
    assert log[0]["loss"] == pytest.approx(single[0]["loss"], rel=1e-5)  # begins alike
    assert log[0]["gradient_norm"] > 1.2 * single[0]["gradient_norm"]


def test_in_turn_changes_the_weights_once_for_each_batch(settings, tmp_path):
    trained(settings, tmp_path / "turn", steps=1)
    trained(settings, tmp_path / "none", **{"steps": 1, "sources.ratios": (0.0, 0.1)})
    one, other = training.last(tmp_path / "turn"), training.last(tmp_path / "none")
    kernels = [name for name in one if name.endswith("kernel")]
    assert kernels and all(np.abs(one[name] - other[name]).max() > 0 for name in kernels)


@pytest.mark.parametrize("together", [False, True])
def test_killed_and_resumed_it_ends_with_the_weights_of_one_run(settings, tmp_path, together):
    """The second life begins at the batches of each source that its step implies."""
    file = training.write_config(tmp_path / "tiny.py", settings.data.records)
    keys = KEYS | {"sources.records": settings.sources.records, "sources.together": together}
    training.finished(training.start(training.command(file, tmp_path / "whole", **keys)))
    point = Point(tmp_path / "cut", tmp_path / "log", "line step 7 ", kind=signal.SIGKILL)
    line = training.command(file, tmp_path / "cut", **keys)
    training.finished(training.start(line, **point.environment()), -signal.SIGKILL)
    output, _ = training.finished(training.start(line))
    assert "resumes from step 4" in output
    expected, got = training.last(tmp_path / "whole"), training.last(tmp_path / "cut")
    assert expected.keys() == got.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)
    assert training.lines(tmp_path / "cut") == training.lines(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("together", [False, True])
def test_two_replicas_train_as_one_of_twice_the_batch(settings, tmp_path, together):
    file = training.write_config(tmp_path / "tiny.py", settings.data.records)
    keys = KEYS | {"sources.records": settings.sources.records, "sources.together": together}
    keys |= {"batch_norm": "sync", "model.dropout": 0.0, "steps": 2}
    halves = keys | {"batch.per_replica": 1, "sources.per_replica": (1, 1)}
    whole = keys | {"batch.per_replica": 2, "sources.per_replica": (2, 2)}
    line = training.command(file, tmp_path / "two", **halves)
    training.finished(training.start([*line, "--replicas=2"]))
    training.finished(training.start(training.command(file, tmp_path / "one", **whole)))
    for one, other in zip(
        training.lines(tmp_path / "two"), training.lines(tmp_path / "one"), strict=True
    ):
        one.pop("learning_rate", None)
        assert one == pytest.approx({k: other[k] for k in one}, rel=1e-3)


def test_images_are_clips_that_stand_still(settings, data, tmp_path):
    keys = {"sources.records": str(data / "photos"), "sources.ratios": (), "steps": 2}
    log = trained(settings, tmp_path / "run", **keys, **{"sources.per_replica": ()})
    assert all(np.isfinite(line["loss_photos"]) for line in log if "loss" in line)


@pytest.fixture
def of_images(settings, data):
    """The configuration of a small network with a head of images, and a source for it."""
    settings.model.name, settings.model.width = "omni_slowonly_r50", 0.0625
    keys = {"records": str(data / "objects"), "kinds": "images", "together": True}
    keys |= {"ratios": (), "per_replica": (3,)}
    settings.update_from_flattened_dict({f"sources.{key}": value for key, value in keys.items()})
    settings.steps, settings.checkpoint_every = 2, 2
    return settings


def test_images_of_other_classes_train_a_head_of_their_own(of_images, tmp_path):
    log = trained(of_images, tmp_path / "run")
    assert log[0]["loss_objects"] == pytest.approx(np.log(2), abs=1.0)
    state = np.load(next((tmp_path / "run").glob("step-*/optimizer.npz")))
    assert any("image_logits" in name for name in state.files)
    # The best weights are those of the network of clips, for all other commands.
    model = models.build("omni_slowonly_r50", num_classes=3, width=0.0625, size=32)
    model.load_weights(tmp_path / "run" / "best.weights.h5")
    whole = models.build("omni_slowonly_r50", num_classes=3, image_classes=2, width=0.0625)
    whole.load_weights(next((tmp_path / "run").glob("step-00000002/model.weights.h5")))
    kernel = whole.get_layer("layer4-0-conv2-conv").kernel
    np.testing.assert_array_equal(model.get_layer("layer4-0-conv2-conv").kernel, kernel)


def test_the_networks_with_a_head_of_images_are_those_of_the_catalogue():
    assert set(config_keys.WITH_IMAGES) == set(omni.CONFIGS)


def test_without_validation_the_network_of_clips_is_saved_at_the_end(of_images, data, tmp_path):
    """Its checkpoints hold both heads, which other commands do not take."""
    trained(of_images, tmp_path / "run", **{"data.validation": ""})
    model = models.build("omni_slowonly_r50", num_classes=3, width=0.0625, size=32)
    model.load_weights(tmp_path / "run" / "best.weights.h5")
    assert best_info(tmp_path / "run") == {"step": 2}
    words = [f"--checkpoint={tmp_path / 'run' / 'best.weights.h5'}", "--split=test"]
    assert evaluate.main(["evaluate", *words, f"--records={data / 'main'}"]) == 0


def test_both_heads_begin_with_the_trunk_of_another_run(of_images, tmp_path, capsys):
    trained(of_images, tmp_path / "first")
    start = str(tmp_path / "first" / "best.weights.h5")
    trained(of_images, tmp_path / "second", **{"model.start": start, "optimizer.learning_rate": 0})
    assert f"initialised from {start}, head included" in capsys.readouterr().out
    kernels = []
    for folder in ("first", "second"):
        model = models.build("omni_slowonly_r50", num_classes=3, width=0.0625, size=32)
        model.load_weights(tmp_path / folder / "best.weights.h5")
        kernels.append(model.get_layer("layer4-0-conv2-conv").kernel)
    np.testing.assert_array_equal(*kernels)


def test_clips_of_a_part_of_a_long_video_are_of_that_part(data, tmp_path):
    """Of a video of 2 seconds that darkens, the bright first 0.8 seconds are listed."""
    frames = [np.full((48, 64, 3), 250 - 4 * t, np.uint8) for t in range(50)]
    write_video(tmp_path / "long.mp4", frames)
    (tmp_path / "parts.csv").write_text("path,label,start_s,end_s\nlong.mp4,walk,0,0.8\n")
    items, _ = read(tmp_path / "parts.csv")
    names = ("jump", "run", "walk")
    pictures = BuildSettings(streams=("rgb",), short_side=48)
    items = [dataclasses.replace(item, label=2, labels=(2,)) for item in items]
    parts = datasets.build_items(tmp_path / "parts", items, names, pictures, num_shards=1)
    c = training.tiny(data / "main")
    keys = {"records": str(parts), "per_replica": (1,)}
    c.update_from_flattened_dict({f"sources.{key}": value for key, value in keys.items()})
    (source,) = sources.opened(c)
    strategy = tf.distribute.get_strategy()
    batches = iter(train_input.batches(source.settings, source.records, strategy, 0))
    clips, labels = zip(*(next(batches) for _ in range(20)), strict=True)
    levels = np.concatenate(clips).astype(int)
    assert {int(label) for (label,) in labels} == {2}
    assert levels.min() > 250 - 4 * 20 - 6  # of the 20 frames of these seconds, but for the codec
    assert len({int(clip[0, 0].mean()) // 4 for clip in levels[:, None]}) > 5  # of several places


def test_losses_that_are_no_numbers_are_told_by_their_source(settings, tmp_path):
    """The own batch is harmless in the first step; the rate is felt in those that follow."""
    settings.optimizer.learning_rate = 1e12
    settings.log_every = settings.validate_every = settings.checkpoint_every = 1
    with pytest.raises(UserError, match=r"the (loss|norm of the gradients) of again is nan"):
        run.train(settings, tmp_path / "run")
    assert not list((tmp_path / "run").glob("step-*"))


WRONG = {
    "all ratios are zero": ({"sources.ratios": (0.0, 0.0)}, "one of them above 0, got (0.0, 0.0)"),
    "a negative ratio": ({"sources.ratios": (-1.0, 1.0)}, "expected numbers from 0 to 1000"),
    "no such kind": ({"sources.kinds": "pictures"}, "expected clips or images, got 'pictures'"),
    "too many ratios": ({"sources.ratios": (1.0, 1.0, 1.0)}, "one for all or 2, one for each of"),
    "no clips": ({"sources.per_replica": (0,)}, "expected at least 1, got (0,)"),
    "images without a head": ({"sources.kinds": "images,clips"}, "As 'clips' images of the same"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_key_gets_one_line(settings, tmp_path, name):
    keys, words = WRONG[name]
    line = refused(settings, tmp_path / "run", **keys)
    assert line.startswith("config.sources.") and words in line


def test_wrong_records_get_one_line(settings, data, tmp_path):
    web, workdir = str(data / "web"), tmp_path / "run"
    one = {"sources.ratios": (), "sources.per_replica": ()}
    told = refused(settings, workdir, **one, **{"sources.records": str(data / "objects")})
    assert "objects: expected the 3 classes of" in told and "got also 'car'; build it with" in told
    told = refused(settings, workdir, **{"sources.records": str(tmp_path / "none")})
    assert told.startswith("config.sources.records: ") and "none" in told
    told = refused(settings, workdir, **{"sources.records": f"{web},{web}/"})
    assert "folders of different names" in told and "two called 'web'" in told
    told = refused(settings, workdir, **{"sources.records": web, "sources.train": "no"})
    assert "train" in told and "'no'" in told
    told = refused(settings, workdir, **{"sources.train": "train", "sources.per_replica": (13,)})
    assert "expected at most 12, as many as" in told and told.endswith("'train', got 13")


def test_a_source_of_other_labels_or_streams_gets_one_line(settings, data, tmp_path):
    one = {"sources.ratios": (), "sources.per_replica": ()}
    keys = {"data.stream": "flow", "sources.records": str(data / "photos")}
    told = refused(settings, tmp_path / "run", **one, **keys)
    assert "photos: expected flow, which config.data.stream asks for" in told
    items, names = read(data / "videos" / "web" / "train")
    items = [dataclasses.replace(item, label=0, labels=(0, 2)) for item in items]
    recipe = BuildSettings(flow_method="dis", short_side=48, multi_label=True)
    several = datasets.build_items(tmp_path / "several", items, names, recipe)
    keys = {"data.stream": "rgb", "sources.records": str(several)}
    told = refused(settings, tmp_path / "run", **keys)
    assert "several: expected one label per video" in told and "loss='sigmoid' takes both" in told
    log = trained(settings, tmp_path / "both", loss="sigmoid", steps=1)
    assert 0 < log[0]["loss_several"] < 10


def test_a_source_without_videos_gets_one_line(settings, data, tmp_path):
    empty = shutil.copytree(data / "web", tmp_path / "empty")
    info = json.loads((empty / "dataset_info.json").read_text())
    for split in info["splits"]:
        split["shardLengths"] = ["0"] * len(split["shardLengths"])
    (empty / "dataset_info.json").write_text(json.dumps(info))
    (empty / "build.json").unlink()  # which says how many there were
    keys = {"sources.records": str(empty), "sources.ratios": (), "sources.per_replica": ()}
    told = refused(settings, tmp_path / "run", **keys)
    assert told == f"config.sources.records: {empty}: the split 'train' is empty"


def test_a_wrong_source_is_a_wrong_call_of_the_command(data, tmp_path, capsys):
    file = training.write_config(tmp_path / "tiny.py", data / "main")
    line = training.command(file, tmp_path / "run", **{"sources.records": tmp_path / "none"})
    assert train.main(line[2:]) == 2
    told = capsys.readouterr().err
    assert told.startswith("train: config.sources.records: ") and told.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_images_need_one_update_of_all(of_images, tmp_path):
    told = refused(of_images, tmp_path / "run", **{"sources.together": False})
    assert told.endswith("'images' goes with config.sources.together=True")

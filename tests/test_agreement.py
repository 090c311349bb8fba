"""One way from a video, or a record, to scores: five ways give the same logits.

evaluate_sample (I3D), predict on the file, predict on its record, evaluate on its record, and the
features of the file through the head. What differs between a file and its record is JPEG alone,
which is bounded apart.
"""

import dataclasses

import keras
import numpy as np
import pytest

from i3d import evaluate, evaluate_sample, extract_features, models
from i3d.data import read
from i3d.data.build_settings import BuildSettings
from i3d.evaluation import results
from i3d.inference import checkpoint, load
from i3d.weights import cards, tf1, zoo
from tests.helpers import datasets, synthetic
from tests.helpers.sample_command import parsed
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.long
WIDTH = 0.125  # of the networks, as it is the way to them that is tested
JPEG = 0.03  # of the largest logit: what JPEG changes in logits of synthetic weights
TSN = "tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb_20220906-cd10898e"
SLOWONLY = "slowonly_r50_4x16x1_256e_8xb16_kinetics400-rgb_20220901-f6a40d08"
TWICE = "tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb_20230317-be0fc26e"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A video of short side 256, so that nothing is resized, and the data set of it alone."""
    root = tmp_path_factory.mktemp("agreement")
    frames = list(texture_frames(21, height=256, width=300))
    path = write_video(root / "videos" / "walk" / "walk.mp4", frames)
    for number in range(1, 3):  # the classes of the data set, as many as the heads have
        write_video(root / "videos" / f"other{number}" / "o.mp4", frames[:9])
    made = BuildSettings(flow_method="tvl1", short_side=256)
    datasets.build(root / "data", root / "videos", made, split="test", num_shards=1)
    return path, root / "data"


def model_of(name, **keywords):
    """Returns a model of three classes with random weights: without offsets, so that its logits
    are as sensitive to the input as they are large."""
    keras.utils.set_random_seed(1)
    return models.build(name, num_classes=3, width=WIDTH, **keywords)


@pytest.fixture(scope="module")
def i3d_checkpoints(tmp_path_factory):
    """TF1 checkpoints of the published names, in three classes, in a folder."""
    root = tmp_path_factory.mktemp("checkpoints")
    for stream, scope, channels in (("rgb", "RGB", 3), ("flow", "Flow", 2)):
        named = tf1.variables(model_of("inception_i3d", channels=channels))
        values = {f"{scope}/inception_i3d/{name}": v.numpy() for name, v in named.items()}
        synthetic.write_checkpoint(root / f"{stream}_imagenet", values)
    return root


def head_of(card):
    """Returns (kernel, bias) of a checkpoint's head."""
    from i3d import weights

    model = model_of(card.model, channels=card.spec.channels, size=card.spec.crop)
    weights.load(model, card.file)
    return [np.asarray(weight) for weight in model.get_layer("Logits").weights]


def ways(card, stored, tmp_path):
    """Returns {way: mean logits float32 [3]}."""
    path, data = stored
    flags = [f"--checkpoint={card.file}"]
    place = read.find(read.videos(read.opened(data), ["test"]), "walk/walk")
    found = load.of_cards([card], batch_size=2)
    by_predict = {
        way: next(scores for _, scores in found.scores_of([video])).logits
        for way, video in (("predict, file", str(path)), ("predict, record", place))
    }
    out = tmp_path / "result.npz"
    assert evaluate.main(["evaluate", *flags, f"--records={data}", f"--out={out}"]) == 0
    result = results.load(out)
    row = result.ids.tolist().index("walk/walk")
    (tmp_path / "list.txt").write_text("walk.mp4\n")
    lists = f"--video_list={tmp_path / 'list.txt'}", f"--video_root={path.parent}"
    features = tmp_path / "features.npz"
    command = ["extract_features", *flags, *lists, f"--out={features}", "--workers=1"]
    assert extract_features.main(command) == 0
    kernel, bias = head_of(card)
    with np.load(features) as arrays:
        through_head = arrays["features"][0] @ kernel + bias
    assert result.average == card.spec.average
    return by_predict | {"evaluate, record": result.logits[row], "features": through_head}


def assert_agree(found):
    scale = max(np.abs(logits).max() for logits in found.values())
    for kind in ("file", "record"):
        ways = {way: logits for way, logits in found.items() if kind in way or way == "features"}
        if kind == "record":
            ways.pop("features")
        first = next(iter(ways.values()))
        assert len(ways) >= 2
        for way, logits in ways.items():
            assert np.abs(logits - first).max() <= 1e-4 * scale, (way, found)
    jpeg = np.abs(found["predict, file"] - found["predict, record"]).max() / scale
    print(f"JPEG changes logits by {jpeg:.1e} of the largest")
    assert 1e-4 < jpeg <= JPEG, found  # so much does a change that nobody sees


@pytest.mark.parametrize("stream", ["rgb", pytest.param("flow", marks=pytest.mark.slow)])
def test_inception_i3d(i3d_checkpoints, stored, tmp_path, stream, monkeypatch, capsys):
    """Whole videos: 21 frames, and 20 fields, in two clips of at most 12."""
    name, longest = f"{stream}_imagenet", 12
    spec = dataclasses.replace(cards.CARDS[name].spec, longest=longest)
    card = dataclasses.replace(cards.CARDS[name], spec=spec, width=WIDTH)
    monkeypatch.setitem(cards.CARDS, name, card)
    file = str(i3d_checkpoints / name / "model.ckpt")
    found = ways(checkpoint.card_of(None, file), stored, tmp_path)
    capsys.readouterr()
    flags = [f"--eval_type={stream}", f"--checkpoint_dir={i3d_checkpoints}", "--top_k=3"]
    flags += [f"--video={stored[0]}", f"--max_frames={longest}"]
    assert evaluate_sample.main(["evaluate_sample", *flags]) == 0
    _, classes = parsed(capsys.readouterr().out)
    logits = [classes[name][1] for name in card.class_names()[:3]]
    found["evaluate_sample, file"] = np.array(logits, np.float32)
    assert_agree(found)


@pytest.mark.slow
@pytest.mark.parametrize("count", [9, 250, 251, 259, 262, 500, 501])
def test_equal_clips(i3d_checkpoints, tmp_path, count, monkeypatch, capsys):
    """Whole videos of these lengths by the published protocol: clips of at most 250 frames."""
    card = dataclasses.replace(cards.CARDS["rgb_imagenet"], width=WIDTH)
    monkeypatch.setitem(cards.CARDS, "rgb_imagenet", card)
    frames = texture_frames(count, height=256, width=256)
    path = write_video(tmp_path / "videos" / "walk" / "walk.mp4", frames)
    for number in range(1, 3):
        other = tmp_path / "videos" / f"other{number}" / "o.mp4"
        write_video(other, texture_frames(9, height=256, width=256))
    made = BuildSettings(("rgb",), short_side=256)
    datasets.build(tmp_path / "data", tmp_path / "videos", made, split="test", num_shards=1)
    file = str(i3d_checkpoints / "rgb_imagenet" / "model.ckpt")
    found = ways(checkpoint.card_of(None, file), (path, tmp_path / "data"), tmp_path)
    capsys.readouterr()
    flags = ["--eval_type=rgb", f"--checkpoint_dir={i3d_checkpoints}", f"--video={path}"]
    assert evaluate_sample.main(["evaluate_sample", *flags, "--top_k=3"]) == 0
    printed = capsys.readouterr()
    assert f"{-(-count // 250)} clip(s), {count} frames" in printed.err
    _, classes = parsed(printed.out)
    logits = [classes[name][1] for name in card.class_names()[:3]]
    found["evaluate_sample, file"] = np.array(logits, np.float32)
    assert_agree(found)


def published(monkeypatch, tmp_path, stem, **changes):
    """Returns the Card of a published file, narrow and of three classes, in tmp_path."""
    card, file = zoo.CARDS[f"{stem}.pth"], f"{stem}.weights.h5"
    spec = dataclasses.replace(card.spec, **changes)
    card = dataclasses.replace(card, file=file, width=WIDTH, spec=spec, labels="")
    monkeypatch.setitem(zoo.CARDS, file, card)
    model_of(card.model, size=spec.crop).save_weights(tmp_path / file)
    return checkpoint.card_of(None, str(tmp_path / file))


@pytest.mark.slow
def test_tsn_of_segments(stored, tmp_path, monkeypatch):
    card = published(monkeypatch, tmp_path, TSN, segments=5)
    assert card.spec.crops == 10 and card.spec.average == "logits"
    assert_agree(ways(card, stored, tmp_path))


@pytest.mark.slow
def test_slowonly_of_three_crops(stored, tmp_path, monkeypatch):
    card = published(monkeypatch, tmp_path, SLOWONLY, clips=3)
    assert card.spec.crops == 3 and card.spec.average == "prob"
    assert_agree(ways(card, stored, tmp_path))


@pytest.mark.slow
def test_clips_taken_twice(stored, tmp_path, monkeypatch):
    """TSM on Something-Something: eight segments at two sets of places, three crops."""
    card = published(monkeypatch, tmp_path, TWICE)
    assert card.spec.twice and card.spec.num_views == 6
    assert_agree(ways(card, stored, tmp_path))

"""One way from a video, or a record, to scores: five ways give the same logits.

evaluate_sample (I3D), predict on the file, predict on its record, evaluate on its record, and the
features of the file through the head. What differs between a file and its record is JPEG alone,
which is bounded apart.
"""

import dataclasses

import keras
import numpy as np
import pytest

from i3d import evaluate, extract_features, models
from i3d.data import read
from i3d.data.build_settings import BuildSettings
from i3d.evaluation import results
from i3d.inference import checkpoint, predictor
from i3d.weights import cards, tf1
from i3d.weights.pytorch.names import entries
from tests.helpers import datasets, synthetic
from tests.helpers.sample_command import evaluate as evaluate_sample
from tests.helpers.sample_command import parsed
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.long
JPEG = 0.03  # of the largest logit: what JPEG changes in logits of synthetic weights
TWICE = "tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb_20230317-be0fc26e.pth"


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
    return models.build(name, num_classes=3, **keywords)


@pytest.fixture(scope="module")
def i3d_checkpoints(tmp_path_factory):
    """TF1 checkpoints of the published names, in three classes, in a folder."""
    root = tmp_path_factory.mktemp("checkpoints")
    for stream, scope, channels in (("rgb", "RGB", 3), ("flow", "Flow", 2)):
        named = tf1.variables(model_of("inception_i3d", channels=channels))
        values = {f"{scope}/inception_i3d/{name}": v.numpy() for name, v in named.items()}
        synthetic.write_checkpoint(root / f"{stream}_imagenet", values)
    return root


def as_torch(variable):
    """Returns an array as PyTorch has it: kernels [O, I, h, w], matrices [O, I]."""
    value = variable.numpy()
    if value.ndim == 5:
        value = value.transpose(4, 3, 0, 1, 2)[:, :, 0]
    return np.ascontiguousarray(value.T if value.ndim == 2 else value)


def head_of(card):
    """Returns (kernel, bias) of a checkpoint's head."""
    from i3d import weights

    model = models.build(
        card.model, num_classes=3, channels=card.spec.channels, size=card.spec.crop
    )
    weights.load(model, card.file)
    return [np.asarray(weight) for weight in model.get_layer("Logits").weights]


def ways(card, stored, tmp_path, more=()):
    """Returns {way: mean logits float32 [3]}."""
    path, data = stored
    flags = [f"--checkpoint={card.file}", *more]
    place = read.find(read.videos(read.opened(data), ["test"]), "walk/walk")
    found = predictor.of_cards([card], batch_size=2)
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


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_inception_i3d(i3d_checkpoints, stored, tmp_path, stream, monkeypatch):
    """Whole videos: 21 frames, and 20 fields, in two clips of at most 12."""
    name, longest = f"{stream}_imagenet", 12
    file = str(i3d_checkpoints / name / "model.ckpt")
    spec = dataclasses.replace(cards.CARDS[name].spec, longest=longest)
    monkeypatch.setitem(cards.CARDS, name, dataclasses.replace(cards.CARDS[name], spec=spec))
    found = ways(checkpoint.card_of(None, file), stored, tmp_path)
    text = evaluate_sample(
        f"--eval_type={stream}",
        f"--checkpoint_dir={i3d_checkpoints}",
        f"--video={stored[0]}",
        f"--max_frames={longest}",
        "--top_k=3",
    )
    _, classes = parsed(text)
    names = cards.CARDS[name].class_names()[:3]
    found["evaluate_sample, file"] = np.array([classes[n][1] for n in names], np.float32)
    assert_agree(found)


def test_tsn_of_segments(stored, tmp_path):
    file = tmp_path / "a.weights.h5"
    model_of("tsn_r50_1x1x3", size=224).save_weights(file)
    card = checkpoint.card_of("tsn_r50_1x1x3", str(file), clips=3)
    assert card.spec.crops == 10 and card.spec.average == "logits"
    assert_agree(ways(card, stored, tmp_path, ("--model=tsn_r50_1x1x3", "--clips=3")))


def test_slowonly_of_three_crops(stored, tmp_path):
    name = "slowonly_r50_4x16x1"
    file = tmp_path / "a.weights.h5"
    model_of(name, size=256).save_weights(file)
    card = checkpoint.card_of(name, str(file), clips=2)
    assert card.spec.crops == 3 and card.spec.average == "prob"
    assert_agree(ways(card, stored, tmp_path, (f"--model={name}", "--clips=2")))


def test_clips_taken_twice(stored, tmp_path, monkeypatch):
    """TSM on Something-Something: eight segments at two sets of places, three crops."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: no .pth to write")
    model = model_of("tsm_r50_1x1x8", size=256)
    state = {entry.key: torch.from_numpy(as_torch(entry.variable)) for entry in entries(model)}
    torch.save({"state_dict": state}, tmp_path / TWICE)
    card = checkpoint.card_of(None, str(tmp_path / TWICE))
    assert card.spec.twice and card.spec.num_views == 6
    assert_agree(ways(card, stored, tmp_path))

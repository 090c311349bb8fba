"""The cards of localizers, files of their weights, and where they are refused."""

import json

import keras
import numpy as np
import pytest

import i3d
from i3d import models, weights
from i3d.data.feature_spec import FeatureSpec
from i3d.inference import checkpoint, network, options
from i3d.models import actionformer, bmn
from i3d.runtime.command import UserError
from i3d.weights import start, zoo
from i3d.weights.localization_zoo import CARDS, SPECS, takes_features
from tests.golden import localization as golden
from tests.helpers import localizers

SIZES = localizers.SMALL
AF = "thumos_i3d_reproduce/epoch_034.pth.tar"


def test_rows_are_whole():
    assert set(SPECS) == {*actionformer.CONFIGS, *bmn.CONFIGS}
    assert set(SPECS) == {name for name in models.names() if takes_features(name)}
    assert set(CARDS) <= {card.file for card in i3d.cards()}
    for file, card in CARDS.items():
        assert zoo.card_of(f"weights/{file}") is card and isinstance(card.spec, FeatureSpec)
        assert card.licence and card.source and card.data and card.top1 is None
        assert len(card.class_names()) == card.num_classes
    assert zoo.card_of("epoch_034.pth.tar") is None  # any training run of theirs has such a file
    card = CARDS[AF]
    assert (card.temporal_map, card.parameters) == (66.83, 29_251_612)
    assert "66.83 % average mAP on THUMOS14 test" in repr(card)
    assert [card.parameters for card in CARDS.values() if card.model == "bmn"] == [
        4_978_564,
        models.build("bmn", channels=2048).count_params(),
    ]
    assert [card.auc for card in CARDS.values()] == [None, 67.25, 68.04]
    (row,) = (line for line in repr(i3d.cards()).splitlines() if line.startswith("thumos_i3d"))
    assert " 66.8 " in row and "features of 16 frames, stride 4" in row


def test_cards_of_files(tmp_path):
    """By the published name, and by --model for others."""
    path = tmp_path / AF
    path.parent.mkdir()
    path.write_bytes(b"")
    card = checkpoint.card_of(None, str(path), takes="features")
    assert (card.file, card.spec, card.longest) == (str(path), SPECS["actionformer"], 2304)
    other = path.rename(tmp_path / "x.pth")
    card = checkpoint.card_of("temporalmaxer", str(other), takes="features")
    assert card.spec.stride == 4 and card.longest == 2304 and "not a published name" in card.note


def test_card_of_a_training_run(tmp_path):
    spec = FeatureSpec(512, 16, 8, fps=25.0, extractors=("demo_rgb", "demo_flow"))
    run = {"model.name": "actionformer", "model.width": 0.25, "segments.longest": 576}
    run |= {"input": spec.to_json(), "classes": ["jump", "wave"], "data.records": "features"}
    (tmp_path / "config.json").write_text(json.dumps(run))
    path = tmp_path / "best.weights.h5"
    path.write_bytes(b"")
    card = checkpoint.card_of(None, str(path), takes="features")
    assert (card.spec, card.width, card.longest) == (spec, 0.25, 576)
    assert card.class_names() == ("jump", "wave")
    with pytest.raises(UserError, match="takes no videos here; use python -m i3d.localize"):
        checkpoint.card_of(None, str(path))
    for key, value in (("input", {"channels": 0}), ("segments.longest", "many")):
        (tmp_path / "config.json").write_text(json.dumps(run | {key: value}))
        with pytest.raises(UserError, match="config.json: "):
            checkpoint.card_of(None, str(path), takes="features")


@pytest.mark.parametrize("name", sorted(SPECS))
def test_refused_where_videos_are_expected(name, tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(b"")
    card = checkpoint.card_of(name, str(path), takes="features")
    for refused in (
        lambda: i3d.load(name, path),
        lambda: options.cards_of([str(path)], [name]),
        lambda: i3d.evaluate(str(path), model=name),
        lambda: network.load(card),
    ):
        with pytest.raises(UserError, match=f"a.pth: {name} finds when actions happen") as caught:
            refused()
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="expected a localizer, of actionformer, .*got tsn_r50"):
        checkpoint.card_of("tsn_r50_1x1x3", str(path), takes="features")


def test_averages_are_preferred(tmp_path):
    """Published results are of state_dict_ema, which lies beside the weights."""
    last, average = (golden.state_dict("temporalmaxer", seed, **SIZES) for seed in (1, 0))
    both = {"state_dict": last, "state_dict_ema": average}
    both = {name: {f"module.{k}": v for k, v in state.items()} for name, state in both.items()}
    head = "rpn_head.cls_head.bias"
    for states, expected in ((both, average), ({"state_dict": both["state_dict"]}, last)):
        path = localizers.write_pth(tmp_path / "a.pth.tar", **states)
        model = localizers.loaded(path, "temporalmaxer", **SIZES)
        np.testing.assert_array_equal(model.get_layer("Logits").bias, expected[head])
    assert start.head_classes(path, "temporalmaxer") == 20


def test_stored_samples_of_bmn_are_not_read(tmp_path):
    """Files of MMAction2 hold them, in 1.x a second one, too."""
    masks = {"sample_mask": np.ones((24, 18432), "f"), "bm_mask": np.ones((24, 24), "f")}
    state = golden.state_dict("bmn", channels=16)
    path = localizers.write(tmp_path / "a.safetensors", masks | state)
    model = localizers.loaded(path, "bmn", channels=16, rows=24)
    np.testing.assert_array_equal(model.get_layer("x_3d_p-0").bias, state["x_3d_p.0.bias"])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Returns {what: path} of checkpoints that do not fit a small network of 20 classes."""
    folder = tmp_path_factory.mktemp("wrong")
    states = {
        "bmn": golden.state_dict("bmn", channels=16),
        "temporalmaxer": golden.state_dict("temporalmaxer", **SIZES),
        "actionformer": golden.state_dict("actionformer", **SIZES),
        "wide": golden.state_dict("temporalmaxer", channels=32, width=0.25),
        "channels": golden.state_dict("temporalmaxer", channels=16, width=0.125),
        "video": {"backbone.conv1.conv.weight": np.zeros((64, 3, 7, 7), "f")},
    }
    five = {k: v[:5] if "cls_head" in k else v for k, v in states["temporalmaxer"].items()}
    states["classes"] = {k: v if "cls_head.cls" in k or v.ndim else v for k, v in five.items()}
    found = {k: localizers.write(folder / f"{k}.safetensors", v) for k, v in states.items()}
    keras_file = models.build("bmn", channels=16, rows=24, width=0.125)
    found["bmn.h5"] = folder / "bmn.weights.h5"
    keras_file.save_weights(found["bmn.h5"])
    return found


WRONG = {
    "temporalmaxer": {
        "bmn": "missing: projection.embed.0.conv.weight",
        "actionformer": "left over: backbone.embd.0.conv.weight",
        "wide": "of another shape: projection.embed.0.conv.weight",
        "channels": r"embed.0.conv.weight \(64, 16, 3\), the model's variable is \(3, 32, 64\)",
        "video": "left over: backbone.conv1",
        "classes": "its head has 5 classes, the model's 20; build with num_classes=5",
        "bmn.h5": "not weights of temporalmaxer",
    },
    "actionformer_w7": {"temporalmaxer": "missing: backbone.embd.0", "bmn": "left over: x_1d_b.0"},
    "bmn": {"temporalmaxer": "missing: x_1d_b.0", "bmn": "of another shape: x_1d_b.0.weight"},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_give_one_line(name, files):
    sizes = SIZES if name != "bmn" else {"channels": 32, "rows": 24}
    model = models.build(name, **sizes)
    before = model.get_weights()
    for kind, message in WRONG[name].items():
        with pytest.raises(weights.errors.Misfit, match=message) as caught:
            weights.load(model, files[kind])
        assert "\n" not in str(caught.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_other_classes(files, tmp_path):
    """All but the head, from PyTorch's files and our own; a training begins so."""
    model = models.build("temporalmaxer", num_classes=3, **SIZES)
    own = np.asarray(model.get_layer("Logits").kernel)
    line = start.begin(model, None, files["temporalmaxer"])
    assert "left out: the head of 20 classes, a new one has 3" in line
    np.testing.assert_array_equal(model.get_layer("Logits").kernel, own)
    state = golden.state_dict("temporalmaxer", **SIZES)
    norm = state["rpn_head.cls_convs.1.norm.weight"]
    np.testing.assert_array_equal(model.get_layer("cls_head-norm-1").gamma, norm)
    model.save_weights(tmp_path / "a.weights.h5")
    assert start.head_classes(tmp_path / "a.weights.h5", "temporalmaxer") == 3
    other = models.build("temporalmaxer", num_classes=7, **SIZES)
    with pytest.raises(UserError, match="its head has 3 classes, the model's 7"):
        weights.load(other, tmp_path / "a.weights.h5")
    assert "left out" in start.begin(other, None, tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(other.get_layer("cls_head-norm-1").gamma, norm)
    same = models.build("temporalmaxer", num_classes=3, **SIZES)
    assert "head included" in start.begin(same, None, tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(same.get_layer("Logits").kernel, own)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("name", ["temporalmaxer", "bmn"])
def test_converted(name, files, tmp_path, monkeypatch):
    """Into our own file; published sizes are of the model."""
    from i3d.weights.__main__ import convert

    spec = FeatureSpec(32, 16, 4) if name == "temporalmaxer" else FeatureSpec(16, 16, 16, rows=24)
    monkeypatch.setitem(SPECS, name, spec)
    path = files[name]
    if name == "temporalmaxer":
        state = golden.state_dict(name, channels=32)
        path = localizers.write(tmp_path / "a.safetensors", state)
    out = tmp_path / "out.weights.h5"
    model = convert(name, path, out)
    again = network.loaded(checkpoint.card_of(name, str(out), takes="features"), 20)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)

"""The table of AVA's published checkpoints, and how such a network is loaded."""

import dataclasses

import numpy as np
import pytest

import i3d
from i3d import models
from i3d.detection.scores import ActionScores
from i3d.inference import network
from i3d.models.ava import CONFIGS
from i3d.runtime.command import UserError
from i3d.weights import zoo
from i3d.weights.ava_zoo import CARDS, SPECS, takes_boxes
from i3d.weights.cards import Card

NAME = "ava_slowonly_r50_4x16x1"


def test_rows_are_whole():
    assert set(SPECS) == set(CONFIGS) == {name for name in models.names() if takes_boxes(name)}
    assert len(CARDS) == 11 and set(CARDS) <= {card.file for card in i3d.cards()}
    for file, card in CARDS.items():
        assert zoo.card_of(f"weights/{file}") is card and card.spec == SPECS[card.model]
        assert 20 < card.frame_map < 27 and card.top1 is None and "frame mAP" in repr(card)
        assert (card.num_classes, len(card.class_names())) == (81, 80)
        assert card.parameters > 31e6 and len(card.integrity) == 15
        spec = card.spec
        assert spec.frames * spec.stride == 64 and (spec.fps, spec.crop) == (30, 0)
    assert sum(name != "" for name in card.class_names()) == 60
    assert card.class_names()[0] == "bend/bow (at the waist)"  # id 1


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """Returns the Card of a narrow network with random weights."""
    model = models.build(NAME, num_classes=6, width=0.125)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(random.normal(size=variable.shape, scale=0.1) + (variable.name == "gamma"))
    path = tmp_path_factory.mktemp("ava") / "a.weights.h5"
    model.save_weights(path)
    return Card("a", str(path), NAME, SPECS[NAME], width=0.125)


def test_scores_of_boxes(card):
    """They are the model's own, of float32 clips, in pictures of any size."""
    scores = ActionScores(network.load_with_boxes(card))
    model = network.loaded(card, 6)
    random = np.random.default_rng(1)
    boxes = np.array([[0.1, 0.0, 0.4, 0.9], [0.3, 0.2, 1.0, 1.0]], "f")
    for height, width in ((64, 90), (80, 64)):
        views = random.integers(0, 256, (4, height, width, 3), dtype=np.uint8)
        clips = ((views - np.array(card.spec.mean)) / np.array(card.spec.std)).astype("f")
        logits = np.asarray(model({"clips": clips[None], "boxes": boxes[None]}))[0]
        expected = 1 / (1 + np.exp(-logits[:, 1:]))
        assert expected.std() > 1e-3
        np.testing.assert_allclose(scores(views, boxes), expected, atol=1e-5)
    assert scores(views, np.zeros((0, 4))).shape == (0, 5)


@pytest.mark.long
def test_bfloat16_is_near(card):
    exact, fast = (
        ActionScores(network.load_with_boxes(card, precision))
        for precision in ("float32", "bfloat16")
    )
    views = np.random.default_rng(1).integers(0, 256, (4, 64, 80, 3), dtype=np.uint8)
    boxes = np.array([[0, 0, 1, 1], [0.3, 0.2, 0.8, 1.0]], "f")
    difference = np.abs(exact(views, boxes) - fast(views, boxes)).max()
    assert 0 < difference < 0.03


def test_what_takes_boxes_labels_no_videos(card):
    with pytest.raises(UserError, match="in boxes, not videos; use python -m i3d.detect"):
        network.load(card)
    with pytest.raises(UserError, match="expected a model that takes boxes"):
        network.load_with_boxes(dataclasses.replace(card, model="tsn_r50_1x1x3"))

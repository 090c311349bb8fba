"""What a card says of its checkpoint."""

from pathlib import Path

import pytest

from i3d import models
from i3d.spec import InputSpec
from i3d.visual.figures.acts import LABELS
from i3d.weights import find, parameters, zoo
from i3d.weights.cards import CARDS, DEMO_CARDS, Card, class_names
from i3d.weights.files import FILES


def test_a_card_is_shown_in_one_line():
    assert repr(CARDS["rgb_scratch"]) == (
        "<Card rgb_scratch: inception_i3d rgb, rgb_scratch/model.ckpt: the whole video in equal "
        "clips of at most 250 frames x 1 crop(s) of 224 px, 25 fps; mean of logits over its views; "
        "400 classes; 12.7 M parameters; 68.4/88.0 % top-1/top-5 on kinetics400 test; Apache-2.0>"
    )
    assert CARDS["rgb_scratch_kin600"].score() == ""
    assert DEMO_CARDS["demo_rgb"].score().startswith("88.5 % top-1 on 260 synthetic test videos")
    unknown = Card("x.pth", "x.pth", "tv_r3d_18", InputSpec())
    assert unknown.parameters is None and repr(unknown).endswith("over 10 view(s)>")


def test_parameters_of_the_published_files():
    """All variables are float32; the Kinetics-600 file holds more than the network's."""
    for name, card in CARDS.items():
        if name != "rgb_scratch_kin600":
            assert 4 * card.parameters == FILES[name][0].size
    assert DEMO_CARDS["demo_flow"].parameters == 782_705
    assert zoo.CARDS["r3d_18-b3b3357e.pth"].parameters == 33_381_072


@pytest.mark.slow
@pytest.mark.parametrize("key", parameters._COUNTS)
def test_parameters_are_those_of_the_models(key):
    name, stream, width = (*key.split(), *("rgb", "1")[key.count(" ") :])
    channels = {"channels": 2 if stream == "flow" else 3} if name == "inception_i3d" else {}
    channels = {"channels": int(stream)} if stream.isdecimal() else channels  # of feature rows
    model = models.build(name, num_classes=7, width=float(width), **channels)
    assert model.count_params() == parameters.count(name, 7, stream, float(width))


def test_actions_of_ava_stand_at_their_ids():
    names = class_names("ava")  # of id k at k - 1; "" of the 20 ids that are not scored
    assert len(names) == 80 and names.count("") == 20
    assert (names[11], names[79], names[1]) == ("stand", "watch (a person)", "")
    assert len(set(names)) == 61


def test_the_demo_of_boxes_is_small_and_knows_the_labels_of_scenes():
    card = DEMO_CARDS["demo_detection"]
    assert card.class_names() == LABELS and card.num_classes == 1 + len(LABELS)
    assert Path(find.path_of(card.name)).stat().st_size < 2e6
    assert (card.spec.crop, card.spec.fps, card.spec.activation) == (0, 30, "sigmoid")
    assert card.score().endswith("% frame mAP on 60 drawn test scenes, boxes known")

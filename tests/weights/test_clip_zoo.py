"""The table of ActionCLIP's and CLIP's published checkpoints."""

import pytest

import i3d
from i3d import models
from i3d.inference import checkpoint
from i3d.models.actionclip import CONFIGS
from i3d.runtime.command import UserError
from i3d.weights import find, zoo
from i3d.weights.clip_zoo import CARDS
from i3d.weights.errors import Misfit
from tests.helpers import clip_files


def test_rows_as_published():
    """Frames, top-1 and top-5 of the README; UCF101 and HMDB51 are of 32 frames."""
    rows = {name: card for name, card in CARDS.items() if "sallymmx" in card.source}
    found = {(c.model, c.data, c.spec.segments, c.top1, c.top5) for c in rows.values()}
    assert found == {
        ("actionclip_b32_8f", "kinetics400", 8, 78.36, 94.25),
        ("actionclip_b16_8f", "kinetics400", 8, 81.09, 95.49),
        ("actionclip_b16_16f", "kinetics400", 16, 81.68, 95.87),
        ("actionclip_b16_32f", "kinetics400", 32, 82.32, 96.2),
        ("actionclip_b16_32f", "hmdb51", 32, 76.2, None),
        ("actionclip_b16_32f", "ucf101", 32, 97.1, None),
    }
    assert {card.licence for card in rows.values()} == {"MIT"}


def test_rows_are_whole():
    for file, card in CARDS.items():
        assert file == card.file and card.model in CONFIGS
        spec = card.spec
        assert spec.segments == CONFIGS[card.model].frames and spec.num_views == 1
        assert (spec.frames, spec.crops, spec.resize, spec.crop) == (1, 1, 256, 224)
        assert (spec.interpolation, spec.frame_of_segment) == ("bicubic", "lower_middle")
        assert (spec.average, spec.fps) == ("prob", 0.0)
        assert card.parameters > 100e6 and card.source and card.licence
        assert len(card.class_names()) == (400 if card.data == "kinetics400" else 0)
        kind, _, digest = card.integrity.partition(":")
        assert kind in ("", "sha256") and int(digest or "0", 16) >= 0
        assert zoo.card_of(f"weights/{file}") is card
    assert set(CARDS) <= {card.file for card in i3d.cards()}
    plain = [card for card in CARDS.values() if "openai" in card.source]
    assert {card.model for card in plain} == {"clip_b32", "clip_b16", "clip_l14"}
    assert all(card.top1 is None and len(card.integrity) == 71 for card in plain)


def test_every_configuration_has_a_spec():
    for name, row in CONFIGS.items():
        spec = zoo.default_spec(name)
        assert spec.segments == row.frames
        assert (spec.crop, spec.resize) == ((32, 36) if row.arch == "tiny" else (224, 256))
    assert set(CONFIGS) <= set(models.names())


def test_names_say_where_the_file_is():
    for name in ("vit-b-16-8f", "ViT-B-16"):
        with pytest.raises(UserError, match=f"get {name}.pt.* from github.com/"):
            find.path_of(name)


def test_a_folder_tells_its_model(tmp_path):
    arrays = {"ln_final.bias": clip_files.clip_state()["ln_final.bias"]}
    folder = clip_files.write_folder(tmp_path / "clip", state=arrays)
    with pytest.raises(UserError, match="which model.* config.json is of none that is known"):
        checkpoint.card_of(None, str(folder))
    card = checkpoint.card_of("clip_tiny", str(folder))
    assert (card.file, card.model, card.spec.crop) == (str(folder), "clip_tiny", 32)
    sizes = {"patch_size": 16, "hidden_size": 768, "image_size": 224}
    clip_files.write_folder(folder, state=arrays, vision_config=sizes)
    assert checkpoint.card_of(None, str(folder)).model == "clip_b16"
    clip_files.write_folder(folder, state=arrays, vision_config=sizes | {"hidden_act": "gelu"})
    with pytest.raises(Misfit, match="hidden_act: expected 'quick_gelu', got 'gelu'"):
        checkpoint.card_of(None, str(folder))
    clip_files.write_folder(folder, state=arrays, model_type="llava")
    with pytest.raises(Misfit, match="model_type: expected 'clip', got 'llava'"):
        checkpoint.card_of(None, str(folder))

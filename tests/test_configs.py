"""The recipes under configs/: each loads, tells what it should, and has the published numbers."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from absl import flags

from i3d import models
from i3d.models import actionclip as clip
from i3d.training import config
from i3d.weights import zoo
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.localization_zoo import takes_features
from tests.golden import mmaction

ROOT = Path(__file__).parents[1]
FILES = sorted(ROOT.glob("configs/*/*.py"))
ITEMS = ("Command:", "Hardware:", "CPU:", "GPU:", "Run:", "Expected result:")


def loaded(path, *overrides):
    """Returns the configuration as the command reads it."""
    values = flags.FlagValues()
    argv = ["train", f"--config={path}", *overrides]
    config.define_flag(values, argv)
    config.parse_flags(argv, values)
    return values.config


def docstring(path):
    spec = importlib.util.spec_from_file_location("recipe", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.__doc__


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_loads_and_tells_command_hardware_time_and_result(path):
    config.check(loaded(path))
    text = docstring(path)
    for item in ITEMS:
        assert re.search(rf"{item}\s+\S", text), item


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_commands_in_the_text_can_be_given(path):
    """Their files are there, and their keys and values are those of the configuration."""
    text = re.sub(r"\\\n\s*", "", docstring(path))
    commands = re.findall(r"python -m i3d\.(?:train|evaluate) .*", text)
    assert commands
    for command in (command for command in commands if "--config=" in command):
        file = re.search(r"--config=(\S+)", command)[1]
        assert (ROOT / file) == path
        loaded(path, *re.findall(r"--config\.\S+", command))


def rates(name, steps, clips=6 * 64, *overrides):
    settings = loaded(ROOT / f"configs/i3d/{name}.py", *overrides)
    return [config.learning_rate(settings, step, clips) for step in steps]


def test_kinetics_recipes_are_the_published_ones():
    for name, total in (("kinetics_rgb", 115_000), ("kinetics_flow", 155_000)):
        settings = loaded(ROOT / f"configs/i3d/{name}.py")
        assert settings.steps == total
        assert settings.data.stream == name.removeprefix("kinetics_")
        assert (settings.data.frames, settings.data.size, settings.data.stride) == (64, 224, 1)
        assert (settings.model.width, settings.model.dropout) == (1.0, 0.5)
        assert settings.batch.per_replica == 6
        assert settings.optimizer.momentum == 0.9
        assert settings.optimizer.weight_decay == 1e-7
    changes = {0: 0.1, 97_000: 0.01, 108_000: 0.001}
    assert_rates("kinetics_rgb", changes)
    changes = {0: 0.1, 97_000: 0.01, 104_500: 0.001, 115_000: 0.1, 140_000: 0.01, 150_000: 0.001}
    assert_rates("kinetics_flow", changes)


def assert_rates(name, changes):
    """The rate is that of the table from each of its steps on, and the one before until then."""
    expected = list(changes.values())
    assert rates(name, changes) == pytest.approx(expected)
    before = [step - 1 for step in list(changes)[1:]]
    assert rates(name, before) == pytest.approx(expected[:-1])


def test_rates_of_kinetics_scale_with_the_clips():
    assert rates("kinetics_rgb", [0], clips=48) == pytest.approx([0.1 / 8])


@pytest.mark.parametrize("name", ["finetune", "ucf101", "hmdb51"])
def test_fine_tuning_is_for_few_clips(name):
    settings = loaded(ROOT / f"configs/i3d/{name}.py")
    assert settings.batch_norm == "frozen"
    assert settings.model.start == "checkpoints/rgb_imagenet/model.ckpt"
    assert (settings.data.frames, settings.data.size) == (64, 224)
    clips = settings.batch.per_replica * settings.batch.accumulate
    first, last = rates(name, [0, settings.steps - 1], clips)
    assert first == settings.optimizer.learning_rate > 50 * last


# The family.

SCHEDULES = {  # recipe -> its name in golden/mmaction_lr_schedules, clips per update
    "tsn/kinetics_rgb": ("tsn_1x1x3", 256),
    "tsm/kinetics": ("tsm_1x1x8_50e", 128),
    "slowonly/kinetics": ("slowonly_r50_4x16x1_256e", 128),
    "slowonly/kinetics_imagenet": ("slowonly_imagenet_steplr_150e", 128),
    "slowfast/kinetics": ("slowfast_r50_4x16x1_256e", 64),
    "i3d_resnet/kinetics": ("i3d_r50", 64),
    "r2plus1d/kinetics": ("r2plus1d_r34_8x8x1_180e", 64),
    "c3d/ucf101": ("c3d_ucf101_45e", 240),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_recipes_of_the_family_are_the_published_ones(name):
    published, clips = SCHEDULES[name]
    published = mmaction.read("lr_schedules.json.gz")["schedules"][published]
    settings = loaded(ROOT / f"configs/{name}.py")
    own = settings.optimizer
    assert own.momentum == 0.9
    assert own.weight_decay == (5e-4 if name == "c3d/ucf101" else 1e-4)
    assert own.clip_norm == (20 if name == "tsm/kinetics" else 40)
    assert 8 * settings.batch.per_replica == own.reference_batch == clips
    for epoch, rate in enumerate(published["first"]):
        step = settings.steps * (epoch + 0.01) / published["epochs"]  # safely after a change
        assert config.learning_rate(settings, step, clips) == pytest.approx(rate, 0.03), epoch


# Recipe -> clips per update, updates, weight decay, largest norm, {epoch: rate}. The rates are
# those of MMAction2's CSN and PySlowFast's X3D; rising and cosine parts are multiplied.
DEPTHWISE = {
    "csn/kinetics": (32, 1_350_000, 1e-4, 40, {0: 0.008, 110: 0.08 * 0.3290, 180: 0.0}),
    "csn/kinetics_ig65m": (96, 145_000, 1e-4, 40, {0: 5e-5, 17: 5e-4, 33: 5e-5, 49: 5e-6}),
    "x3d/kinetics": (128, 562_500, 5e-5, 0, {0: 0.01, 150: 0.05, 300: 0.0}),
}


@pytest.mark.parametrize("name", DEPTHWISE)
def test_recipes_of_depthwise_networks_are_the_published_ones(name):
    clips, updates, decay, norm, rates_at = DEPTHWISE[name]
    settings = loaded(ROOT / f"configs/{name}.py")
    own = settings.optimizer
    assert (own.weight_decay, own.clip_norm, settings.steps) == (decay, norm, updates)
    assert 8 * settings.batch.per_replica == own.reference_batch == clips
    assert own.kernels_only == (name == "x3d/kinetics")
    assert settings.batch_norm == ("frozen" if name == "csn/kinetics_ig65m" else "local")
    for epoch, rate in rates_at.items():
        step = epoch * 240_000 // clips
        found = config.learning_rate(settings, step, clips)
        assert found == pytest.approx(rate, 1e-3, abs=1e-9), epoch


@pytest.mark.parametrize(
    "name, clips, schedule",
    [
        ("slowonly_4x16x1", 128, "ava_slowonly_20e"),
        ("slowfast_4x16x1", 128, "ava_slowonly_20e"),
        ("slowfast_temporal_max", 48, "ava_slowfast_8x8x1_cosine_10e"),
    ],
)
def test_recipes_of_ava_are_the_published_ones(name, clips, schedule):
    published = mmaction.read("lr_schedules.json.gz")["schedules"][schedule]
    settings = loaded(ROOT / f"configs/ava/{name}.py")
    own = settings.optimizer
    assert (own.momentum, own.weight_decay, own.clip_norm) == (0.9, 1e-5, 40)
    assert 8 * settings.batch.per_replica == own.reference_batch == clips
    assert (settings.data.size, settings.boxes.scale) == (256, (256, 320))
    for epoch, rate in enumerate(published["first"]):  # of ten iterations, which shows in a warm-up
        step = settings.steps * epoch // published["epochs"]
        assert config.learning_rate(settings, step, clips) == pytest.approx(rate, 0.05), epoch


def test_fine_tuning_of_boxes_is_for_few_key_frames():
    settings = loaded(ROOT / "configs/ava/finetune.py")
    assert (settings.data.validation, settings.data.validation_share) == ("validation", 0)
    assert settings.batch.per_replica * settings.batch.accumulate == 16
    assert zoo.card_of(Path(settings.model.start).name).model == settings.model.name


@pytest.mark.parametrize(
    "name, clips, model, start",
    [
        ("k400", 128, "actionclip_b32_8f", "ViT-B-32.pt"),
        ("ucf101", 32, "actionclip_b16_8f", "vit-b-16-8f.pt"),
        ("hmdb51", 64, "actionclip_b16_8f", "vit-b-16-8f.pt"),
    ],
)
def test_recipes_of_actionclip_are_the_published_ones(name, clips, model, start):
    settings = loaded(ROOT / f"configs/actionclip/{name}.py")
    own, data = settings.optimizer, settings.data
    assert (own.name, own.learning_rate, own.weight_decay) == ("adamw", 5e-6, 0.2)
    assert (own.betas, own.visual_factor, own.fusion_factor) == ((0.9, 0.98), 1.0, 10.0)
    assert (own.clip_norm, own.reference_batch, own.kernels_only) == (0, 0, False)
    assert 8 * settings.batch.per_replica == clips and settings.batch.accumulate == 1
    assert (settings.model.name, settings.model.start) == (model, f"checkpoints/{start}")
    assert settings.text.to_dict() == config.defaults().text.to_dict()
    assert data.rand_augment == ((2, 9) if name == "k400" else ())
    assert data.sampling == ("ticks" if name == "k400" else "test")
    assert (data.segments, data.frames, data.crop, data.crop_places) == (8, 1, "multi_scale", 13)
    assert (data.color_jitter, data.grayscale, data.flip) == (0.8, 0.2, True)


def test_rates_of_actionclip_are_the_published_ones():
    with np.load(ROOT / "tests/golden/actionclip/lr_ucf.npz") as arrays:
        golden = arrays["lr_text"].ravel()
    settings = loaded(ROOT / "configs/actionclip/ucf101.py")
    assert settings.steps == golden.size
    found = [config.learning_rate(settings, step, 32) for step in range(settings.steps)]
    np.testing.assert_allclose(found, golden, rtol=1e-12, atol=0)


def test_rates_of_the_family_scale_with_the_clips():
    settings = loaded(ROOT / "configs/tsn/kinetics_rgb.py")
    assert config.learning_rate(settings, 0, 64) == pytest.approx(0.01 / 4)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_models_and_inputs_fit(path):
    """The network is in the catalogue; a start that keeps a published name is that network's."""
    settings = loaded(path)
    assert settings.model.name in models.names()
    card = zoo.card_of(Path(settings.model.start).name)
    if card:
        same = (settings.model.name, card.model)
        if takes_boxes(settings.model.name) and not takes_boxes(card.model):  # its trunk
            same = same[0].removeprefix("ava_").removesuffix("_temporal_max"), same[1]
        if card.model in clip.CONFIGS:  # CLIP's towers begin an ActionCLIP
            same = [clip.CONFIGS[name].arch for name in same]
        assert same[0] == same[1]
        if settings.data.mean:
            assert settings.data.mean == card.spec.mean
            assert settings.data.std == card.spec.std
    elif path.stem == "finetune":  # others begin from published weights; DeepVideo has none
        assert path.parent.name in ("i3d", "deep_video") or takes_features(settings.model.name)


OF_THEIR_OWN = ("i3d", "ava", "actionformer", "bmn")  # batches of another size, or other inputs


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.stem.startswith("finetune") and p.parent.name not in OF_THEIR_OWN],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)  # fmt: skip
def test_fine_tuning_of_the_family_fits_the_protocol_of_its_weights(path):
    settings = loaded(path)
    data, card = settings.data, zoo.card_of(Path(settings.model.start).name)
    assert data.records == "" and (data.validation, data.validation_share) == ("train", 0.1)
    assert settings.batch.per_replica * settings.batch.accumulate == 16
    assert all(boundary < settings.steps for boundary in settings.schedule.boundaries)
    if card and card.model != "tv_s3d":
        assert (data.frames, data.stride) == (card.spec.frames, card.spec.stride)

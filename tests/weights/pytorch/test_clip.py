"""CLIP and ActionCLIP out of every naming, equal to the original; what does not fit is one line."""

import json

import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.weights import start
from i3d.weights.errors import Misfit, NoCheckpoint, NoHead, WeightsError
from i3d.weights.pytorch import clip_arch, clip_names
from tests.helpers import clip_files, clip_golden
from tests.helpers.torch_files import write_safetensors

pytestmark = pytest.mark.long

TEXTS = 4


@pytest.fixture(scope="module")
def golden():
    return clip_golden.tiny()


@pytest.fixture(scope="module")
def small():
    """A model of every head; tests load into them."""
    build = models.build
    return {h: build("actionclip", arch="tiny", head=h) for h in clip_files.HEADS}


@pytest.fixture(scope="module")
def plain(small):
    return small["meanP"]


def blank(model):
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape, variable.dtype))


def assert_golden(model, golden, head):
    found = clip_golden.outputs(model, TEXTS)
    image = golden["image_features"].reshape(found["image"].shape)
    np.testing.assert_allclose(found["image"], image, atol=1e-5)
    np.testing.assert_allclose(found["text"], golden["text_features_ucf101"][:TEXTS], atol=1e-5)
    if head:
        np.testing.assert_allclose(found["video"], golden[f"fusion_{head}"], atol=1e-5)


def refused(model, path, kind=Misfit, **keywords):
    """Returns the line on a checkpoint that does not fit; the model is what it was."""
    before = model.get_weights()
    with pytest.raises(kind) as caught:
        i3d.weights.load(model, path, **keywords)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    message = str(caught.value)
    assert "\n" not in message and str(path.parent) in message
    return message


@pytest.mark.parametrize(
    ("head", "suffix"), [("Transf", ".safetensors"), *((h, ".pt") for h in clip_files.HEADS)]
)
def test_files_of_actionclip(head, suffix, small, golden, tmp_path):
    path = clip_files.write_actionclip(tmp_path / f"a{suffix}", head)
    blank(small[head])
    i3d.weights.load(small[head], path)
    assert_golden(small[head], golden, head)
    scale = small[head].get_layer("logit_scale").log_scale
    np.testing.assert_array_equal(scale, clip_golden.log_scale())


def openai(folder, state):
    return clip_files.write_clip(folder / "a.pt", state=state)


def wrapped(folder, state):
    """As data-parallel trainings save it."""
    state = {f"module.{key}": array for key, array in state.items()}
    return clip_files.write_clip(folder / "a.safetensors", state=state)


def halves(folder, state):
    """As OpenAI stores it: its numbers of these tensors are halves."""
    half = {k: a.astype(np.float16) if k == "visual.proj" else a for k, a in state.items()}
    sizes = {key: np.asarray(224) for key in ("input_resolution", "context_length", "vocab_size")}
    return clip_files.write_clip(folder / "a.pt", state=half | sizes)


def folder_of_safetensors(folder, _):
    return clip_files.write_folder(folder / "clip")


def folder_of_bin(folder, _):
    return clip_files.write_folder(folder / "clip", weights_file="pytorch_model.bin")


def file_of_folder(folder, _):
    return clip_files.write_folder(folder / "clip") / "model.safetensors"


def alone(folder, state):
    write_safetensors(folder / "hf.safetensors", clip_files.hugging_face(state))
    return folder / "hf.safetensors"


NAMINGS = [openai, wrapped, halves, folder_of_safetensors, folder_of_bin, file_of_folder, alone]


@pytest.mark.parametrize("write", NAMINGS, ids=lambda write: write.__name__)
def test_namings_of_clip(write, plain, golden, tmp_path):
    path = write(tmp_path, clip_files.clip_state())
    blank(plain)
    i3d.weights.load(plain, path)
    assert_golden(plain, golden, "meanP")
    ids = plain.get_layer("visual_embedding").position_ids
    np.testing.assert_array_equal(ids, np.arange(17)[None])
    for model in (None, "clip_tiny"):
        with pytest.raises(NoHead, match=r"classes: they are given as text \(--text\)$"):
            start.head_classes(path, model)


def scripted(state):
    """Returns a TorchScript module with the parameters of a state dict, as OpenAI's archive."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    root = torch.nn.Module()
    for key, array in state.items():
        *names, last = key.split(".")
        module = root
        for name in names:
            if name not in module._modules:
                module.add_module(name, torch.nn.Module())
            module = module._modules[name]
        module.register_parameter(last, torch.nn.Parameter(torch.from_numpy(np.array(array))))
    return torch.jit.script(root)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_the_archive_of_openai(plain, golden, tmp_path):
    scripted(clip_files.clip_state()).save(tmp_path / "ViT-B-16.pt")
    blank(plain)
    i3d.weights.load(plain, tmp_path / "ViT-B-16.pt")
    assert_golden(plain, golden, "meanP")


def test_names_of_mmaction2(small, golden, tmp_path):
    """Its port: clip., adapter., and positions of the frames of a video alone."""
    state = {f"clip.{key}": array for key, array in clip_files.clip_state().items()}
    head = clip_files.fusion_state("Transf")
    head["frame_position_embeddings.weight"] = head["frame_position_embeddings.weight"][:8]
    state |= {f"adapter.{key}": array for key, array in head.items()}
    write_safetensors(tmp_path / "a.safetensors", state)
    i3d.weights.load(small["Transf"], tmp_path / "a.safetensors")
    assert_golden(small["Transf"], golden, "Transf")
    longer = models.build("actionclip", arch="tiny", frames=9)
    assert "its head Transf takes 8 frames, actionclip is built for 9" in refused(
        longer, tmp_path / "a.safetensors"
    )


def test_towers_alone_leave_the_head(small, golden, tmp_path):
    """A training begins from plain CLIP, or from another head."""
    model = small["Transf"]
    heads = [v for v in model.weights if v.path.startswith("fusion")]
    for path in (
        clip_files.write_clip(tmp_path / "a.safetensors"),
        clip_files.write_folder(tmp_path / "b"),
        clip_files.write_actionclip(tmp_path / "c.safetensors", "LSTM"),
    ):
        blank(model)
        heads[0].assign(np.ones(heads[0].shape))
        i3d.weights.load(model, path, head=False)
        assert_golden(model, golden, None)
        assert np.all(np.asarray(heads[0]) == 1) and not np.any(heads[1])
        line = start.begin(model, None, path)
        assert (
            line
            == f"initialised from {path}; left out: the head over time, the model has a new one"
        )
    path = clip_files.write_actionclip(tmp_path / "d.safetensors", "Transf")
    assert start.begin(model, None, path) == f"initialised from {path}, head over time included"
    assert_golden(model, golden, "Transf")


def test_shift_and_joint(golden, tmp_path, plain):
    tsm = clip_files.write_clip(tmp_path / "t.safetensors", state=clip_files.tsm_state())
    joint = clip_files.write_clip(tmp_path / "j.safetensors", state=clip_files.joint_state())
    clip_files.write_clip(tmp_path / "c.safetensors")
    assert "trained with tsm=True, actionclip is built without" in refused(plain, tsm)
    assert "trained with joint=True, actionclip is built without" in refused(plain, joint)
    for option, path, name in (
        ("tsm", tsm, "image_features_tsm"),
        ("joint", joint, "video_features_joint"),
    ):
        model = models.build("clip_tiny", **{option: True})
        i3d.weights.load(model, path)
        found = clip_golden.outputs(model, 1)["image"]
        np.testing.assert_allclose(found.reshape(-1, 64), golden[name], atol=1e-5)
        line = refused(model, tmp_path / "c.safetensors")
        assert f"trained without {option}, clip_tiny is built with {option}=True" in line
        i3d.weights.load(model, tmp_path / "c.safetensors", head=False)


def test_other_heads(small, tmp_path):
    written = {h: clip_files.write_actionclip(tmp_path / f"{h}.safetensors", h) for h in small}
    clip_alone = clip_files.write_clip(tmp_path / "clip.safetensors")
    line = refused(small["Transf"], clip_alone)
    assert "holds CLIP without a fusion head, actionclip has the head Transf" in line
    assert "expected an ActionCLIP checkpoint, or --model=clip_tiny; the towers alone" in line
    for ours, theirs in (("meanP", "Transf"), ("LSTM", "Conv_1D"), ("Transf", "Transf_cls")):
        line = refused(small[ours], written[theirs])
        assert f"holds ActionCLIP with the head {theirs}, actionclip has {ours}; expected" in line
    assert "expected --model=actionclip_tiny_8f;" in refused(small["meanP"], written["Transf"])
    assert "--model=actionclip_tiny_8f_lstm;" in refused(small["Transf"], written["LSTM"])
    four = models.build("actionclip", arch="tiny", head="Transf_cls", frames=4)
    assert "Transf_cls takes 8 frames, actionclip is built for 4; expected" in refused(
        four, written["Transf_cls"]
    )


def without(pattern):
    return lambda state: {key: a for key, a in state.items() if pattern not in key}


CHANGED = {
    "image tower": (
        lambda s: {k: a for k, a in s.items() if k.startswith("visual")},
        "holds an image tower without a text tower; expected both",
    ),
    "text tower": (without("visual"), "holds a text tower without an image tower"),
    "resnet": (
        lambda s: without("visual.")(s) | {"visual.layer1.0.conv1.weight": np.ones(3, "f")},
        "holds CLIP with a ResNet as its image tower; expected a ViT",
    ),
    "layers": (
        without("visual.transformer.resblocks.2"),
        "holds CLIP of 2 layers of 192 with patches of 8 px of 32 px pictures, texts of 2 layers "
        "of 128, 64 features, actionclip is tiny; expected a checkpoint of this",
    ),
    "other": (lambda s: {"fc.weight": np.ones((3, 4), "f")}, "holds no CLIP: expected keys as"),
    "missing": (without("ln_final.bias"), "1 missing: ln_final.bias"),
    "left over": (lambda s: s | {"more": np.ones(3, "f")}, "1 left over: more"),
    "axes": (
        lambda s: s | {"ln_final.bias": s["ln_final.bias"][None]},
        "1 of another shape: ln_final.bias (1, 128), expected (128,)",
    ),
    "one number": (
        lambda s: s | {"ln_final.bias": np.ones(1, "f")},
        "1 of another shape: ln_final.bias (1,), expected (128,)",
    ),
    "no positions": (
        lambda s: s | {"visual.positional_embedding": np.zeros((0, 192), "f")},
        "1 of another shape: visual.positional_embedding (0, 192), expected (17, 192)",
    ),
    "transposed": (
        lambda s: s | {"text_projection": s["text_projection"].reshape(256, 32)},
        "features, actionclip is tiny",
    ),
    "nan": (
        lambda s: s | {"visual.proj": s["visual.proj"] * np.float32(np.nan)},
        "1 spoilt by nan or inf: visual_projection/kernel",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_changed_files(name, plain, tmp_path):
    change, message = CHANGED[name]
    write_safetensors(tmp_path / "a.safetensors", change(clip_files.clip_state()))
    assert message in refused(plain, tmp_path / "a.safetensors", WeightsError)


def test_a_published_size_is_named():
    stored = clip_arch.of_shapes(clip_files.weights.clip_shapes("ViT-B/32"))
    assert clip_arch.described(stored) == "ViT-B/32"
    assert clip_arch.named(stored, "meanP") == "clip_b32"
    assert clip_arch.named(stored, "Transf") == "actionclip_b32_8f"
    assert clip_arch.named(stored, "LSTM") == "actionclip_b32_8f_lstm"
    assert clip_arch.named(stored._replace(dim=768), "LSTM") is None


CONFIGS = {
    "gelu": (
        {"vision_config": {"hidden_act": "gelu"}},
        "vision_config.hidden_act: expected 'quick_gelu', got 'gelu'",
    ),
    "kind": ({"model_type": "siglip"}, "model_type: expected 'clip', got 'siglip'"),
    "heads": (
        {"text_config": {"num_attention_heads": 8}},
        "text_config.num_attention_heads: expected 2, got 8",
    ),
    "no object": ({"text_config": [1]}, "text_config: expected an object, got [1]"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_folders_of_other_models(name, plain, tmp_path):
    config, message = CONFIGS[name]
    folder = clip_files.write_folder(tmp_path / "clip", **config)
    assert message in refused(plain, folder)
    assert message in refused(plain, folder / "model.safetensors") or name == "heads"


def test_folders_that_are_not_whole(plain, tmp_path):
    folder = clip_files.write_folder(tmp_path / "clip")
    (folder / "config.json").write_text("{")
    assert "cannot be read: not JSON" in refused(plain, folder, WeightsError)
    (folder / "config.json").unlink()
    assert "expected config.json and model.safetensors or" in refused(plain, folder, NoCheckpoint)
    (tmp_path / "empty").mkdir()
    refused(plain, tmp_path / "empty", NoCheckpoint)
    other = models.build("tv_r3d_18", num_classes=3, width=0.0625)
    (folder / "config.json").write_text(json.dumps(clip_files.hugging_face_config()))
    assert "which CLIP alone takes: got tv_r3d_18" in refused(other, folder)


def test_files_of_open_clip(plain, golden, tmp_path):
    """Its names are OpenAI's; most of its weights are trained with GELU."""
    path = clip_files.write_clip(tmp_path / "open_clip_model.safetensors")
    config = tmp_path / "open_clip_config.json"
    config.write_text('{"model_cfg": {"embed_dim": 64, "quick_gelu": true}}')
    i3d.weights.load(plain, path)
    assert_golden(plain, golden, "meanP")
    for text in ('{"model_cfg": {"embed_dim": 64}}', '{"model_cfg": 3}'):
        config.write_text(text)
        assert "model_cfg.quick_gelu: expected true" in refused(plain, path)


def test_every_weight_has_a_key(small):
    """Of the variables all but the numbers of positions, each once."""
    for head, model in small.items():
        assert clip_names.head_of(model) == head
        for style in clip_names.STYLES:
            rows = clip_names.towers(model, style) + clip_names.fusion(model)
            variables = [variable.path for row in rows for variable in row.variables]
            paths = [v.path for v in model.weights if not v.path.endswith("position_ids")]
            assert sorted(variables) == sorted(paths)
    openai = {row.key: row.shape for row in clip_names.towers(small["meanP"], "openai")}
    assert openai == clip_files.weights.clip_shapes("tiny")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("short", "arch", "batch", "frames"), [("b32", "ViT-B/32", 2, 8), ("b16", "ViT-B/16", 1, 4)]
)
def test_published_sizes(short, arch, batch, frames, tmp_path):
    """The features of the original with the synthetic weights of these sizes."""
    with np.load(clip_golden.FOLDER / "vit_b_s0.npz") as file:
        golden = {name.partition("_")[2]: file[name] for name in file.files if short in name}
    model = models.build("actionclip", arch=arch, frames=frames)
    i3d.weights.load(model, clip_files.write_actionclip(tmp_path / "a.safetensors", arch=arch))
    (tmp_path / "a.safetensors").unlink()
    pictures = clip_files.weights.frames("frames", (batch * frames, 3, 224, 224), 0)
    pictures = pictures.reshape(batch, frames, 3, 224, 224).transpose(0, 1, 3, 4, 2)
    rows = np.load(clip_golden.FOLDER / "tokens_ucf101.npz")["tokens"]
    rows = rows.astype(np.int32)[golden["text_rows_ucf101"]]
    found = model({"frames": pictures, "tokens": rows}, training=False)
    pairs = (("image", "image_features"), ("text", "text_features_ucf101"))
    for name, key in (*pairs, ("video", "fusion_Transf")):
        expected = golden[key].reshape(found[name].shape)
        np.testing.assert_allclose(found[name], expected, atol=3e-5)
    if short == "b32":
        plain = models.build("clip_b32")
        i3d.weights.load(plain, clip_files.write_folder(tmp_path / "clip", arch))
        again = plain({"frames": pictures, "tokens": rows}, training=False)
        np.testing.assert_array_equal(again["image"], found["image"])
        line = refused(models.build("clip_b16"), tmp_path / "clip")
        assert "holds CLIP ViT-B/32, clip_b16 is ViT-B/16; expected a checkpoint of this" in line
        assert line.endswith("or --model=clip_b32")

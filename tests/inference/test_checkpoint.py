"""Which network a checkpoint is: by its published name, by a model's, or by the run it lies in."""

import dataclasses
import json
import subprocess
import sys

import pytest

from i3d.inference import checkpoint
from i3d.runtime.command import UserError
from i3d.spec import WHOLE, InputSpec, of_settings
from i3d.weights import zoo
from i3d.weights.cards import CARDS, DEMO_CARDS, Card, class_names
from tests.helpers import datasets

TSM = "tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb_20230317-be0fc26e.pth"
RUN = {
    "data.records": "",
    "data.stream": "flow",
    "data.frames": 5,
    "data.stride": 2,
    "data.size": 32,
    "data.flow_method": "dis",
    "model.name": "tsn_r50_5x1x3_flow",
    "model.width": 0.5,
}


def touched(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


def run_of(folder, **keys):
    """Writes config.json of a run and a checkpoint of it; returns the checkpoint."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(RUN | keys))
    return touched(folder / "best.weights.h5")


def test_a_published_file_brings_its_card(tmp_path):
    path = touched(tmp_path / TSM)
    for model in (None, "tsm_r50_1x1x8"):
        card = checkpoint.card_of(model, path)
        assert card == dataclasses.replace(zoo.CARDS[TSM], file=path)
    card = checkpoint.card_of(None, path, crops=1)
    assert (card.spec.crops, card.spec.segments, card.spec.twice) == (1, 8, True)
    with pytest.raises(UserError, match="a checkpoint of --model=tsm_r50_1x1x8, got"):
        checkpoint.card_of("tv_r3d_18", path)
    with pytest.raises(UserError, match="--clips: these weights take 8 segments, no others"):
        checkpoint.card_of(None, path, clips=16)


def test_a_prefix_is_known_by_its_folder(tmp_path):
    touched(tmp_path / "flow_imagenet/model.ckpt.index")
    prefix = str(tmp_path / "flow_imagenet/model.ckpt")
    card = checkpoint.card_of(None, prefix)
    assert card == dataclasses.replace(CARDS["flow_imagenet"], file=prefix)
    assert checkpoint.card_of(None, prefix, clips=4).spec.clips == 4
    demo = touched(tmp_path / "demo/rgb.weights.h5")
    assert checkpoint.card_of(None, demo).spec == DEMO_CARDS["demo_rgb"].spec


def test_other_names_are_tested_as_the_model_is(tmp_path):
    path = touched(tmp_path / "mine.pth")
    card = checkpoint.card_of("slowonly_r50_8x8x1", path)
    assert card.spec == zoo.default_spec("slowonly_r50_8x8x1")
    assert (card.name, card.file, card.num_classes, card.labels) == (path, path, 0, "")
    assert card.note == (
        f"{path}: not a published name; taken as slowonly_r50_8x8x1 is tested by default"
    )
    with pytest.raises(UserError, match="did you mean 'slowonly_r50_8x8x1'"):
        checkpoint.card_of("slowony_r50_8x8x1", path)
    with pytest.raises(UserError, match=f"--checkpoint: {tmp_path}/none.pth: no such checkpoint"):
        checkpoint.card_of("slowonly_r50_8x8x1", f"{tmp_path}/none.pth")


def test_weights_of_a_run_are_seen_by_its_config(tmp_path):
    path = run_of(tmp_path)
    card = checkpoint.card_of(None, path)
    assert (card.model, card.width, card.labels) == ("tsn_r50_5x1x3_flow", 0.5, "")
    assert card.spec == of_settings(RUN, short_side=256, fps=25.0)
    assert "records of the training are not there; taken as 25 fps, 256 px" in card.note
    known = checkpoint.card_of(None, path, short_side=40)
    assert (known.spec.resize, known.note) == (40, "")
    inner = touched(tmp_path / "step-00000010/model.weights.h5")  # a folder below
    assert checkpoint.card_of(None, inner).spec == card.spec
    given = checkpoint.card_of(None, path, RUN | {"data.size": 24}, clips=WHOLE)
    assert (given.spec.crop, given.spec.whole, given.spec.min_frames) == (24, True, 5)


def test_the_spec_that_a_run_states_counts(tmp_path):
    spec = InputSpec("flow", 5, fps=15.0, resize=40, crop=32, average="prob", range=(0.0, 1.0))
    card = checkpoint.card_of(None, run_of(tmp_path, input=spec.to_json()), short_side=99)
    assert card.spec == spec and card.note == ""
    later = spec.to_json() | {"tubes": 1}
    with pytest.raises(UserError, match="'tubes' is not known; it was written by a later version"):
        checkpoint.card_of(None, run_of(tmp_path, input=later))


def test_the_records_of_a_run_tell_side_rate_and_names(tmp_path):
    data = datasets.build(tmp_path / "data", datasets.videos(tmp_path / "videos"))
    card = checkpoint.card_of(None, run_of(tmp_path / "run", **{"data.records": str(data)}))
    assert (card.spec.resize, card.spec.fps, card.note) == (48, 25.0, "")
    assert card.class_names() == ("jump", "run", "walk")


def test_networks_of_fixed_segments_stay_so(tmp_path):
    keys = {"data.stream": "rgb", "data.frames": 1, "data.segments": 8}
    path = run_of(tmp_path, **keys, **{"model.name": "tsm_r50_1x1x8"})
    assert checkpoint.card_of(None, path).spec.fixed_segments
    with pytest.raises(UserError, match="these weights take 8 segments, no others"):
        checkpoint.card_of(None, path, clips=25)
    path = run_of(tmp_path, **keys, **{"model.name": "tsn_r50_1x1x8"})
    assert checkpoint.card_of(None, path, clips=25).spec.segments == 25


def test_runs_that_do_not_say_what_they_are(tmp_path):
    lone = touched(tmp_path / "a" / "b" / "lone.weights.h5")
    with pytest.raises(
        UserError, match="lone.weights.h5: which model. expected --model=NAME, or the run"
    ):
        checkpoint.card_of(None, lone)
    path = run_of(tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    short = {key: value for key, value in RUN.items() if key != "model.width"}
    for text, words in (
        ("{", "config.json: cannot be read"),
        ("[1]", "config.json: cannot be read"),
        (json.dumps(short), "config.json: cannot be read: .*model.width"),
        (json.dumps({"model.name": "x"}), "not the configuration of a training run: no data.stre"),
    ):
        config.write_text(text)
        with pytest.raises(UserError, match=words):
            checkpoint.card_of(None, path)


def test_a_run_may_name_its_classes(tmp_path):
    path = run_of(tmp_path, classes=["jump", "run"])
    assert checkpoint.card_of(None, path).class_names() == ("jump", "run")
    path = run_of(tmp_path, classes="jump")
    with pytest.raises(UserError, match="config.json: classes: expected a list of names, got 'ju"):
        checkpoint.card_of(None, path)


def test_class_names_of_cards(tmp_path):
    def card(labels):
        return Card("", "", "", InputSpec(), labels=labels)

    named, other, unknown = card(("a", "b")), card(("b", "a")), card("")
    assert checkpoint.class_names([], 2) == ("0", "1")
    assert checkpoint.class_names([unknown, named], 2) == ("a", "b")
    assert checkpoint.class_names([named, named], 2) == ("a", "b")
    assert checkpoint.class_names([named], 3) == ("0", "1", "2")  # of another head
    assert checkpoint.class_names([card("kinetics400")], 400) == class_names("kinetics400")
    with pytest.raises(UserError, match="different class names: they cannot be added"):
        checkpoint.class_names([named, other], 2)
    (tmp_path / "names.txt").write_text("x\ny\n")
    assert checkpoint.class_names([named, other], 2, tmp_path / "names.txt") == ("x", "y")
    with pytest.raises(UserError, match="names.txt: expected 3 names, .*, got 2"):
        checkpoint.class_names([named], 3, tmp_path / "names.txt")


def test_tensorflow_is_not_needed():

    code = "import sys, i3d.inference.checkpoint; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}: a folder; expected a file in it, as "):
        checkpoint.card_of(None, str(tmp_path))


def test_of_a_run_s_folder_the_best_or_last_weights_are_named(tmp_path):
    for step in (90, 10):
        touched(tmp_path / f"step-{step:08d}" / "model.weights.h5")
    (tmp_path / "step-00000100").mkdir()  # without weights
    for folder, inner in (
        (tmp_path, "step-00000090/model.weights.h5"),
        (tmp_path / "step-00000010", "model.weights.h5"),
        (tmp_path / "step-00000100", "best.weights.h5"),
    ):
        with pytest.raises(UserError, match=f"{folder}: a folder; .* as {folder}/{inner}$"):
            checkpoint.card_of(None, str(folder))
    best = run_of(tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path}: a folder; .* as {best}$"):
        checkpoint.card_of(None, str(tmp_path))


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("model", [None, "clip_b16"])
def test_a_folder_of_hugging_face_without_its_config(tmp_path, name, model):
    file = touched(tmp_path / name)
    told = f"--checkpoint: {tmp_path}: a folder with {name} and without config.json; expected both"
    with pytest.raises(UserError, match=f"^{told}, .* the path of the file, {file}$"):
        checkpoint.card_of(model, str(tmp_path))

"""`python -m i3d.predict` with labels in words, and with example videos, on a small ActionCLIP."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import i3d
from i3d import extract_features, predict
from i3d.inference import few_shot, zero_shot
from i3d.runtime.command import UserError
from tests.helpers import calls, clip_files, datasets
from tests.helpers.processes import ROOT
from tests.helpers.videos import texture_frames, write_folder, write_video

pytestmark = pytest.mark.long
pytest.importorskip("keras_hub", reason="the extra clip is not installed")

TINY = "--model=actionclip_tiny_8f"
LABELS = ["falling, then lying", "sitting down", "waving"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a.safetensors, labels.txt, a.mp4, and clips/ of two videos for each label."""
    folder = tmp_path_factory.mktemp("zero_shot")
    clip_files.write_actionclip(folder / "a.safetensors")
    (folder / "labels.txt").write_text("\n".join(LABELS))
    write_video(folder / "a.mp4", texture_frames(30, seed=7))
    write_folder(folder / "clips", LABELS, 2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def loaded(place):
    return i3d.load("actionclip_tiny_8f", place / "a.safetensors")


def predicted(place, *words, checkpoint="a.safetensors", model=TINY):
    """Returns {label: score} that the command writes of a.mp4, best first."""
    out = place / "out.json"
    out.unlink(missing_ok=True)
    line = ["predict", model, f"--checkpoint={place / checkpoint}", "--format=json", "--top_k=9"]
    assert predict.main([*line, f"--out={out}", *map(str, words), str(place / "a.mp4")]) == 0
    (entry,) = json.loads(out.read_text())
    return {row["label"]: row["score"] for row in entry["predictions"]}


def assert_same(found, expected):
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-5)


def refused(place, *words, **options):
    fixed = [f"--checkpoint={place}/a.safetensors", *words, str(place / "a.mp4")]
    return calls.refused(predict.main, "predict", *fixed, **options)


def test_a_file_of_labels_as_a_process(place, loaded):
    """The command of the documentation; Python gives the same scores."""
    line = ["-m", "i3d.predict", TINY, f"--checkpoint={place}/a.safetensors"]
    line += [f"--text={place}/labels.txt", str(place / "a.mp4")]
    command = [sys.executable, *line]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    best = loaded.predict(place / "a.mp4", text=place / "labels.txt")
    assert {name for name, _ in best} == set(LABELS)
    lines = [f"  {score:.4f}  {name}" for name, score in best]
    assert done.stdout.splitlines() == [str(place / "a.mp4"), *lines]


def test_labels_between_commas_camel_case_and_the_learned_scale(place, loaded):
    found = predicted(place, "--text=SittingDown, waving", "--split_camel_case", "--learned_scale")
    (net,) = loaded._networks
    text = zero_shot.text_features(loaded.model, ["Sitting Down", "waving"])
    head = zero_shot.TextHead(text, net.tower.scale(True))
    features = loaded.features(place / "a.mp4")
    scores = np.exp(np.asarray(head(features[None])))[0]
    expected = dict(zip(["SittingDown", "waving"], scores.tolist(), strict=True))
    best = sorted(expected, key=lambda name: -expected[name])
    assert_same(found, {name: expected[name] for name in best})


def test_plain_clip_as_a_file_and_as_a_folder(place):
    clip_files.write_clip(place / "clip.safetensors")
    clip_files.write_folder(place / "clip")
    text = f"--text={place}/labels.txt"
    one = predicted(place, text, checkpoint="clip.safetensors", model="--model=clip_tiny")
    other = predicted(place, text, checkpoint="clip", model="--model=clip_tiny")
    assert set(one) == set(LABELS)
    assert_same(one, other)


def test_examples_join_the_text(place, loaded, capsys):
    """Each class mean of two videos; the folders name the classes without --text."""
    found = predicted(place, f"--examples={place}/clips", "--examples_weight=0.5")
    errors = capsys.readouterr().err
    assert "the means of 6 examples of 3 classes are added to the text with weight 0.5" in errors
    features, numbers = [], []
    for number, label in enumerate(LABELS):
        for video in sorted((place / "clips" / label).iterdir()):
            features.append(loaded.features(video))
            numbers.append(number)
    few = loaded.of_text(LABELS).of_examples(np.stack(features), np.array(numbers), 0.5)
    expected = dict(few.predict(place / "a.mp4"))
    assert_same(found, expected)
    alone = dict(loaded.predict(place / "a.mp4", text=LABELS))
    assert max(abs(alone[name] - found[name]) for name in LABELS) > 1e-3
    (net,) = few._networks
    means = few_shot.class_means(np.stack(features), np.array(numbers), 3)
    text = zero_shot.text_features(loaded.model, LABELS)
    np.testing.assert_allclose(net.head.text, few_shot.unit(text + 0.5 * means), atol=1e-5)


def test_class_names_of_records_are_the_text(place, loaded, tmp_path, capsys):
    """Where neither --text nor the weights have any, as evaluate takes them."""
    recipe = dataclasses.replace(datasets.RECIPE, streams=("rgb",))
    datasets.build(tmp_path / "data", place / "clips", recipe, "test", 1)
    line = ["predict", TINY, f"--checkpoint={place}/a.safetensors", f"--records={tmp_path}/data"]
    assert predict.main([*line, "--format=csv", f"--out={tmp_path}/a.csv"]) == 0
    assert f"the text: the 3 class names of {tmp_path}/data\n" in capsys.readouterr().err
    assert all(f",{i}," in (tmp_path / "a.csv").read_text() for i in range(3))
    assert predict.main([*line, "--text=x,y", f"--out={tmp_path}/b.csv"]) == 0
    assert "the text: " not in capsys.readouterr().err
    datasets.build(tmp_path / "none", place / "clips" / LABELS[0], recipe, "test", 1)
    line[-1] = f"--records={tmp_path}/none"  # without classes
    assert "--text is needed" in calls.refused(predict.main, *line)


def test_text_of_another_network_s_classes(place, loaded):
    """The classes of the one with a head are the text of the other; log probabilities add."""
    checkpoints = ["demo_rgb", place / "a.safetensors"]
    both = i3d.load(["inception_i3d", "actionclip_tiny_8f"], checkpoints)
    demo = i3d.load("demo_rgb")
    assert both.class_names == demo.class_names
    video = str(place / "a.mp4")
    scores = dict(both.predict(video, top_k=13))
    parts = [dict(demo.predict(video, 13)), dict(loaded.predict(video, 13, demo.class_names))]
    product = {name: parts[0][name] * parts[1][name] for name in demo.class_names}
    total = sum(product.values())
    for name in demo.class_names:
        assert scores[name] == pytest.approx(product[name] / total, rel=1e-2, abs=1e-6)
    with pytest.raises(UserError, match="has no text tower"):
        both.predict(video, text=["a", "b"])
    with pytest.raises(UserError, match="leave --text out, and the other networks take its"):
        i3d.load(["inception_i3d", "actionclip_tiny_8f"], checkpoints, text=["a", "b"])


def test_features_need_no_text(place, loaded):
    out = place / "features.npz"
    line = ["extract_features", TINY, f"--checkpoint={place}/a.safetensors", f"--out={out}"]
    assert extract_features.main([*line, "--workers=1", str(place / "a.mp4")]) == 0
    with np.load(out) as found:
        np.testing.assert_allclose(
            found["features"][0], loaded.features(place / "a.mp4"), atol=1e-4
        )
    told = calls.refused(
        extract_features.main, *line[:3], f"--out={place}/x.npz", "--endpoint=Logits",
        str(place / "a.mp4"), status=1,
    )  # fmt: skip
    assert "the classes of actionclip_tiny_8f are texts: expected labels" in told


def test_bad_calls(place, tmp_path):
    (tmp_path / "none.txt").write_text("\n")
    (tmp_path / "four.txt").write_text("\n".join([*LABELS, "flying"]))
    (tmp_path / "empty" / "falling").mkdir(parents=True)
    labels, examples = f"--text={place}/labels.txt", f"--examples={place}/clips"
    for told, *words in (
        ("--text is needed: labels for actionclip_tiny_8f, a file with one per line, or between",),
        ("none.txt: expected one label per line, got an empty", f"--text={tmp_path}/none.txt"),
        ("expected the name of each class once, got 'a' twice", "--text=a,b,a"),
        ("got both: ", f"{labels},waving"),
        ("got it 2 times", "--text=a,b", labels),
        ("two labels or more, got 'falling' alone", "--text=falling"),
        ("labels 'Falling' and 'falling' are the same text", "--text=Falling,b,falling"),
        ("are texts; give them by --text=", f"--labels={place}/labels.txt"),
        ("--examples_weight goes with --examples=FOLDER", "--text=a,b", "--examples_weight=2"),
        ("--examples_weight", examples, "--examples_weight=-2"),
        ("expected a folder with a folder for each label", f"--examples={place}/a.mp4"),
        ("expected videos of a class", f"--examples={tmp_path}/empty"),
        ("1 of 4 classes have no examples, the first is 'flying'", examples,
         f"--text={tmp_path}/four.txt"),
    ):  # fmt: skip
        line = refused(place, TINY, *words)
        assert told in line, line
    line = refused(place, TINY, examples, "--text=sitting down,waving")
    assert "falling, then lying" in line  # a folder that no label names


def test_text_for_a_network_without_a_text_tower(place):
    """Told before anything is downloaded, and before TensorFlow is imported."""
    told = "inception_i3d has no text tower, its classes are those of its training; expected a"
    for words in (["--text=a,b"], [f"--examples={place}/clips"], ["--learned_scale"]):
        line = ["--checkpoint=rgb_scratch", *words, place / "a.mp4"]
        assert told in calls.refused(predict.main, "predict", *line)
    code = "import sys; from i3d import predict; predict.main(sys.argv[1:])\n"
    code += "assert not {'tensorflow', 'keras'} & sys.modules.keys()"
    line = [
        sys.executable,
        "-c",
        code,
        "predict",
        "--checkpoint=rgb_scratch",
        "--text=a,b",
        "a.mp4",
    ]
    done = subprocess.run([*line[:-1], place / "a.mp4"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and told in done.stderr, done.stderr


def test_a_label_that_is_too_long(place):
    """Of more than 75 words it is told before any work; of other texts only tokens tell."""
    for text, got, status in (("word " * 90, "got 92 or more", 2), ("qzx" * 40, "got ", 1)):
        line = refused(place, TINY, f"--text={text},waving", status=status)
        assert f"label '{text[:9]}" in line and "expected at most 77 tokens" in line
        assert got in line


def test_examples_that_cannot_be_read(place, tmp_path):
    write_folder(tmp_path, ["a", "b"], 1)
    (tmp_path / "b" / "bad.mp4").write_text("no video")
    line = refused(place, TINY, f"--examples={tmp_path}", status=1)
    assert f"--examples: {tmp_path}/b/bad.mp4" in line and "not a readable video" in line

"""Zero-shot tests on records: all classes, several splits, draws of half, a few videos a class."""

import dataclasses

import numpy as np
import pytest

from i3d import evaluate, fuse
from i3d.data import read, shots, stored
from i3d.evaluation import metrics, repeated, results
from i3d.inference import few_shot, zero_shot
from i3d.inference.average import softmax
from i3d.inference.load import load
from i3d.runtime.command import UserError
from tests.helpers import calls, clip_files, datasets
from tests.helpers.videos import write_folder

pytestmark = pytest.mark.long
pytest.importorskip("keras_hub", reason="the extra clip is not installed")

TINY = "actionclip_tiny_8f"
CLASSES = ["BenchPress", "jump", "run", "walk"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a.safetensors and data/: 12 videos to test, two more splits of them."""
    folder = tmp_path_factory.mktemp("records")
    clip_files.write_actionclip(folder / "a.safetensors")
    videos = write_folder(folder / "videos", CLASSES, 3)
    recipe = dataclasses.replace(datasets.RECIPE, streams=("rgb",), max_segment_s=10.0)
    for split in ("test", "test02"):
        datasets.build(folder / "data", videos, recipe, split, 2)
    datasets.build(folder / "data", write_folder(folder / "more", CLASSES, 3), recipe, "train", 1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def features(place):
    """{split: (ids, labels, float32 [N, 64])}, each video alone by the predictor, and the model."""
    loaded = load(TINY, place / "a.safetensors")
    found = {}
    data = read.opened(place / "data")
    for split in ("test", "train"):
        places = list(read.videos(data, [split]))
        labels = [next(read.segments(video)).label for video in places]
        rows = [loaded.features_of(_pieces(loaded, video)) for video in places]
        rows = [next(row)[1] for row in rows]
        found[split] = [video.id for video in places], np.array(labels), np.stack(rows)
    return found, loaded.model


def _pieces(loaded, video):
    from i3d.inference import decoding, views

    return decoding.decoded_here(views.of_task, views.tasks_of([loaded.spec], [video]))


def words(place, *more):
    fixed = [f"--model={TINY}", f"--checkpoint={place}/a.safetensors", f"--records={place}/data"]
    return ["evaluate", *fixed, *map(str, more)]


def probabilities(model, labels, rows, scale=100.0, change=lambda text: text):
    text = change(zero_shot.text_features(model, labels))
    return softmax(np.asarray(zero_shot.TextHead(text, scale)(rows)))


def test_class_names_of_the_records_are_the_text(place, features, capsys):
    (ids, labels, rows), model = features[0]["test"], features[1]
    out = place / "all.npz"
    assert evaluate.main(words(place, f"--out={out}")) == 0
    text = " ".join(capsys.readouterr().out.split())
    result = results.load(out)
    assert result.ids.tolist() == ids and result.class_names.tolist() == CLASSES
    assert result.average == "prob" and (result.labels == labels).all()
    expected = probabilities(model, CLASSES, rows)
    np.testing.assert_allclose(result.probabilities, expected, atol=2e-3)
    np.testing.assert_allclose(softmax(result.logits), result.probabilities, atol=1e-5)
    said = "4 labels as text (class names, as they are) in 16 templates, scale 100, chance 25.00 %"
    assert said in text and said in result.protocol
    hits = round(12 * metrics.top_k_accuracy(result.probabilities, labels))
    assert f", {hits} of 12 videos" in text


def test_other_labels_from_python_and_their_sum(place, features, capsys):
    (_, _, rows), model = features[0]["test"], features[1]
    labels = ["a person presses a weight", "jumping", "running", "walking"]
    result = evaluate(place / "a.safetensors", f"{place}/data", model=TINY, text=labels,
                      learned_scale=True)  # fmt: skip
    scale = zero_shot.TextTower(model).scale(learned=True)
    expected = probabilities(model, labels, rows, scale)
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-3)
    assert "as they are) in 16 templates, scale 14" in result.protocol
    assert result.class_names.tolist() == CLASSES  # so that it can be added to other tests
    results.save(place / "python.npz", result)
    both = place / "both.npz"
    evaluated = evaluate(place / "a.safetensors", f"{place}/data", model=TINY)
    results.save(place / "names.npz", evaluated)
    paths = [str(place / "python.npz"), str(place / "names.npz")]
    assert fuse.main(["fuse", *paths, f"--out={both}"]) == 0
    product = result.probabilities * evaluated.probabilities
    product /= product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(results.load(both).logits), product, atol=1e-5)


def test_several_splits(place, capsys):
    assert evaluate.main(words(place, "--split=test,test02")) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert " ".join(out.split()).count(f"; splits 'test', 'test02' of {place}/data test ") == 1
    one, two = (next(x for x in lines if x.startswith(name)) for name in ("test  ", "test02 "))
    assert one.split(None, 1)[1] == two.split(None, 1)[1]  # the same videos
    mean = next(line for line in lines if line.startswith("mean +- standard deviation of 2: "))
    top1 = one.split()[2]
    assert f"top-1 {float(top1):.2f} +- 0.00 %" in mean
    assert lines[-1] == "chance: top-1 25.00 %"


def test_half_of_the_classes(place, features):
    (ids, labels, rows), model = features[0]["test"], features[1]
    found = evaluate(place / "a.safetensors", f"{place}/data", model=TINY, half_classes=3, seed=5)
    assert found.names == ("draw 1", "draw 2", "draw 3") and found.chance == 0.5
    assert found.protocol.startswith("half of the classes, seed 5; ")
    assert found.protocol.endswith(f"; split 'test' of {place}/data")  # a draw has its own number
    for result, classes in zip(found.results, repeated.half_classes(4, 3, 5), strict=True):
        kept = np.isin(labels, classes)
        assert result.ids.tolist() == [id for id, own in zip(ids, kept, strict=True) if own]
        names = [CLASSES[i] for i in classes]
        assert result.class_names.tolist() == names
        expected = probabilities(model, names, rows[kept])
        np.testing.assert_allclose(softmax(result.logits), expected, atol=2e-3)
        assert [names[i] for i in result.labels] == [CLASSES[i] for i in labels[kept]]
        assert "half of the classes, seed 5; " in result.protocol
        assert "chance 50.00 %" in result.protocol and ", 6 videos" in result.protocol


def test_a_few_videos_of_each_class_join_the_text(place, features, capsys):
    (_, _, rows), model = features[0]["test"], features[1]
    _, labels, known = features[0]["train"]
    more = ("--shots=2", "--seed=1", "--shots_weight=0.5", f"--out={place}/few.npz")
    assert evaluate.main(words(place, *more)) == 0
    text = " ".join(capsys.readouterr().err.split())
    assert "few shots: 2 video(s) of each of 4 classes, 8 of 12" in text
    train = stored.opened(f"{place}/data", "train", ("rgb",))
    numbers = shots.chosen(stored.labels(train), 2, 1)
    means = few_shot.class_means(known[numbers], labels[numbers], 4)
    expected = probabilities(
        model, CLASSES, rows, change=lambda text: few_shot.added(text, means, 0.5)
    )
    result = results.load(place / "few.npz")
    np.testing.assert_allclose(result.probabilities, expected, atol=2e-3)
    assert np.abs(expected - probabilities(model, CLASSES, rows)).max() > 0.01
    said = "2 videos of each class of split 'train' (seed 1) added with weight 0.5"
    assert said in result.protocol


def test_bad_calls(place, tmp_path):
    for told, *more in (
        ("--text: expected 4 labels, one for each class of ", "--text=a,b,c"),
        ("labels 'a' and 'A' are the same text", "--text=a,b,A,c"),
        ("--half_classes goes with one --split", "--half_classes=2", "--split=test,test02"),
        ("--out holds one test", "--half_classes=2", f"--out={tmp_path}/a.npz"),
        ("--out holds one test", "--split=test", "--split=test02", f"--out={tmp_path}/a.npz"),
        ("--split: expected each split once", "--split=test,test"),
        ("--half_classes: expected one view a video, got 3", "--half_classes=2", "--crops=3"),
        ("--shots_split: expected another split than the tested", "--shots=1",
         "--shots_split=test"),
    ):  # fmt: skip
        line = calls.refused(evaluate.main, *words(place, *more))
        assert told in line, line
    for flag in ("--half_classes=2", "--shots=1", "--text=a,b,c,d"):
        line = calls.refused(
            evaluate.main, "evaluate", "--checkpoint=demo_rgb", f"--records={place}/data", flag
        )
        assert f"{flag.split('=')[0]}: inception_i3d has no text tower" in line
    with pytest.raises(UserError, match="--text: expected 4 labels"):
        evaluate(place / "a.safetensors", f"{place}/data", model=TINY, text="a,b")

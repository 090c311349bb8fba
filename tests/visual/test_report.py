"""The report on a test: what it says, and that it can be read by everyone."""

import dataclasses

import numpy as np
import pytest

from i3d.evaluation.calibration import calibration
from i3d.evaluation.results import Result
from i3d.runtime.command import UserError
from i3d.visual import charts
from i3d.visual.report import MOST_CLASSES, probabilities, report, without_folders
from tests.helpers.pages import NASTY, Page


def result(labels, logits, names=None, **fields):
    logits = np.array(logits, np.float32)
    names = names or [f"class {i}" for i in range(logits.shape[1])]
    ids = np.array([f"videos/{i}" for i in range(len(logits))])
    return Result(ids, np.array(labels), logits, np.array(names), "rgb", "a test", **fields)


def one():
    logits = [[5, 0, 0], [0, 5, 0], [4, 0, 0], [3, 0, 0], [0, 0, 9]]
    return result([0, 1, 1, 1, 2], logits, ["walk", NASTY, "jump"])


def several():
    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], bool)
    return result(labels, [[3, 2, -3], [2, -2, -3], [0, 0, 0]])


def test_what_it_says():
    page = Page(report(one()))
    text = " ".join(page.texts)
    for words in ("60.00 %", "3 of 5 videos", "77.78 %", "walk (2)", "2 of 3", "ECE "):
        assert words in text, words
    assert text.count(NASTY) >= 3 and not page.of("script")
    # The worst is the fourth or the third video: its class has the least probability.
    worst = text[text.index("Worst videos") : text.index("Best videos")]
    assert worst.index("videos/2") < worst.index("videos/3") < worst.index("videos/0")


@pytest.mark.parametrize(
    "line, shared",
    [
        ("i3d rgb, /home/me/my runs/rgb.h5: 1 x 2 px", "i3d rgb, rgb.h5: 1 x 2 px"),
        ("i3d rgb, demo_rgb: 1 x 2; split 'a' of /data/ucf/101, 3", None),
        ("a/b.h5: and/or (float32)", "a/b.h5: and/or (float32)"),
        ("0.5 x (/a/rgb.h5) + C:\\runs\\flow.h5", "0.5 x (rgb.h5) + flow.h5"),
    ],
)
def test_absolute_paths_are_not_shared(line, shared):
    shared = shared or "i3d rgb, demo_rgb: 1 x 2; split 'a' of 101, 3"
    assert without_folders(line) == shared
    assert f"{shared}." in Page(report(dataclasses.replace(one(), protocol=line))).texts


def test_the_calibration_curve_shows_how_many_predictions_a_bin_holds():
    found = calibration([0.1, 0.5, *[0.9] * 98], [False, True, *[True] * 90, *[False] * 8])
    page = Page(charts.reliability(found))
    radii = [float(disc["r"]) for disc in page.of("circle")]
    assert radii[0] == radii[1] < radii[2] / 2
    heights = [float(bar["height"]) for bar in page.of("rect")]
    assert heights == [1, 1, 75] and "98 at most" in page.of("svg")[0]["aria-label"]
    intervals = [line for line in page.of("line") if line.get("stroke-width") == "1.5"]
    lengths = [float(line["y1"]) - float(line["y2"]) for line in intervals]
    assert lengths[0] == lengths[1] > 200 > 50 > lengths[2]


def test_several_labels():
    text = " ".join(Page(report(several())).texts)
    assert "no confusion matrix" in text and "Confusion matrix" not in text
    for words in ("mAP of classes", "100.0 %", "average precision of its classes: 1.000"):
        assert words in text, words
    assert "videos/2" not in text  # it has no label


def test_probabilities():
    np.testing.assert_allclose(probabilities(one()).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(probabilities(several())[2], 0.5)
    kept = np.full((5, 3), 1 / 3, np.float32)
    mean = result([0, 1, 1, 1, 2], np.zeros((5, 3)), average="prob", probabilities=kept)
    assert (probabilities(mean) == kept).all()


@pytest.mark.parametrize("made", [one, several])
def test_it_is_self_contained_and_has_texts(made):
    page = Page(report(made(), lambda id: "data:image/jpeg;base64,AAAA", count=2))
    assert page.of("html") == [{"lang": "en"}] and len(page.of("h1")) == 1
    assert len(page.of("img")) == 4
    assert all(image["alt"] and image["src"].startswith("data:") for image in page.of("img"))
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in page.of("svg"))
    for _, attributes in page.tags:
        assert not {"href", "srcset", "onclick"} & attributes.keys()
        if "wide" in attributes.get("class", ""):
            assert attributes["tabindex"] == "0" and attributes["aria-label"]
    assert all(heading["scope"] in ("row", "col") for heading in page.of("th"))


def test_all_shades_have_the_contrast_of_level_aa():
    for share in np.linspace(0, 1, 101):
        background, text = charts.shade(share)
        colours = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (background, text)]
        assert charts.contrast(*colours) >= 4.5
    assert charts.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert charts.contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


def test_many_classes_are_a_picture():
    count = charts.LARGEST_TABLE + 1
    page = Page(report(result(np.arange(count), np.eye(count))))
    (image,) = page.of("img")
    assert f"{count} classes" in image["alt"]
    assert "No video was taken for another class." in page.texts


def test_too_many_classes_are_refused():
    with pytest.raises(UserError, match="at most 5,000 classes"):
        report(result([0], np.zeros((1, MOST_CLASSES + 1))))


def test_one_video_of_one_class():
    Page(report(result([0], [[1.0]])))

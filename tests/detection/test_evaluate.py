"""python -m i3d.evaluate --task=ava: from files of truth and detections."""

import json
import re

import pytest

from i3d import evaluate

TRUTH = """a,0902,0,0,0.5,0.5,1,0
a,0902,0,0,0.5,0.5,3,0
a,0902,0.5,0.5,1,1,3,1
a,0903,0,0,0.5,0.5,1,0
"""
FOUND = """a,0902,0,0,0.5,0.5,1,0.9
a,0902,0,0,0.5,0.5,3,0.8
a,0903,0,0,0.9,0.9,1,0.7
"""


@pytest.fixture
def files(tmp_path):
    """Writes the files of a test; returns the arguments that name them."""

    def write(truth=TRUTH, detections=FOUND, label_map="1: sit\n3: stand\n", excluded=None):
        texts = {
            "truth": truth, "detections": detections, "label_map": label_map, "excluded": excluded
        }  # fmt: skip
        paths = {name: tmp_path / f"{name}.csv" for name, text in texts.items() if text is not None}
        for name, path in paths.items():
            path.write_text(texts[name])
        return [f"--{name}={path}" for name, path in paths.items()]

    return write


def run(*arguments):
    return evaluate.main(["evaluate", "--task=ava", *arguments])


def test_figures_are_printed(files, capsys):
    assert run(*files()) == 0
    assert capsys.readouterr().out.splitlines() == [
        "frame mAP at an IoU of 0.5, protocol official: 2 key frames, 4 labels",
        "mAP                    50.00 %, mean over 2 of 2 classes",
        "",
        "Average precision of each class",
        "   1  sit     50.00 % of      2",
        "   3  stand   50.00 % of      2",
    ]


def test_groups_are_printed_of_avas_classes_alone(files, capsys):
    truth, found = (text.replace(",3,", ",64,") for text in (TRUTH, FOUND))
    assert run(*files(truth, found)[:2], "--label_map=ava") == 0
    out = capsys.readouterr().out
    assert "mean over 2 of 60 classes" in out
    assert "\nperson movement        50.00 %\nobject manipulation        - %\n" in out
    assert "\n   1  bend/bow (at the waist)" in out and "\n  80  watch (a person)" in out


def test_figures_are_written(files, tmp_path):
    out = tmp_path / "figures.json"
    arguments = [*files(), "--classes=3", f"--json={out}"]
    assert run(*arguments) == 0
    assert json.loads(out.read_text()) == {
        "protocol": "official",
        "iou": 0.5,
        "map": 0.5,
        "key_frames": 2,
        "classes": [{"id": 3, "name": "stand", "average_precision": 0.5, "truths": 2}],
    }
    assert run(*arguments) == 2  # is there already


def test_what_is_left_out_is_told(files, capsys):
    truth = f"{TRUTH}a,0902,-0.1,0,0.5,0.5,2,0\na,0903,0,0,0.5,0.5,1,0\n"
    assert run(*files(truth, f"{FOUND}b,0001,0,0,1,1,1,0.5\n"), "--protocol=pyslowfast") == 0
    notes = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()[:4]]
    assert notes == [
        "boxes clipped to the picture: 1",
        "rows that repeat another one: 1",
        "rows of ids that the label map does not have, left out: 1 (ids: 2)",
        "rows in key frames without truth, false by pyslowfast: 1",
    ]


def test_detections_of_ids_that_the_label_map_lacks_are_told(files, capsys):
    more = "".join(f"a,0902,0,0,1,1,{action},0.5\n" for action in (77, 2, 77))
    assert run(*files(detections=FOUND + more)) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.endswith("ids that the label map does not have, left out: 3 (ids: 2, 77)")


def test_one_of_each_is_not_plural(files, capsys):
    assert run(*files("a,1,0,0,1,1,1\n", "a,1,0,0,1,1,1,1\n")) == 0
    assert "official: 1 key frame, 1 label\n" in capsys.readouterr().out


def test_excluded_key_frames(files, capsys):
    arguments = files(excluded="a,0903\n")
    assert run(*arguments, "--protocol=pyslowfast") == 0
    assert "   1  sit    100.00 % of      1" in capsys.readouterr().out
    assert run(*arguments) == 2
    assert "the official protocol has none" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given, message",
    [
        ({"truth": ""}, "expected rows video,second,x1,y1,x2,y2,action,person, got none"),
        ({"detections": ""}, "expected rows .*score, got none"),
        ({"label_map": ""}, "expected a label map"),
        ({"truth": TRUTH + "a,0904,0,0,1,1,7,0\n"}, "truth.csv:5: .* end at 3, got 7"),
        ({"detections": FOUND + "a,0903,0,0,1,1,1\n"}, "detections.csv:4: .* got 7 cells"),
        ({"detections": "b,0902,0,0,1,1,1,1\n"}, "key frames of 'a', got those of 'b'"),
        ({"detections": "a,2,0,0,1,1,1,1\n"}, "such as 'a,0902', got none, but .* 'a,0002'"),
        (
            {"detections": FOUND.replace(",1,0", ",7,0").replace(",3,0", ",9,0")},
            "map, 1, 3, got 7, 9",
        ),
        ({"excluded": "a,0902,3\n"}, "the official protocol has none"),
    ],
)
def test_files_that_cannot_be_used(files, capsys, given, message):
    assert run(*files(**given)) == 2
    error = capsys.readouterr().err
    assert error.startswith("evaluate: ") and error.count("\n") == 1
    assert re.search(message, error), error


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "got neither"),
        (
            ["--truth=no.csv", "--detections=d.csv", "--label_map=ava"],
            "--truth: no.csv cannot be read",
        ),
        (["--checkpoint=demo_detection", "--boxes=hog"], "got hog; take --detector=hog"),
        (
            ["--classes=a,b", "--truth=t", "--detections=d", "--label_map=ava"],
            "--classes: expected",
        ),
        (["--protocol=coco"], "--protocol=coco"),
        (["--whole_video"], "whole_video"),
        (["val.csv"], "unexpected argument 'val.csv'"),
    ],
)
def test_wrong_calls(capsys, arguments, message):
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_classes_that_the_label_map_lacks(files, capsys):
    assert run(*files(), "--classes=2") == 2
    assert "--classes: 2 is not in the label map, whose ids are 1, 3" in capsys.readouterr().err


def test_classes_without_truth(files, capsys):
    assert run(*files(label_map="1: sit\n3: stand\n4: jump\n"), "--classes=4") == 2
    assert "expected truth of the ids 4, which are counted; got none" in capsys.readouterr().err


def test_another_task(capsys):
    assert evaluate.main(["evaluate", "--task=coco"]) == 2
    assert "--task=coco" in capsys.readouterr().err


def test_help_names_the_flags_of_the_task(capsys):
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert "--protocol" in out and "--whole_video" not in out
    assert evaluate.main(["evaluate", "--help"]) == 0
    assert "--task" in capsys.readouterr().out


def test_the_published_sample(annotations, capsys, tmp_path):
    """Its own boxes as detections: every class that is there is found."""
    truth = annotations / "ava/ava_sample_mmaction2_test.csv"
    rows = [line.split(",") for line in truth.read_text().split()]
    found = tmp_path / "found.csv"
    found.write_text("".join(",".join([*row[:7], "0.5"]) + "\n" for row in rows))
    label_map = annotations / "ava/label_map_mmaction2.txt"
    assert run(f"--truth={truth}", f"--detections={found}", f"--label_map={label_map}") == 0
    assert "mAP                   100.00 %" in capsys.readouterr().out

"""python -m i3d.evaluate --task=localization: from files of truth and of what was found."""

import json
import re

import pytest

from i3d import evaluate

TRUTH = {
    "database": {
        "a": {
            "subset": "validation",
            "duration": 40.0,
            "annotations": [
                {"segment": [0, 10], "label": "jump"},
                {"segment": [20, 30], "label": "run"},
            ],
        },
        "b": {
            "subset": "validation",
            "duration": 50.0,
            "annotations": [{"segment": [0, 10], "label": "jump"}],
        },
        "c": {"subset": "testing", "duration": 50.0, "annotations": []},
        "d": {
            "subset": "training",
            "duration": 50.0,
            "annotations": [{"segment": [0, 10], "label": "jump"}],
        },
    },
}
FOUND = """video,start_s,end_s,label,score
a,0,10,jump,0.9
a,20,28,run,0.8
a,0,4,jump,0.7
b,30,40,jump,0.6
"""


@pytest.fixture
def files(tmp_path):
    """Writes the files of a test; returns the arguments that name them."""

    def write(truth=TRUTH, found=FOUND):
        arguments = []
        for flag, content in (("truth", truth), ("found", found)):
            path = tmp_path / f"{flag}{'.json' if isinstance(content, dict) else '.csv'}"
            path.write_text(json.dumps(content) if isinstance(content, dict) else content)
            arguments.append(f"--{flag}={path}")
        return arguments

    return write


def run(*arguments):
    return evaluate.main(["evaluate", "--task=localization", *arguments])


def videos(**changed):
    """Returns a truth of which some videos have other fields."""
    database = {name: video | changed.get(name, {}) for name, video in TRUTH["database"].items()}
    return {"database": database}


def test_figures_are_printed(files, capsys):
    assert run(*files(), "--thresholds=0.5,0.9") == 0
    out = capsys.readouterr().out
    assert re.sub(r"(?m)^.*truth.json", "truth.json", out).splitlines() == [
        "truth.json: subset validation",
        "protocol official: 2 videos, 3 segments; found 4 segments",
        "",
        "tIoU          0.50    0.90    mean",
        "mAP          75.00   25.00   50.00",
        "Recall@1x    75.00   25.00   50.00",
        "Recall@5x    75.00   25.00   50.00",
        "",
        "average recall at tIoU 0.50 to 0.95, by the number of segments per video; labels left "
        "aside",
        "              AR@1    AR@5   AR@10   AR@50  AR@100     AUC",
        "             33.33   56.67   56.67   56.67   56.67   55.98",
        "",
        "at tIoU 0.50, of the best segments of each class, 10 for each truth",
        "                      segments        %   mAP without them",
        "right                        2    50.00",
        "double detection             0     0.00   +0.00",
        "wrong label                  0     0.00   +0.00",
        "localization error           1    25.00   +0.00",
        "confusion                    0     0.00   +0.00",
        "background                   1    25.00   +0.00",
        "",
        "truths of length      segments missed %",
        "0 to 3 s                     0        -",
        "3 to 6 s                     0        -",
        "6 to 12 s                    3    33.33",
        "12 to 18 s                   0        -",
        "18 s and more                0        -",
        "",
        "class   truths    0.50    0.90    mean",
        "jump         2   50.00   50.00   50.00",
        "run          1  100.00    0.00   50.00",
    ]


def test_figures_are_written(files, tmp_path):
    out = tmp_path / "figures.json"
    arguments = [*files(), "--protocol=actionformer", f"--json={out}"]
    assert run(*arguments) == 0
    found = json.loads(out.read_text())
    assert found["protocol"] == "actionformer" and found["tiou"][1] == pytest.approx(0.4)
    assert found["map"] == [0.75, 0.75, 0.75, 0.75, 0.75]
    assert found["recall"]["1x"] == [0.75] * 5
    assert found["classes"][0] == {
        "name": "jump", "average_precision": [0.5] * 5, "truths": 2,
    }  # fmt: skip
    assert found["average_recall"]["auc"] == pytest.approx(55.98333, abs=1e-4)
    assert found["diagnosis"]["kinds"]["background"] == {"segments": 1, "gain": 0}
    assert found["diagnosis"]["missed"][2] == {
        "above_s": 6.0, "up_to_s": 12.0, "truths": 3, "missed": 1,
    }  # fmt: skip
    assert run(*arguments) == 2  # is there already


def test_proposals_are_tested_for_recall_alone(files, capsys):
    found = re.sub(",(jump|run|label),", ",", FOUND)
    assert run(*files(found=found)) == 0
    out = capsys.readouterr().out
    assert "AUC" in out and "number of segments per video\n" in out
    assert "mAP" not in out and "class" not in out


@pytest.mark.long
def test_proposals_get_the_classes_of_their_videos(files, tmp_path, capsys):
    scores = {"results": {"v_a": [0.9, 0.4, 0.1], "b": [0.5, 0.2, 0.6]}}
    scores["class"] = ["jump", "run", "fly"]
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(scores))
    found = re.sub(",(jump|run|label),", ",", FOUND)
    arguments = [*files(found=found), f"--class_scores={path}"]
    assert run(*arguments, "--thresholds=0.5") == 0
    out = capsys.readouterr().out
    assert "left out of mAP: fly" in out and "55.98" in out  # the recall of proposals, each once
    assert re.search(r"\nrun +1 +50.00", out) and re.search(r"\njump +2 +50.00", out)
    assert run(*files(), f"--class_scores={path}") == 2
    assert "have labels" in capsys.readouterr().err
    assert run(*files(found=found.replace("0.9", "-2")), f"--class_scores={path}") == 2
    assert "scores of 0 or more" in capsys.readouterr().err
    files(found=found)
    path.write_text(json.dumps(scores | {"results": {"z": [1, 2, 3]}}))
    assert run(*arguments) == 2
    assert "expected scores of the classes of 'a', got those of 'z'" in capsys.readouterr().err
    path.write_text(json.dumps(scores | {"results": {"a": [1, 2]}}))
    assert run(*arguments) == 2
    assert "'a': expected 3 scores of 0 or more, got [1, 2]" in capsys.readouterr().err


def test_what_is_left_out_or_false_is_told(files, capsys):
    more = "z,0,10,jump,0.5\nd,0,10,jump,0.5\na,0,10,fly,0.5\nb,3,3,jump,0.1\n"
    assert run(*files(found=FOUND + more), "--subset=VALIDATION") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"(?:truth.json|found.csv): ", line)[-1] for line in lines[:5]] == [
        "subset VALIDATION",
        "in videos of other subsets, left out: 1 segment",
        "in videos that the truth does not have, false: 1 segment",
        "without a length, false: 1 segment",
        "1 segment of labels that the truth does not have, left out of mAP: fly",
    ]


def test_a_few_found_segments_outside_of_their_video_are_told(files, capsys):
    many = FOUND + "".join(f"a,{n / 10},{n / 10 + 1},jump,0.1\n" for n in range(395))
    assert run(*files(found=many + "a,-3,1,jump,0.5\n")) == 0
    assert "found.csv: segments outside of their video or without a length, kept: 1\n" in (
        capsys.readouterr().out
    )


def test_a_video_of_two_names_is_told(files, capsys):
    twice = {"database": TRUTH["database"] | {"v_a": TRUTH["database"]["a"]}}
    assert run(*files(truth=twice)) == 0
    assert "'a' and 'v_a' count as two videos (1 such pair)" in capsys.readouterr().out


def test_times_after_the_truth_are_told_where_no_video_has_a_duration(files, capsys):
    truth = "path,label,start_s,end_s\na,jump,0,10\na,run,20,30\nb,jump,0,10\n"
    found = re.sub(r",(\d+),(\d+),", r",\g<1>000,\g<2>001,", FOUND)
    assert run(*files(truth=truth, found=found)) == 0
    line = "2 of 4 segments begin after the last one of the truth in their video"
    assert line not in capsys.readouterr().out
    assert run(*files(truth=truth, found=found.replace(",0000,", ",3000,"))) == 0
    line = "4 of 4 segments begin after the last one of the truth in their video; are the times"
    assert line in capsys.readouterr().out


@pytest.mark.parametrize("name", ["v_{}", "videos/{}.mp4"])
def test_names_of_videos_may_differ_in_their_form(files, capsys, name):
    found = re.sub("(?m)^([ab]),", lambda match: f"{name.format(match[1])},", FOUND)
    assert run(*files(found=found)) == 0
    assert "names of videos are compared without" in capsys.readouterr().out


def test_a_few_segments_outside_of_their_video_are_kept(files, capsys):
    many = [{"segment": [n / 10, n / 10 + 1], "label": "jump"} for n in range(200)]
    many.append({"segment": [30, 60], "label": "jump"})
    assert run(*files(truth=videos(a={"annotations": many}))) == 0
    assert "outside of their video or without a length, kept: 1\n" in capsys.readouterr().out


LATE = {"annotations": [{"segment": [30, 60], "label": "jump"}]}


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"truth": videos(a=LATE)}, "video 'a', segment 1: .* video, which has 40 s, got 30 to 60"),
        ({"truth": {"database": {}}}, "truth.json: expected segments .* got none"),
        ({"found": "video,start_s,end_s,score\n"}, "found.csv: expected segments .* got none"),
        ({"found": FOUND.replace("0.9", "high")}, "found.csv:2: score: expected a number"),
        ({"found": FOUND.replace("\na,", "\nx,").replace("\nb,", "\ny,")}, "'a', got those of 'x'"),
        ({"found": re.sub(",(jump|run),", ",fly,", FOUND)}, "such as 'jump', got such as 'fly'"),
        ({"found": FOUND.replace("run", "")}, "1 segment of 4 without"),
        (
            {"found": re.sub(r",(\d+),(\d+),", r",\g<1>000,\g<2>001,", FOUND)},
            "got 4 segments that end after their video, such as 0 to 10001 in 'a' of 40 s",
        ),
        (
            {"found": FOUND + "a,1,400,jump,0.5\n"},
            "found.csv: video 'a', segment 4: expected an end in the video, which has 40 s, got 1 "
            r"to 400 s \(1 of 5 segments; times are seconds\)",
        ),
        (
            {"found": FOUND + "a,9,3,jump,0.5\n"},
            "found.csv: video 'a', segment 4: expected an end after the start, got 9 to 3 s",
        ),
        (
            {"found": FOUND + "z,-3,1,jump,0.5\n"},
            "'z', segment 1: expected a start of 0 s",
        ),
        ({"found": FOUND + "d,0,10,jump,0.5\n"}, "--subset is needed: .* training, validation"),
    ],
)
def test_one_line_tells_what_is_wrong(files, capsys, changed, message):
    assert run(*files(**changed)) == 2
    error = capsys.readouterr().err
    assert re.search(message, error) and error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--subset=test"], "got 'test', which is not there"),
        (["--subset=testing"], "got 'testing', which has no segments"),
        (["--subset=training"], "expected segments in videos of 'training', got none"),
        (["--thresholds=0.5,2"], "--thresholds: expected thumos, activitynet, or numbers"),
        (["--thresholds="], "--thresholds: expected"),
        (["--protocol=voc"], "voc"),
        (["--checkpoint=x.pth"], "got both"),
        (["--features=rows"], "--features goes with --checkpoint alone"),
        (["--found_out=x.csv"], "--found_out goes with --checkpoint alone"),
        (["more"], "more"),
    ],
)
def test_wrong_calls(files, capsys, arguments, message):
    assert run(*files(), *arguments) == 2
    assert message in capsys.readouterr().err


def test_files_of_another_kind_are_told(files, tmp_path, capsys):
    truth, found = files()
    text = tmp_path / "t.txt"
    text.write_text("a jump 0 10\n")
    csv = "expected JSON, or CSV in a file whose name ends in .csv, got neither"
    scores = r'scores.csv: expected JSON, {"results": {video: \[score, ...\]}, "class": '
    (tmp_path / "scores.csv").write_text("a,b\n1,2\n")
    names = {name: video | {"subset": ""} for name, video in TRUTH["database"].items()}
    wrong = {
        (f"--truth={text}", found): f"t.txt: {csv}",
        (truth, f"--found={text}"): f"t.txt: {csv}",
        (truth, found, f"--class_scores={tmp_path / 'scores.csv'}"): scores,
    }
    for words, message in wrong.items():
        assert run(*words) == 2
        error = capsys.readouterr().err
        assert re.search(message, error) and error.count("\n") == 1, error
    assert run(*files(truth={"database": names}), "--subset=test") == 2
    line = "truth.json names no subsets; leave --subset out, to test on all of its videos"
    assert line in capsys.readouterr().err


def test_a_truth_and_a_source_are_needed(files, capsys):
    truth, found = files()
    assert run(found) == 2 and "--truth is needed" in capsys.readouterr().err
    assert run(truth) == 2 and "got neither" in capsys.readouterr().err
    assert run("--truth=none.json", found) == 2
    assert "--truth: none.json cannot be read" in capsys.readouterr().err


def test_help_tells_of_the_task(capsys):
    assert evaluate.main(["evaluate", "--help"]) == 0
    assert "--task=localization" in capsys.readouterr().out
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert "mAP at thresholds of the tIoU" in out and "--found" in out

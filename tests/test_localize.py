"""`python -m i3d.localize` and i3d.localize, with small networks of random weights."""

import json

import cv2
import keras
import numpy as np
import pytest

import i3d
from i3d import localize, models
from i3d.data.feature_spec import FeatureSpec
from i3d.localization import annotations
from i3d.runtime.command import UserError
from tests.helpers import calls, runs, video_files, videos

NAMES = ("walk", "jump high")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_model):
    """A classifier, a localizer of its features, a video of 2.4 s and what is true of it."""
    folder = tmp_path_factory.mktemp("localize")
    videos.write_video(folder / "my.mp4", videos.texture_frames(60, 48, 64))
    (folder / "truth.csv").write_text("path,label,start_s,end_s\nvideos/my.mp4,walk,0.5,1.5\n")
    classifier = runs.write(folder / "classifier")
    write_localizer(folder / "localizer", str(classifier))
    return folder


def write_localizer(folder, *extractors, **fields):
    """Writes best.weights.h5 and config.json of a small ActionFormer into a new folder."""
    folder.mkdir()
    keras.utils.set_random_seed(0)
    spec = FeatureSpec(**{"channels": 6, "window": 8, "stride": 4, "fps": 25.0} | fields)
    model = models.build("actionformer_w7", num_classes=2, channels=spec.channels, width=0.02)
    model.save_weights(folder / "best.weights.h5")
    settings = {"model.name": "actionformer_w7", "model.width": 0.02, "classes": NAMES}
    settings |= {"input": spec.to_json() | {"extractors": extractors}, "segments.longest": 192}
    (folder / "config.json").write_text(json.dumps(settings))


def words(folder, *more, by="classifier", video="my.mp4"):
    flag = "checkpoint" if by.startswith("localizer") else "classifier"
    return [f"--{flag}={folder / by / 'best.weights.h5'}", *map(str, more), str(folder / video)]


def called(*given):
    return localize.main(["localize", *given])


def refused(*given, status=2):
    return calls.refused(localize.main, "localize", *given, status=status)


def test_windows_of_a_classifier_are_grouped(folder, tmp_path, capsys):
    flags = f"--timeline={tmp_path / 'my.png'}", f"--truth={folder / 'truth.csv'}"
    flags = *flags, "--threshold=0", "--window_s=0.4"
    assert called(*words(folder, *flags)) == 0
    printed, told = capsys.readouterr()
    lines = printed.splitlines()
    assert lines[0].startswith("my: 2.4 s, ") and lines[1].startswith("windows ")
    assert len(lines) > 2 and any(name in lines[2] for name in runs.NAMES)
    assert " s to " in lines[2] and "tiny" in told
    picture = cv2.imread(str(tmp_path / "my.png"))
    assert picture.shape[1] == 1200 and picture.min() == 0 or picture.std() > 10


def test_from_python_scores_are_those_of_the_windows(folder):
    """Windows of 4 frames without a gap: what Predictor says of each by itself."""
    checkpoint = folder / "classifier/best.weights.h5"
    found = i3d.localize(
        folder / "my.mp4", classifier=checkpoint, window_s=0.16, stride_s=0.16, threshold=0
    )
    assert found.video == "my" and found.duration_s == pytest.approx(2.4)
    assert found.names == runs.NAMES and found.scores.scores.shape == (15, 4)
    predictor = i3d.load(checkpoint, clips=1)
    expected = predictor.timeline(folder / "my.mp4", window_s=0.16)
    np.testing.assert_allclose(found.scores.edges_s[:-1], expected.start_s, atol=1e-6)
    np.testing.assert_allclose(found.scores.scores, expected.probabilities, atol=1e-5)
    scores = [one.score for one in found.segments]
    assert scores == sorted(scores, reverse=True)
    assert set(found.seconds) == {"windows", "segments"}
    assert "my: " in found._repr_html_()
    assert repr(found).startswith("<Localized my: 2.4 s, ") and len(repr(found)) < 500


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_localizer_on_features_of_its_networks(form, folder, tmp_path, capsys):
    out = tmp_path / f"found.{form}"
    flags = f"--format={form}", f"--out={out}", "--threshold=0", "--top=5"
    assert called(*words(folder, *flags, by="localizer")) == 0
    assert "features " in capsys.readouterr().out
    found = annotations.read_found(out)
    assert len(found) == 5 and {one.video for one in found} == {"my"}
    assert {one.label for one in found} <= {*NAMES}
    assert all(0 <= one.start_s < one.end_s <= 2.4 for one in found)


def test_several_videos_one_of_which_is_damaged(folder, tmp_path, capsys):
    data = (folder / "my.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[:400] + b"\0" * 4000 + data[4400:])
    (tmp_path / "other.mp4").write_bytes(data)
    flags = "--format=json", "--threshold=1", str(tmp_path / "other.mp4")
    assert called(*words(folder, *flags)) == 0
    printed, told = capsys.readouterr()
    assert json.loads(printed)["results"] == {"other": [], "my": []}
    assert "no score is 1 or more; the best is" in told
    status = called(*words(folder, *flags, str(tmp_path / "cut.mp4")))
    assert status in (1, 2) and "cut.mp4" in capsys.readouterr().err


def test_a_video_shorter_than_a_window(folder, tmp_path, capsys):
    video_files.write(folder / "short.mp4", video_files.numbered(3))
    video_files.write(folder / "one.mp4", video_files.numbered(1))
    for video, got in (("short.mp4", "0.12 s"), ("one.mp4", "0.04 s")):
        line = refused(*words(folder, by="localizer", video=video))  # nothing on looping before it
        assert "expected 0.32 s or more, a window of 8 frames at 25 per second, got " in line
        assert line.rstrip().endswith(got)
    assert called(*words(folder, video="one.mp4")) == 0  # a classifier sees it looped
    assert "one: 0.0 s" in (printed := capsys.readouterr().out)
    assert "a single window covers the video" in printed


@pytest.mark.parametrize("by", ["classifier", "localizer"])
def test_labels_of_the_truth_that_are_no_classes_are_told(by, folder, tmp_path, capsys):
    rows = "my.mp4,walk,0.5,1.5\nmy.mp4,swim,1.5,1.8\nmy.mp4,Walk,1.8,2\nb.mp4,sit,0,1\n"
    (tmp_path / "truth.csv").write_text(f"path,label,start_s,end_s\n{rows}")
    flags = f"--timeline={tmp_path / 'my.png'}", f"--truth={tmp_path / 'truth.csv'}"
    assert called(*words(folder, *flags, by=by)) == 0
    line = "truth.csv: no class of the network is called 'Walk' and 1 more"
    assert line in capsys.readouterr().err


def test_what_is_done_is_told(folder, capsys):
    assert called(*words(folder, "--window_s=0.4", "--stride_s=0.2", "--threshold=1")) == 0
    told = capsys.readouterr().err
    assert "4 frames of each window x 1 crop(s) of 32 px" in told
    assert "windows of 10 frames (0.4 s), every 5 frames (0.2 s), at 25 per second" in told
    assert called(*words(folder, "--threshold=1", by="localizer")) == 0
    told = capsys.readouterr().err
    assert "window 8, stride 4, 25 fps" in told and "4 frames of each window x " in told
    assert "view(s)" not in told and "whole video" not in told


def test_the_format_is_as_the_name_of_the_file_ends(folder, tmp_path):
    for name, begin in (("a.csv", "video,start_s"), ("a.json", "{"), ("a.txt", "")):
        assert called(*words(folder, f"--out={tmp_path / name}", "--threshold=1")) == 0
        assert (tmp_path / name).read_text().startswith(begin)
    assert refused(*words(folder, f"--out={tmp_path / 'b.csv'}", "--format=json"))


def test_classifiers_of_other_numbers_of_classes_are_refused_before_the_work(folder):
    other = runs.write(folder / "other", names=NAMES)
    line = refused(*words(folder, f"--classifier={other}"))
    assert "expected checkpoints of the same classes, got numbers of classes: 4 of " in line


def test_wrong_calls(folder, tmp_path):
    (tmp_path / "there.png").write_text("")
    (tmp_path / "lone.weights.h5").write_text("")
    cv2.imwrite(str(folder / "photo.png"), np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "other.csv").write_text("path,label,start_s,end_s\nanother.mp4,walk,0.5,1.5\n")
    write_localizer(folder / "localizer_unknown")
    classifier, localizer = (folder / by / "best.weights.h5" for by in ("classifier", "localizer"))
    for given, expected in (
        ([], "expected a video, got none"),
        (words(folder, video="gone.mp4"), "gone.mp4"),
        (words(folder, video="photo.png"), "expected a video file, got an image"),
        (words(folder, video="."), "expected a video file, got a folder"),
        (words(folder, video="truth.csv"), "truth.csv"),
        (words(folder, f"--timeline={tmp_path}/there.png"), "is there already"),
        (words(folder, f"--timeline={tmp_path}/a.jpg"), "expected a name that ends in .png"),
        (words(folder, f"--out={tmp_path}/a.png"), "expected a name that ends in .json, .csv or"),
        (words(folder, f"--out={tmp_path}/a.csv", "--format=text"), "ends in .txt"),
        (
            words(folder, "--window_s=0.4", "--stride_s=0.5"),
            "--stride_s: expected at most 0.4",
        ),
        (words(folder, "--window_s=0.04"), "--window_s=0.04: "),
        (["--classifier=gone", str(folder / "my.mp4")], "--classifier: gone: no such checkpoint"),
        ([f"--checkpoint={tmp_path}/other.csv", str(folder / "my.mp4")], "other.csv: expected a "),
        (words(folder, f"--out={tmp_path}/there.png/a.txt"), "cannot be made"),
        (words(folder, "--threshold=1.5"), "--threshold: expected a number from 0 to 1"),
        (words(folder, "--window_s=0"), "--window_s: expected a number from 0.01"),
        (words(folder, "--top=0"), "top"),
        (words(folder, "--format=xml"), "format"),
        (words(folder, f"--truth={tmp_path}/other.csv"), "expected the video 'my'"),
        (words(folder, f"--truth={tmp_path}/gone.csv"), "no such file"),
        (words(folder, str(folder / "my.mp4")), "different names, got 'my' 2 times"),
        (words(folder, "--text=walking,running"), "--text: tiny has no text tower"),
        (words(folder, "--stride_s=1", by="localizer"), "--stride_s is for a --classifier"),
        ([f"--checkpoint={classifier}", str(folder / "my.mp4")], "give it as --classifier"),
        ([f"--classifier={localizer}", str(folder / "my.mp4")], "give it as --checkpoint"),
        (words(folder, f"--classifier={classifier}", by="localizer"), "got both"),
        (words(folder, by="localizer_unknown"), "which networks made its features"),
        ([f"--checkpoint={tmp_path}/lone.weights.h5", str(folder / "my.mp4")], "which model?"),
        (["--model=bmn", str(folder / "my.mp4")], "--checkpoint or --classifier too"),
        (["--demo", str(folder / "my.mp4")], "--demo draws its own video"),
        (["--demo", "--format=csv"], "leave out --format"),
        (["--demo", f"--out={tmp_path}"], "is there already"),
    ):
        assert expected in refused(*given), given
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lone.weights.h5", "other.csv", "there.png",
    ]  # fmt: skip


def test_features_of_another_width_than_the_localizer_takes(folder):
    write_localizer(
        folder / "localizer_wide", str(folder / "classifier/best.weights.h5"), channels=7
    )
    line = refused(*words(folder, by="localizer_wide"), status=1)
    assert "expected networks of 7 features, got 6" in line


def test_mistakes_from_python_are_user_errors(folder):
    with pytest.raises(UserError, match="^threshold: expected a number from 0 to 1, got nan"):
        i3d.localize(folder / "my.mp4", threshold=float("nan"))
    with pytest.raises(UserError, match="gone.mp4"):
        i3d.localize("gone.mp4", classifier=folder / "classifier/best.weights.h5")

"""Rows of features for localization: the command as users run it."""

import re
import signal
import sys

import numpy as np
import pytest

from i3d import extract_features
from i3d.data.feature_files import FeatureFiles
from i3d.data.feature_spec import FeatureSpec
from i3d.features import read
from i3d.features.pooled import pooled
from i3d.inference import checkpoint, dense
from tests.helpers import calls, datasets, training
from tests.helpers.dense_networks import i3d_card, tsn_card, write_run
from tests.helpers.points import Point
from tests.helpers.videos import texture_frames, write_video

COMMAND = [sys.executable, "-m", "i3d.extract_features"]
LENGTHS = {"a": 41, "b": 16, "c": 30}  # frames


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with videos and checkpoints of training runs."""
    folder = tmp_path_factory.mktemp("windows")
    for name, count in LENGTHS.items():
        write_video(folder / f"v/{name}.mp4", texture_frames(count, 48, 64), rate=30)
    for number, (name, card) in enumerate(
        {"rgb": i3d_card(), "flow": i3d_card("flow"), "tsn": tsn_card()}.items()
    ):
        write_run(folder / name, card, seed=number)
    return folder


def flags(files, *names):
    return [f"--checkpoint={files / name / 'best.weights.h5'}" for name in names]


def videos(files):
    return [str(files / f"v/{name}.mp4") for name in LENGTHS]


def extract(*words):
    return extract_features.main(["extract_features", *map(str, words)])


def dense_rows(files, *names, **options):
    cards = [checkpoint.card_of(None, str(files / name / "best.weights.h5")) for name in names]
    return dense.load(cards, **options)


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-4 * np.std(expected))


@pytest.mark.long
def test_thumos_features_of_two_streams(files, tmp_path, capsys):
    words = *videos(files), "--window=16", "--stride=4", "--fps=0", *flags(files, "rgb", "flow")
    assert extract(*words, f"--out={tmp_path / 'rows'}") == 0
    assert "windows of 16 frames, stride 4, at the video's own rate" in capsys.readouterr().err
    expected = dense_rows(files, "rgb", "flow", window=16, stride=4)
    spec = FeatureSpec(256, 16, 4)
    for name, count in LENGTHS.items():
        with np.load(tmp_path / f"rows/{name}.npz") as found:
            assert found["features"].shape == ((count - 16) // 4 + 1, 256)
            assert found["features"].dtype == np.float32
            close(found["features"], expected.of_video(str(files / f"v/{name}.mp4")).features)
            assert found["fps"] == 30 and found["window"] == 16 and found["stride"] == 4
            assert found["extractors"].tolist() == [f.partition("=")[2] for f in words[-2:]]
            assert found["start_s"].tolist() == pytest.approx(
                [4 * row / 30 for row in range((count - 16) // 4 + 1)]
            )
    rows, grid = FeatureFiles(tmp_path / "rows", spec).read("a.mp4")
    assert len(rows) == 7 and grid.seconds(0) == pytest.approx(8 / 30)
    assert len(read.read(tmp_path / "rows").features) == 7 + 1 + 4
    assert extract(*words, f"--out={tmp_path / 'rows'}") == 0
    assert "complete, 3 videos; nothing to do" in capsys.readouterr().err


@pytest.mark.long
def test_class_scores_pooled_to_a_csv(files, tmp_path, capsys):
    words = *videos(files), "--preset=cuhk_tsn", *flags(files, "tsn")
    assert extract(*words, f"--out={tmp_path / 'csv'}") == 0
    lines = (tmp_path / "csv/a.csv").read_text().splitlines()
    assert lines[0] == "f0,f1,f2,f3,f4" and len(lines) == 101
    assert re.fullmatch(r"(-?\d+\.\d{4},){4}-?\d+\.\d{4}", lines[1])
    found = np.loadtxt(lines[1:], delimiter=",")
    preset = extract_features.PRESETS["cuhk_tsn"]
    card = checkpoint.card_of(None, str(files / "tsn/best.weights.h5"))
    (card,) = preset.cards([card], None, "cuhk_tsn")
    assert card.spec.crop == card.spec.resize == 40
    rows = dense.load([card], 16, 16, endpoint="Logits").of_video(videos(files)[0]).features
    np.testing.assert_allclose(found, pooled(rows, 100), atol=6e-5)
    capsys.readouterr()
    assert extract(*words, f"--out={tmp_path / 'csv'}") == 0
    assert "nothing to do" in capsys.readouterr().err
    rows, _ = FeatureFiles(tmp_path / "csv", FeatureSpec(5, 16, 16, rows=100)).read(
        "a", duration_s=41 / 30
    )
    assert rows.shape == (100, 5)


@pytest.mark.long
def test_ten_crops_kept_apart(files, tmp_path):
    short = write_video(tmp_path / "short.mp4", texture_frames(5, 48, 64), rate=25)
    words = *videos(files)[:2], short, "--preset=ten_crop", *flags(files, "rgb")
    assert extract(*words, f"--out={tmp_path / 'ten.npz'}") == 0
    with np.load(tmp_path / "ten.npz") as found:
        assert found["features"].shape == (4, 10, 128) and found["views"].tolist() == [10] * 4
        assert np.ptp(found["features"], axis=1).max() > 0
        names = [name.rsplit("/", 1)[-1] for name in found["ids"].tolist()]
        assert names == ["a.mp4", "a.mp4", "b.mp4", "short.mp4"]
        assert found["fps"].tolist() == [30, 30, 30, 25] and found["extractors"].shape == (1,)
        assert found["end_s"][-1] == pytest.approx(0.2)


@pytest.mark.long
def test_vectors_of_two_checkpoints(files, tmp_path):
    for name, both in {"flow": ["flow"], "both": ["rgb", "flow"]}.items():
        assert extract(*videos(files), f"--out={tmp_path / name}.npz", *flags(files, *both)) == 0
    found = {name: read.read(tmp_path / f"{name}.npz") for name in ("flow", "both")}
    assert found["both"].features.shape == (3, 256) and found["both"].ids == found["flow"].ids
    close(found["both"].features[:, 128:], found["flow"].features)


@pytest.mark.long
def test_stored_videos(files, tmp_path):
    data = datasets.build(tmp_path / "data", datasets.videos(tmp_path / "videos"))
    words = f"--records={data}", "--preset=activitynet_i3d", *flags(files, "rgb", "flow")
    assert extract(*words, f"--out={tmp_path / 'rows'}") == 0
    found = sorted(str(p.relative_to(tmp_path / "rows")) for p in tmp_path.glob("rows/*/*.npz"))
    assert len(found) == 9 and found[0] == "jump/jump0.npz"
    with np.load(tmp_path / "rows" / found[0]) as arrays:
        assert arrays["features"].shape == (1, 256) and arrays["fps"] == 25
    words = *words, "--split=test", f"--out={tmp_path / 'b'}"
    line = calls.refused(extract_features.main, "extract_features", *words)
    assert "has no split 'test'; expected one of train" in line


@pytest.mark.long
def test_a_killed_run_goes_on(files, tmp_path, capsys):
    words = *videos(files), "--preset=thumos_i3d", *flags(files, "rgb")
    words = *words, f"--out={tmp_path / 'rows'}", "--workers=1"
    point = Point(tmp_path, tmp_path / "log", "rename .*work/0.*npz", 2, signal.SIGKILL)
    process = training.start([*COMMAND, *words], **point.environment())
    point.wait(process)
    errors = process.communicate()[1]
    assert "leaked" not in errors and "Traceback" not in errors
    work = tmp_path / "rows.work"
    assert not (tmp_path / "rows").exists() and len(list(work.glob("0*.npz"))) == 1
    assert list(work.glob("*.rows.*.partial"))
    assert extract(*words) == 0
    assert "1 of 3 videos are done" in capsys.readouterr().err
    assert not work.exists()
    for name, count in LENGTHS.items():
        with np.load(tmp_path / f"rows/{name}.npz") as found:
            assert found["features"].shape == ((count - 16) // 4 + 1, 128)


@pytest.mark.long
def test_a_bad_video_is_recorded(files, tmp_path, capsys):
    (tmp_path / "bad.mp4").write_text("no video")
    words = videos(files)[1], tmp_path / "bad.mp4", "--window=16", *flags(files, "rgb")
    assert extract(*words, f"--out={tmp_path / 'rows'}") == 1
    assert "1 of 2 videos gave no features" in capsys.readouterr().err.splitlines()[-1]
    assert len(list((tmp_path / "rows").rglob("*.npz"))) == 1
    assert not list(tmp_path.glob("rows.work/*.partial"))


def test_wrong_calls_are_one_clear_line(files, tmp_path):
    rgb, both = flags(files, "rgb"), flags(files, "rgb", "flow")
    out, thumos = f"--out={tmp_path / 'out'}", "--preset=thumos_i3d"
    wrong = {
        (thumos, *flags(files, "flow", "rgb")): "expected RGB first, then flow, got flow first",
        (thumos, *rgb, *rgb): "is given twice",
        (thumos, *flags(files, "rgb", "tsn")): "expected one of RGB and one of flow, got rgb and",
        (thumos, *both, *flags(files, "tsn")): "got rgb and flow and rgb",
        (thumos, *rgb, "--stride=8"): "--preset=thumos_i3d decides this .*leave --stride out",
        (thumos, *rgb, "--endpoint=Logits"): "leave --endpoint out",
        (thumos, *rgb, "--window_s=2"): "leave --window_s out",
        (thumos, *rgb, "--crops=3"): "--crops: --preset=thumos_i3d takes 1 or 10, got 3",
        (thumos, *flags(files, "tsn")): "expected a model inception_i3d.*, .* is of tsn_r50_1x1x3",
        ("--preset=cuhk_tsn", *rgb): "expected a model tsn_.*, .* is of inception_i3d",
        ("--preset=ten_crop", *flags(files, "tsn")): "expected a model of clips",
        ("--preset=thumos", *rgb): "value should be one of",
        ("--window=4", *rgb): "--window: .* needs at least 9 frames, got 4",
        ("--window=0", *rgb): "window.*greater or equal|window.*integer",
        ("--window=16", "--window_s=1", *rgb): "expected --window in frames or --window_s",
        ("--window=16", "--clips=2", *rgb): "--clips goes with --window_s",
        ("--window=16", "--fps=-1", *rgb): "--fps: expected a number from 0 to 1000, got -1",
        ("--window=16", "--fps=nan", *rgb): "--fps: expected a number from 0 to 1000, got nan",
        ("--stride=4", *rgb): "--stride needs --window",
        ("--fps=4", *rgb): "--fps needs --window",
        ("--split=test", *rgb): "--split goes with --records",
        ("--records=none", *rgb): "expected --records=FOLDER, video files or .*, got several",
    }
    for words, message in wrong.items():
        line = calls.refused(
            extract_features.main, "extract_features", videos(files)[0], out, *words
        )
        assert re.search(message, line), (words, line)
    csv = "--preset=cuhk_tsn", *flags(files, "tsn"), f"--out={tmp_path / 'a.npz'}"
    line = calls.refused(extract_features.main, "extract_features", videos(files)[0], *csv)
    assert "writes a CSV file for each video: expected a folder, got 'a.npz'" in line
    line = calls.refused(extract_features.main, "extract_features", out, *rgb, "--records=none")
    assert "none: expected a data set" in line
    assert not list(tmp_path.iterdir())

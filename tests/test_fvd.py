"""python -m i3d.fvd: folders, records, arrays and statistics compared; the genuine network."""

import functools
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from i3d import fvd
from i3d.evaluation.frechet import comparison
from i3d.evaluation.frechet.features import CHECKPOINT, Extractor
from i3d.evaluation.frechet.statistics import Statistics, distance
from tests.helpers import datasets, video_files
from tests.helpers.calls import refused
from tests.helpers.processes import ROOT

pytestmark = pytest.mark.long
LOGITS = np.load(ROOT / "tests/golden/fvd_logits128.npz")
DEMO = "--checkpoint=demo_rgb"


def clips(count=3, frames=12, seed=0, side=24):
    return np.random.default_rng(seed).integers(0, 256, (count, frames, side, side, 3), np.uint8)


@pytest.fixture(scope="module")
def network():
    return Extractor("demo_rgb")


@pytest.fixture
def sides(tmp_path):
    paths = [tmp_path / "real.npy", tmp_path / "fake.npy"]
    for seed, path in enumerate(paths):
        np.save(path, clips(seed=seed))
    return paths


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch):
    """Networks are loaded once for all tests."""
    monkeypatch.setattr(comparison, "Extractor", functools.cache(Extractor))


def test_clips_of_too_few_frames(sides):
    line = error_of(*sides, DEMO, "--frames=5", status=1)
    assert "demo_rgb: expected clips of at least 9 frames, got 5; see --frames" in line


def call(*words):
    return fvd.main(["fvd", *map(str, words)])


def error_of(*words, status=2):
    return refused(fvd.main, "fvd", *words, status=status)


def figures(folder, *words):
    path = folder / "figures.json"
    assert call(*words, DEMO, f"--json={path}") == 0
    found = json.loads(path.read_text())
    path.unlink()
    return found


def test_arrays_are_compared_and_the_protocol_is_printed(sides, capsys):
    assert call(*sides, DEMO) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Frechet distance, which is no FVD: ")
    assert "Kernel distance: " in out and "(standard error not known of fewer than 4 clips)" in out
    assert "3 and 3 clips of 12 frames, stride 1" in out
    assert "official (google-research/frechet_video_distance)" in out and "SHA-256 " in out
    assert "biased upwards for few clips; the covariances of 13 features are singular" in err


def test_the_batch_and_the_order_change_nothing(network):
    videos = clips(5)
    one, two = (
        fvd.features(part, network, batch_size=size) for part, size in ((videos, 2), (videos, 4))
    )
    np.testing.assert_allclose(one, two, atol=1e-5)
    backwards = fvd.features(videos[::-1], network, batch_size=2)
    np.testing.assert_allclose(one, backwards[::-1], atol=1e-5)
    assert distance(Statistics().update(one), Statistics().update(backwards)) < 1e-6


def test_floats_in_another_range_are_the_same_videos(sides, tmp_path):
    real, fake = sides
    np.save(tmp_path / "unit.npy", np.load(fake).astype(np.float32) / 255)
    np.savez(tmp_path / "signed.npz", np.load(fake) / 127.5 - 1)
    expected = figures(tmp_path, real, fake)["distance"]
    for name, values in (("unit.npy", "0,1"), ("signed.npz", "-1,1")):
        found = figures(tmp_path, real, tmp_path / name, f"--range={values}")["distance"]
        assert found == pytest.approx(expected, rel=1e-4)


def test_records_are_read_as_they_are_stored(tmp_path):
    data = datasets.build(tmp_path / "data", datasets.videos(tmp_path / "videos"))
    found = figures(tmp_path, data, data, "--frames=12", "--split=train", "--limit=4")
    assert found["clips"] == [4, 4] and found["distance"] < 1e-6
    line = error_of(data, data, "--split=test")
    assert "has no split 'test'; expected train" in line


def test_folders_of_videos_and_of_images(tmp_path):
    """Frames of one brightness each, which survive compression."""
    frames = [video_files.numbered(14)[start:] for start in (0, 2)]
    for number, part in enumerate(frames):
        folder = tmp_path / f"mp4/{number}"
        folder.mkdir(parents=True)
        video_files.write(folder / "a.mp4", part, options={"crf": "1"})
        (tmp_path / f"images/{number}").mkdir(parents=True)
        for place, picture in enumerate(part):
            cv2.imwrite(str(tmp_path / f"images/{number}/{place:03d}.png"), picture)
    np.save(tmp_path / "array.npy", np.stack([part[:12] for part in frames]))
    names = ["mp4", "images", "array.npy"]
    for name in names[:2]:
        found = figures(tmp_path, tmp_path / name, tmp_path / "array.npy", "--frames=12")
        assert found["clips"] == [2, 2] and abs(found["distance"]) < 0.5


def test_all_clips_and_strides(tmp_path):
    sides = [tmp_path / "real.npy", tmp_path / "fake.npy"]
    for seed, path in enumerate(sides):
        np.save(path, clips(2, 40, seed, 8))
    found = figures(tmp_path, *sides, "--frames=9", "--stride=2", "--clips=all", "--limit=3")
    assert found["clips"] == [3, 3] and found["frames"] == 9 and found["stride"] == 2


def test_saved_statistics_stand_for_their_videos(sides, tmp_path, capsys):
    expected = figures(tmp_path, *sides)
    kept = tmp_path / "kept.npz"
    assert call(sides[0], DEMO, f"--save_stats={kept}") == 0
    found = figures(tmp_path, kept, sides[1])
    assert found["distance"] == pytest.approx(expected["distance"], rel=1e-9)
    assert "kernel_distance" not in found
    assert "expected the same number of frames on both sides, got 12 and 10" in error_of(
        kept, sides[1], "--frames=10", DEMO
    )
    line = error_of(kept, sides[1], "--protocol=cdfvd", DEMO)
    assert "expected statistics of --protocol=cdfvd, got those of official" in line
    line = error_of(kept, sides[1], "--checkpoint=demo_flow", status=1)
    assert "expected a network of RGB clips, got one of flow" in line


def test_statistics_of_another_network_are_refused_before_the_work(sides, tmp_path, capsys):
    kept = Statistics("official", "rgb_scratch", "ab" * 32, 12, 1).update(
        clips(3).reshape(3, -1)[:, :13]
    )
    kept.save(tmp_path / "kept.npz")
    line = error_of(tmp_path / "kept.npz", sides[1], DEMO, status=1)
    assert "the saved statistics are of the network rgb_scratch" in line
    assert "give the other --checkpoint" in line


def test_a_range_of_which_half_is_empty_is_told(tmp_path, capsys):
    np.save(tmp_path / "unit.npy", clips(2).astype(np.float32) / 255)
    assert call(tmp_path / "unit.npy", tmp_path / "unit.npy", DEMO, "--range=-1,1") == 0
    assert "no value is below 0, and --range begins at -1" in capsys.readouterr().err


def test_short_videos_are_left_out_aloud(tmp_path, capsys):
    (tmp_path / "videos").mkdir()
    for name, count in (("a", 12), ("b", 5), ("c", 12)):
        video_files.write(tmp_path / f"videos/{name}.mp4", video_files.numbered(count))
    assert call(tmp_path / "videos", tmp_path / "videos", DEMO, "--frames=12") == 0
    err = capsys.readouterr().err
    assert err.count("1 of 3 videos are shorter than a clip and were left out, the first") == 2
    line = error_of(tmp_path / "videos", tmp_path / "videos", "--frames=20", status=1)
    assert "expected at least 2 clips, got 0" in line


def test_one_colour_is_told(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.zeros((2, 10, 16, 16, 3), np.uint8))
    assert call(tmp_path / "a.npy", tmp_path / "a.npy", DEMO) == 0
    assert "2 of 2 clips are of one colour" in capsys.readouterr().err


BAD_ARRAYS = {
    "expected values from 0 to 255, got 0 to 1; if they are floats of another range, give "
    "--range=0,1": np.linspace(0, 1, 2 * 10 * 8 * 8 * 3).reshape(2, 10, 8, 8, 3),
    "give --range=-1,1": np.linspace(-1, 1, 2 * 10 * 8 * 8 * 3).reshape(2, 10, 8, 8, 3),
    "expected videos [N, T, H, W, 3]": np.zeros((2, 10, 8, 8)),
    'got uint16 (2, 10, 8, 8, 3); convert it by .astype("uint8")': np.zeros(
        (2, 10, 8, 8, 3), np.uint16
    ),
    "got uint8 (2, 10, 3, 8, 8); transpose it to channels last": np.zeros(
        (2, 10, 3, 8, 8), np.uint8
    ),
    "expected at least 2 videos, got 1": np.zeros((1, 10, 8, 8, 3), np.uint8),
}


@pytest.mark.parametrize("message", BAD_ARRAYS)
def test_arrays_that_are_no_videos(tmp_path, message):
    np.save(tmp_path / "a.npy", BAD_ARRAYS[message])
    assert message in error_of(tmp_path / "a.npy", tmp_path / "a.npy", DEMO)


def test_values_out_of_range_are_found_on_the_way(tmp_path):
    bad = clips(2).astype(np.float32)
    bad[1, 3, 0, 0, 0] = np.nan
    np.save(tmp_path / "a.npy", bad)
    line = error_of(
        tmp_path / "a.npy", tmp_path / "a.npy", DEMO, f"--json={tmp_path}/x.json", status=1
    )
    assert "a.npy: video 1 holds NaN or infinite values" in line
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected two sets of videos, REAL and GENERATED"),
        (("real.npy",), "expected two sets of videos"),
        (("real.npy", "nowhere"), "no such folder"),
        (("real.npy", "nowhere.npy"), "no such file"),
        (("real.npy", "empty"), "holds no video"),
        (("real.npy", "text.npy"), "cannot be read"),
        (
            ("real.npy", "short.npy"),
            "same number of frames on both sides, got 12 and 10; --frames=N",
        ),
        (("real.npy", "real.npy", "--frames=13"), "expected videos of 13 frames or more"),
        (("real.npy", "real.npy", "--range=1"), "--range: expected LOW,HIGH"),
        (("real.npy", "real.npy", "--json=real.npy"), "expected a name that ends in .json"),
        (("real.npy", "empty", "--split=train"), "holds no video"),
    ],
)
def test_wrong_calls(sides, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npy").write_text("text")
    np.save("short.npy", clips(frames=10))
    assert message in error_of(*words)


@pytest.fixture(scope="module")
def genuine():
    folder = os.environ.get("I3D_TEST_CHECKPOINTS")
    if not folder:
        pytest.skip("I3D_TEST_CHECKPOINTS is not set: no genuine weights to test with")
    return Extractor(str(Path(folder, "i3d", CHECKPOINT, "model.ckpt")))


# T -> what this network gives, and the published number of 64 px (TensorFlow's for 30, else a
# port's to PyTorch).
BLACK_AND_WHITE = {10: (569.772, 569.230), 15: (133.909, 133.703), 16: (152.901, 152.918)}
BLACK_AND_WHITE |= {30: (151.3924, 151.39244)}


@pytest.mark.parametrize("frames", BLACK_AND_WHITE)
def test_black_against_white(genuine, frames):
    own, published = BLACK_AND_WHITE[frames]
    black = np.zeros((2, frames, 64, 64, 3), np.uint8)
    found = distance(
        *(
            Statistics().update(fvd.features(videos, genuine, batch_size=2))
            for videos in (black, black + 255)
        )
    )
    assert found == pytest.approx(own, abs=1e-3)
    assert found == pytest.approx(published, abs=1e-3 if frames == 30 else 2e-3 * published)


@pytest.mark.slow
def test_random_clips_through_the_genuine_network(genuine):
    """Minutes: 2 x 128 clips whose values are fed as they are, neither scaled nor resized."""
    sides = []
    for seed, name in ((1, "a"), (2, "b")):
        draw = np.random.RandomState(seed)
        parts = (draw.rand(8, 16, 224, 224, 3) for _ in range(16))
        videos = ((clip + 1) * 127.5 for part in parts for clip in part)
        logits = fvd.features(videos, genuine)
        np.testing.assert_allclose(logits, LOGITS[name], atol=2e-4)
        sides.append(Statistics().update(logits))
    found = distance(*sides)
    print(f"2 x 128 clips of random numbers: {found:.7f}")
    assert found == pytest.approx(10.138085, abs=1e-4)

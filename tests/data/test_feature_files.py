"""Feature rows of videos from files: which are read, at what times, and what is refused."""

import dataclasses
import re

import numpy as np
import pytest

from i3d.data.feature_files import FeatureFiles, interpolated
from i3d.data.feature_spec import FeatureSpec
from i3d.runtime.command import BadData

SPEC = FeatureSpec(channels=6, window=16, stride=4)
CUHK = FeatureSpec(channels=6, window=16, stride=16, rows=10)
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(20, 6)).astype("f4")


def times(count, stride=4, window=16, fps=25.0):
    start = np.arange(count) * stride / fps
    return {"start_s": start, "end_s": start + window / fps}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of every kind."""
    path = tmp_path_factory.mktemp("features")
    (path / "deep").mkdir()
    np.savez(path / "a.npz", features=ROWS, **times(20))
    np.savez_compressed(path / "deep" / "b.npz", features=ROWS.astype("f2"), **times(20))
    np.save(path / "c.npy", ROWS.astype("f8"))
    np.save(path / "v_d.npy", ROWS[None])
    header = ",".join(f"f{i}" for i in range(6))
    np.savetxt(path / "e.csv", ROWS[:10], fmt="%.4f", delimiter=",", header=header, comments="")
    return path


def test_names_are_paths_without_the_extension(folder):
    files = FeatureFiles(folder, SPEC)
    assert files.names() == ("a", "c", "deep/b", "e", "v_d")
    found = [files.find(name) for name in ("a.mp4", "b", "x/deep/b.avi", "d", "f", "deep")]
    assert found == ["a", "deep/b", "deep/b", "v_d", None, None]


def test_times_of_a_file_come_before_those_of_the_spec(folder):
    rows, grid = FeatureFiles(folder, SPEC).read("a")
    assert rows.dtype == np.float32 and np.array_equal(rows, ROWS)
    assert grid == pytest.approx((0.32, 0.16))


def test_files_of_the_video_alone_go_by_its_rate(folder):
    files = FeatureFiles(folder, SPEC)
    for name, expected in (("c", ROWS), ("d", ROWS)):
        rows, grid = files.read(name, fps=30.0, duration_s=3.2)
        np.testing.assert_array_equal(rows, expected)
        assert grid == SPEC.grid(30.0, 20)


def test_when_a_video_ends_at_the_latest(folder, tmp_path):
    """A row more would end there; of pooled rows it is not known."""
    files = FeatureFiles(folder, SPEC)
    assert files.end_s("a") == pytest.approx((19 * 4 + 16 + 4) / 25)
    assert files.end_s("d", fps=30.0) == pytest.approx((19 * 4 + 16 + 4) / 30)
    assert np.isnan(files.end_s("d"))
    assert np.isnan(FeatureFiles(folder, CUHK).end_s("e", fps=25.0))
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(BadData, match="a.npz"):
        FeatureFiles(tmp_path, SPEC).end_s("a")


def test_half_precision_and_compressed_archives_are_read(folder):
    rows, _ = FeatureFiles(folder, SPEC).read("b")
    np.testing.assert_allclose(rows, ROWS, atol=2e-3)


def test_pooled_rows_cover_the_whole_strides_of_the_video(folder):
    files = FeatureFiles(folder, CUHK)
    rows, grid = files.read("e", fps=30.0, duration_s=103.9)
    np.testing.assert_allclose(rows, ROWS[:10], atol=1e-4)
    covered = 3117 // 16 * 16 / 30
    assert grid == pytest.approx((covered / 20, covered / 10))
    assert files.read("e", duration_s=50.0)[1] == pytest.approx((2.5, 5.0))


def test_one_file_of_all_videos_is_read_in_parts(tmp_path):
    parts = {"x/a.avi": 7, "b": 5}
    arrays = {"ids": np.repeat(list(parts), list(parts.values())), "features": ROWS[:12]}
    both = [times(count) for count in parts.values()]
    arrays |= {key: np.concatenate([one[key] for one in both]) for key in both[0]}
    np.savez(tmp_path / "all.npz", **arrays)
    files = FeatureFiles(tmp_path / "all.npz", SPEC)
    assert files.names() == ("b", "x/a.avi")
    rows, grid = files.read("b")
    np.testing.assert_array_equal(rows, ROWS[7:12])
    assert grid == pytest.approx((0.32, 0.16))
    assert len(files.read("a.avi")[0]) == 7


def test_rows_are_interpolated_as_the_published_codes_do():
    """As torch.nn.functional.interpolate does, mode="linear", align_corners=False."""
    rows = np.arange(4, dtype="f4")[:, None] ** 2
    np.testing.assert_allclose(interpolated(rows, 2)[:, 0], [0.5, 6.5])
    found = interpolated(rows, 7)[:, 0]
    places = np.clip((np.arange(7) + 0.5) * 4 / 7 - 0.5, 0, 3)
    np.testing.assert_allclose(found, np.interp(places, range(4), rows[:, 0]), rtol=1e-6)
    np.testing.assert_array_equal(interpolated(ROWS, 20), ROWS)


def test_interpolated_rows_lie_where_those_of_the_file_do(folder):
    spec = dataclasses.replace(SPEC, rows=40)
    rows, grid = FeatureFiles(folder, spec).read("a")
    assert rows.shape == (40, 6)
    covered = (19 * 4 + 16) / 25
    assert grid == pytest.approx((covered / 80, covered / 40))


BAD = {
    "width": (ROWS[:, :5], r"expected rows \[T, 6\], got float32 \[20, 5\]$"),
    "turned": (ROWS.T, r"got float32 \[6, 20\]; transpose them$"),
    "crops": (ROWS[None].repeat(2, 0), r"expected rows \[T, 6\] of floats, got float32 \[2, 20, 6"),
    "levels": (ROWS.astype("u1"), "of floats, got uint8"),
    "objects": (np.array([{}, 1], object), "cannot be read: expected an array of numbers"),
    "empty": (ROWS[:0], "expected two rows or more, got 0; the video is shorter"),
    "one": (ROWS[:1], "expected two rows or more, got 1; .* features of the whole video"),
    "nan": (
        np.where(ROWS == ROWS[3, 3], np.nan, ROWS),
        "expected finite numbers, got nan in row 3 .1 of 20 rows have such",
    ),
    "large": (
        ROWS.astype("f8") * 1e300,
        "expected finite numbers, got 1.2573e.299 in row 0 .20 of 20 rows have such",
    ),
    "rate": (
        ROWS[:5],
        r"expected rows every 4 frames at 30 per second: 5 of them cover 1.1 s",
    ),
}


@pytest.mark.parametrize("array, message", BAD.values(), ids=BAD)
def test_other_arrays_are_one_line(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array)
    line_of(FeatureFiles(tmp_path, SPEC), message)


def line_of(files, message, **options):
    with pytest.raises(BadData) as caught:
        files.read("a", **{"fps": 30.0, "duration_s": 3.2} | options)
    assert re.search(message, str(caught.value)) and "\n" not in str(caught.value)
    assert str(files.path) in str(caught.value)


UNTIMELY = {
    "rate": (times(20, stride=16), r"expected a row of features every 0.16 s .* every 0.64 s"),
    "back": ({key: one[::-1] for key, one in times(20).items()}, "rising from the first"),
    "gap": ({key: one + 3 * (one > 2) for key, one in times(20).items()}, "equal distance"),
    "nan": ({key: one * np.nan for key, one in times(20).items()}, "equal distance"),
    "few": (times(19), "a time of each row"),
    "start": ({"start_s": times(20)["start_s"]}, "a time of each row"),
}


@pytest.mark.parametrize("given, message", UNTIMELY.values(), ids=UNTIMELY)
def test_other_times_are_one_line(given, message, tmp_path):
    np.savez(tmp_path / "a.npz", features=ROWS, **given)
    line_of(FeatureFiles(tmp_path, SPEC), message, fps=25.0)
    line_of(FeatureFiles(tmp_path, SPEC), message, fps=np.nan)


TEXTS = {
    "words": ("x,y\n1,a\n", "expected a header and rows of numbers: could not convert"),
    "header": ("x,y\n", "there is no second line"),
    "latin": (b"x\n\xe9\n", "expected a header and rows of numbers"),
    "ragged": ("x\n1,2\n1\n", "expected a header and rows of numbers"),
}


@pytest.mark.parametrize("text, message", TEXTS.values(), ids=TEXTS)
def test_other_tables_are_one_line(text, message, tmp_path):
    (tmp_path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    line_of(FeatureFiles(tmp_path, SPEC), message)


def test_what_is_not_there_is_one_line(folder, tmp_path):
    with pytest.raises(BadData, match="no features of 'z'"):
        FeatureFiles(folder, SPEC).read("z")
    for path, message in (
        (tmp_path / "none", "no such folder of features"),
        (tmp_path, "expected .npz, .npy or .csv files of features, found none"),
        (folder / "c.npy", "expected a folder of features, or a .npz file with ids"),
        (folder / "a.npz", "expected ids, one for each row"),
    ):
        with pytest.raises(BadData, match=re.escape(message)):
            FeatureFiles(path, SPEC)
    np.save(tmp_path / "a.npy", ROWS)
    np.savez(tmp_path / "a.npz", features=ROWS)
    with pytest.raises(BadData, match=r"a\.npz: expected one file of features for each video"):
        FeatureFiles(tmp_path, SPEC)


def test_a_header_that_lies_takes_no_memory(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        entry = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 6)}
        np.lib.format.write_array_header_1_0(file, entry)
    line_of(FeatureFiles(tmp_path, SPEC), "cut off: 128 bytes are too few")


@pytest.mark.parametrize("name", ["a.npz", "c.npy", "e.csv", "deep/b.npz"])
def test_damaged_files_are_one_line_or_read(name, folder, tmp_path):
    """Bytes are changed and cut off; what is read is finite and of the right width."""
    data, rng = (folder / name).read_bytes(), np.random.default_rng(1)
    path = tmp_path / f"a.{name.rpartition('.')[2]}"
    for _ in range(60):
        changed = bytearray(data)
        for place in rng.integers(len(data), size=rng.integers(1, 5)):
            changed[place] = rng.integers(256)
        path.write_bytes(
            changed[: rng.integers(1, len(data) + 1)] if rng.random() < 0.2 else changed
        )
        try:
            rows, _ = FeatureFiles(tmp_path, SPEC).read("a", fps=25.0, duration_s=3.7)
        except BadData as error:
            assert "\n" not in str(error)
        else:
            assert rows.shape[1] == 6 and np.isfinite(rows).all()

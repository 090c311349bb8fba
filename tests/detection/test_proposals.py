"""Files of proposals in every format, and what cannot be read."""

import json
import pickle

import numpy as np
import pytest

from i3d.detection import proposals
from i3d.runtime.command import BadData

PEOPLE = {
    "a, b,0902": np.array([[0.1, 0.2, 0.5, 0.9, 0.75], [0, 0, 1, 1, 0.5]], "f4"),
    "c,0003.5": np.zeros((0, 5), "f4"),
}
KEYS = [("a, b", 902.0), ("c", 3.5)]


def write(folder, suffix, people=PEOPLE):
    path = folder / f"people{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps({key: np.asarray(v).tolist() for key, v in people.items()}))
    elif suffix == ".npz":
        np.savez_compressed(path, **people)
    elif suffix == ".csv":
        rows = [
            ",".join([f'"{key.rpartition(",")[0]}"', key.rpartition(",")[2], *map(str, row)])
            for key, rows in people.items()
            for row in np.asarray(rows).tolist()
        ]
        path.write_text("\n".join(rows))
    else:
        path.write_bytes(pickle.dumps(people, 2))
    return path


@pytest.mark.parametrize("suffix", proposals.SUFFIXES)
def test_every_format(tmp_path, suffix):
    found = proposals.read(write(tmp_path, suffix))
    assert list(found) == (KEYS[:1] if suffix == ".csv" else KEYS)
    np.testing.assert_array_equal(found[KEYS[0]], PEOPLE["a, b,0902"])
    assert all(array.dtype == np.float32 and array.shape[1] == 5 for array in found.values())


def test_as_mmaction2_pickles_them(tmp_path):
    """Arrays of float64 under protocol 2, or a later one."""
    for protocol in (2, 4, 5):
        path = tmp_path / "a.pkl"
        path.write_bytes(pickle.dumps({"a,0902": np.array([[0, 0, 0.5, 1, 0.99]])}, protocol))
        found = proposals.read(path)
        np.testing.assert_allclose(found["a", 902.0], [[0, 0, 0.5, 1, 0.99]], rtol=1e-6)


@pytest.mark.parametrize("suffix", [".json", ".csv", ".npz"])
def test_boxes_without_score_and_over_the_border(tmp_path, suffix):
    path = write(tmp_path, suffix, {"a,0001": np.array([[-0.1, 0, 0.5, 1.2]])})
    found, clipped = proposals.counted(path)
    np.testing.assert_array_equal(found["a", 1.0], np.array([[0, 0, 0.5, 1, 1]], "f4"))
    assert clipped == 1


def test_a_header_and_rows_of_a_csv(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("second,video,score,x1,y1,x2,y2\n2,a,.5,0,0,1,1\n1,a,.25,0,0,1,.5\n")
    assert {key: array.tolist() for key, array in proposals.read(path).items()} == {
        ("a", 2.0): [[0, 0, 1, 1, 0.5]],
        ("a", 1.0): [[0, 0, 1, 0.5, 0.25]],
    }


def test_one_video(tmp_path):
    found = proposals.read(write(tmp_path, ".json"))
    assert list(proposals.of_video(found, "c", "people.json")) == [3.5]
    message = "people.json: expected key frames of 'd', got those of 'a, b', 'c'; names"
    with pytest.raises(BadData, match=message):
        proposals.of_video(found, "d", "people.json")
    many = [(str(i), 0.0) for i in range(9)]
    with pytest.raises(BadData, match="'0', '1', '2' and 6 others"):
        proposals.check_videos(many, ["x"], "people.json")


@pytest.mark.parametrize("suffix", [".json", ".npz", ".pkl"])
@pytest.mark.parametrize(
    "people, message",
    [
        ({"a": [[0.0, 0, 1, 1, 1]]}, r"names `video,second` .* got 'a'"),
        ({"a,1": [[0.0, 0, 1, 1, 1]], "a,01": [[0.0, 0, 1, 1, 1]]}, r"each once, twice 'a,01'"),
        ({"b,2": [[0.0, 0, 1, 1, 1]], "a,1": [[0, 0, 1.0]]}, r"'a,1': expected rows of five"),
        ({"b,2": np.zeros((0, 5)), "a,1": [[9, 9, 90.0, 99, 1]]}, r"'a,0001': .*9,9,90,99; div"),
        ({"a,1": [[0.0, 0, 1, 1, 1]], "b,2": [[0.0, 0, 1, 1, 1.5]]}, r"'b,0002': .*a score in"),
        ({"a,1": [[0.0, 0, 1, 1, np.nan]]}, r"'a,0001': expected a score in \[0, 1\], got nan"),
        ({"a,1": [[0.5, 0, 0.4, 1, 1]]}, r"'a,0001': expected x1 <= x2"),
        ({}, "got none"),
    ],
)
def test_proposals_that_cannot_be_used(tmp_path, suffix, people, message):
    arrays = {key: np.array(rows, np.float64) for key, rows in people.items()}
    with pytest.raises(BadData, match=message) as error:
        proposals.read(write(tmp_path, suffix, arrays))
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", '{"a,1": 3}', '{"a,1": [["x", 0, 1, 1, 1]]}', '{"a,1": [[0, 0, 1, 1], [0]]}']
    + ['{"a,1": {}}', '{"a,1": [[1' + "0" * 400 + ", 0, 1, 1, 1]]}", "[" * 100_000],
)
def test_json_of_other_things(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(BadData, match="a.json: "):
        proposals.read(path)


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_files_of_another_kind(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"no such file")
    with pytest.raises(BadData, match="cannot be read"):
        proposals.read(path)
    path.write_bytes(pickle.dumps({"a,1": [print]}))
    with pytest.raises(BadData, match="cannot be read"):
        proposals.read(path)


def test_other_names(tmp_path):
    with pytest.raises(BadData, match="ends in .json, .csv"):
        proposals.read(tmp_path / "people.txt")

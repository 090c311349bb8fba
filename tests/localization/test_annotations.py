"""Files of segments: what is read, what is refused in one line; they come back as written."""

import json
import math

import pytest

from i3d.localization import annotations
from i3d.localization.annotations import Annotated
from i3d.localization.segments import Segment
from i3d.runtime.command import BadData

JUMP = Segment("a", 1.5, 4.0, "jump")
ACTIVITYNET = {
    "version": "VERSION 1.3",
    "database": {
        "a": {
            "subset": "training",
            "duration": 12,
            "fps": 30.0,
            "annotations": [{"segment": [1.5, 4], "label": "jump", "label_id": 3}],
        },
        "b": {"subset": "testing", "duration": 8.25, "annotations": []},
    },
}
RESULTS = {"results": {"a": [{"segment": [1, 2], "label": "jump", "score": 0.5}], "b": []}}


@pytest.fixture
def file(tmp_path):
    """Writes a file of a text, bytes or what becomes JSON; returns its path."""

    def write(content, name="file.json"):
        path = tmp_path / name
        if isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def same(one, other):
    return repr(one) == repr(other)  # nan is not equal to nan


def database(**video):
    return {"database": {"a": {"annotations": [{"segment": [1, 2], "label": "x"}]} | video}}


def of_segment(**segment):
    return database(annotations=[{"segment": [1, 2], "label": "x"} | segment])


def test_activitynet(file):
    found = annotations.read(file(ACTIVITYNET))
    assert same(found["a"], Annotated("training", 12.0, 30.0, (JUMP,)))
    assert same(found["b"], Annotated("testing", 8.25, math.nan, ()))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(file, encoding):
    assert "a" in annotations.read(file(json.dumps(ACTIVITYNET).encode(encoding)))
    text = "path,label,start_s,end_s\na,jump,1.5,4\n"
    assert annotations.read(file(text.encode(encoding), "a.csv"))["a"].segments == (JUMP,)


def test_mmaction2(file):
    video = {
        "duration_second": 12.0, "duration_frame": 360, "feature_frame": 352, "fps": 30.0,
        "rfps": 29.3, "annotations": [{"segment": [1.5, 4.0], "label": "jump"}],
    }  # fmt: skip
    found = annotations.read(file({"a": video}))
    assert same(found, {"a": Annotated("", 12.0, 30.0, (JUMP,))})


def test_csv(file):
    text = "path,label,start_s,end_s\na,jump,1.5,4\nb, run ,0,2\na,run,5,6.5\nc,,,\n"
    found = annotations.read(file(text, "a.csv"))
    assert found["a"].segments == (JUMP, Segment("a", 5.0, 6.5, "run"))
    assert found["b"].segments == (Segment("b", 0.0, 2.0, "run"),)
    assert same(found["c"], Annotated())


def test_csv_with_what_is_known_of_the_videos(file):
    text = "path,label,start_s,end_s,split,duration_s,fps\na,jump,1.5,4,train,12,30\n"
    found = annotations.read(file(text, "a.csv"))
    assert found == {"a": Annotated("train", 12.0, 30.0, (JUMP,))}
    with pytest.raises(BadData, match=r"a.csv:3: expected one split, .* for 'a'"):
        annotations.read(file(f"{text}a,jump,5,6,test,12,30\n", "a.csv"))


@pytest.mark.parametrize("name", ["again.json", "again.csv"])
def test_truth_comes_back_as_it_was_written(tmp_path, name):
    odd = Segment("b, c", 0.1, 1 / 3, 'say "hi", twice')
    videos = {
        "a": Annotated("training", 12.0, 30.0, (JUMP, JUMP)),
        "b, c": Annotated("", 9.0, math.nan, (odd,)),
        "d": Annotated("testing"),
    }
    annotations.write(tmp_path / name, videos)
    assert same(annotations.read(tmp_path / name), videos)


@pytest.mark.parametrize("name", ["again.json", "again.csv"])
def test_what_was_found_comes_back_as_it_was_written(tmp_path, name):
    found = [
        Segment("a", -0.5, 1 / 3, "jump", 0.125), Segment("a", 2.0, 3.0, "run", 1e-7),
        Segment("b", 0.0, 1.0, "jump", -2.0),
    ]  # fmt: skip
    annotations.write_found(tmp_path / name, found)
    assert annotations.read_found(tmp_path / name) == found
    proposals = [one._replace(label="") for one in found]
    annotations.write_found(tmp_path / name, proposals)
    assert annotations.read_found(tmp_path / name) == proposals
    annotations.write_found(tmp_path / name, [])
    assert annotations.read_found(tmp_path / name) == []


def test_proposals_of_csv_need_no_column_for_labels(file):
    path = file("video,start_s,end_s,score\na,1,2,0.5\n", "a.csv")
    assert annotations.read_found(path) == [Segment("a", 1.0, 2.0, "", 0.5)]


def test_segments_outside_of_their_video_are_refused_or_told(file):
    rows = [[1, 2], [11, 12.4], [10, 14], [3, 3], [-1, 2]]
    segments = [{"segment": times, "label": "x"} for times in rows]
    path = file(database(duration=12, annotations=segments))
    lines = annotations.problems(annotations.read_as_is(path))
    assert lines == [
        "video 'a', segment 3: expected an end in the video, which has 12 s, got 10 to 14 s",
        "video 'a', segment 4: expected an end after the start, got 3 to 3 s",
        "video 'a', segment 5: expected a start of 0 s or later, got -1 to 2 s",
    ]
    with pytest.raises(BadData, match=r"file.json: video 'a', segment 3: .*\(3 such segments\)$"):
        annotations.read(path)


TWICE = '{"database": {"a": {"annotations": []}, "a": {"annotations": []}}}'
DEEP = '{"database":' + '{"a":' * 100_000 + "}" * 100_001
HUGE = f'{{"database": {{"a": {{"duration": {"9" * 400}, "annotations": []}}}}}}'


@pytest.mark.parametrize(
    "content, message",
    [
        (b"\x1f\x8b\x08\x00 gzip", "not JSON"),
        ("", "not JSON"),
        ("[]", "an object of JSON"),
        (TWICE, "the name 'a' stands twice"),
        (DEEP, "nested too deep"),
        (HUGE, "video 'a': duration: expected a number from -1e"),
        ({}, "got none"),
        ({"database": {}}, "expected segments with .* got none"),
        (database(annotations=[]), "expected segments with .* got none"),
        ({"database": []}, "as of ActivityNet"),
        ({"database": {"a": 3}}, "as of ActivityNet"),
        (RESULTS, "expected the truth, got results"),
        (database(annotations={}), "as of ActivityNet"),
        (database(annotations=[3]), "video 'a', segment 1: expected .*start, end.* got 3"),
        (database(duration="12"), "duration: expected a number, got '12'"),
        (database(duration=0), "duration: expected a number above 0, got 0"),
        (database(duration=True), "duration: expected a number, got True"),
        (database(fps=-1), "fps: expected a number above 0, got -1"),
        (database(subset=3), "subset: expected a name, got 3"),
        (of_segment(segment=[1]), "expected .*start, end"),
        (of_segment(segment=["1", 2]), "segment: expected a number, got '1'"),
        (of_segment(segment=[None, 2]), "segment: expected a number, got none"),
        (of_segment(segment=[math.nan, 2]), "segment: expected a number .*, got nan"),
        (of_segment(segment=[2, 1]), "expected an end after the start, got 2 to 1 s"),
        (of_segment(label=None), "label: expected a name, got none"),
        (of_segment(label=["x"]), "label: expected a name"),
        (of_segment(label=" "), "segment 1: expected names of classes"),
        (of_segment(label="a\nb"), "segment 1: expected names of classes"),
    ],
)
def test_json_that_is_refused(file, content, message):
    with pytest.raises(BadData, match=message) as raised:
        annotations.read(file(content))
    assert str(raised.value).startswith(str(file(content)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "rows, message",
    [
        ("", "expected segments with .* got none"),
        ("a,jump,1\n", "a.csv:2: expected 4 cells"),
        ("a,jump,one,2\n", "a.csv:2: start_s: expected a number, got 'one'"),
        ("a,jump,1,\n", "a.csv:2: end_s: expected a number, got none"),
        ("a,jump,1,inf\n", "a.csv:2: end_s: expected a number from .* got inf"),
        ("a,,1,2\n", "a.csv:2: expected names of classes"),
        (",jump,1,2\n", "a.csv:2: expected the name of a video"),
        ("a,jump,2,1\n", "video 'a', segment 1: expected an end after the start"),
    ],
)
def test_csv_that_is_refused(file, rows, message):
    with pytest.raises(BadData, match=message):
        annotations.read(file(f"path,label,start_s,end_s\n{rows}", "a.csv"))


@pytest.mark.parametrize(
    "content, message",
    [
        (ACTIVITYNET, 'expected {"results"'),
        ({"results": {"a": 3}}, 'expected {"results"'),
        ({"results": {"a": [{"segment": [1, 2]}]}}, "video 'a', segment 1: score: .* got none"),
        ({"results": {"a": [{"score": 1}]}}, "video 'a', segment 1: expected .*segment"),
        ({"results": {"": [{"score": 1}]}}, "expected the name of a video"),
    ],
)
def test_results_that_are_refused(file, content, message):
    with pytest.raises(BadData, match=message):
        annotations.read_found(file(content))


def test_files_are_read_up_to_a_size(file, monkeypatch):
    path = file(ACTIVITYNET)
    monkeypatch.setattr("i3d.localization.segment_forms._MOST_BYTES", 100)
    with pytest.raises(BadData, match="at most 100 bytes"):
        annotations.read(path)

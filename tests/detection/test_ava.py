"""AVA's files: truth, label maps, excluded key frames, detections; own files of the same kind."""

import numpy as np
import pytest

from i3d.detection import ava
from i3d.detection.ava import Label
from i3d.runtime.command import BadData


def written(folder, text, name="truth.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_as_avas(tmp_path):
    path = written(tmp_path, "a-b,0902,0.1,0.2,0.5,0.9,12,3\n\na-b,0903.5,0,0,1,1,80,0\n")
    assert ava.read_truth(path) == [
        Label("a-b", 902.0, (0.1, 0.2, 0.5, 0.9), 12, 3, 1),
        Label("a-b", 903.5, (0.0, 0.0, 1.0, 1.0), 80, 0, 3),
    ]


def test_rows_without_person_and_key_frames_without_box(tmp_path):
    path = written(tmp_path, '"a, b",5\n"a, b",6,0,0,1,1,2\nc,7,0,0,1,1,2,9\n')
    assert ava.read_truth(path) == [
        Label("a, b", 5.0, None, None, ava.NO_PERSON, 1),
        Label("a, b", 6.0, (0.0, 0.0, 1.0, 1.0), 2, ava.NO_PERSON, 2),
        Label("c", 7.0, (0.0, 0.0, 1.0, 1.0), 2, 9, 3),
    ]


def test_a_header_names_the_columns_in_any_order(tmp_path):
    text = "action_id,Video_ID,timestamp,x1,y1,x2,y2,note\n7,a,3,0,0,.5,.5,good\n"
    assert ava.read_truth(written(tmp_path, text)) == [
        Label("a", 3.0, (0.0, 0.0, 0.5, 0.5), 7, ava.NO_PERSON, 2)
    ]


def test_clipped_repeated_and_unknown_rows_are_counted(tmp_path):
    row = "a,1,0,0,1,1,{},0\n"
    text = row.format(1) * 2 + row.format(2) + "a,2,-0.01,0,1,1,3,0\na,2\na,2\n"
    found, counts = ava.counted(written(tmp_path, text), {1: "sit", 3: "stand"})
    assert counts == (1, 1, {2: 1})
    assert found[3].box == (0, 0, 1, 1) and len(found) == 6


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,1,0,0,1,1,1,0\na,1,0,0,1\n", r"truth.csv:2: expected video,second,x1.* got 5 cells"),
        ("a,1,0,0,1,1,1,0\na,x,0,0,1,1,1,0\n", r":2: second: expected a number, got 'x'"),
        ("a,-1,0,0,1,1,1,0\n", r":1: second: expected a number of 0 or more, got -1"),
        ("a,nan,0,0,1,1,1,0\n", r":1: second: expected a number"),
        ("a,1,0,0,1,zwei,1,0\n", r":1: y2: expected a number, got 'zwei'"),
        ("\na,1,0.6,0,0.5,1,1,0\n", r":2: expected x1 <= x2"),
        ("a,1,0.5,0,0.5,1,1,0\n", r":1: expected a box with an area"),
        ("a,1,12,0,80,90,1,0\n", r":1: expected a box .* in \[0, 1\]"),
        ("a,1,0,0,1,1,0,0\n", r":1: action: expected a number of 1 or more, got 0"),
        ("a,1,0,0,1,1,1.5,0\n", r":1: action: expected a whole number"),
        ("a,1,0,0,1,1,9,0\n", r":1: expected an action of the label map, .* end at 3, got 9"),
        ("a,1,0,0,1,1,2,0\n", r"expected actions of the label map, got none of its ids"),
        (",1,0,0,1,1,1,0\n", r":1: expected the name of a video"),
        ("video,second,x1,y1,x2,action\n", r":1: expected the columns .* y2 is missing"),
        ("video,second,x1,x1,y1,x2,y2,action\n", r":1: expected each column once"),
        ("video,second,x1,y1,x2,y2,action\na,1\n", r":2: expected 7 cells as in the header, got 2"),
        ("video,second,x1,y1,x2,y2,action\n", r"expected rows .* got none"),
        ("", r"expected rows .* got none"),
        ("a,1,\0\n", r"zero bytes"),
    ],
)
def test_bad_rows_are_named(tmp_path, text, message):
    with pytest.raises(BadData, match=message) as error:
        ava.counted(written(tmp_path, text), {1: "sit", 3: "stand"})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        '# ids\n1: sit (down)\n3: say "hi"\n',
        'item {\n  name: "sit (down)"\n  id: 1\n}\nitem {\n  name: "say \\"hi\\""\n  id: 3\n}\n',
        "label {\n  name: 'sit (down)'\n  label_id: 1\n  label_type: PERSON_MOVEMENT\n}\n"
        "label {\n  name: 'say \"hi\"'\n  label_id: 3\n  label_type: PERSON_MOVEMENT\n}\n",
        'item { id: 3 name: "say \\"hi\\"" }\nitem { id: 1 name: "sit (down)" }\n',
    ],
)
def test_label_maps(tmp_path, text):
    found = ava.read_label_map(written(tmp_path, text, "map.txt"))
    assert found == {1: "sit (down)", 3: 'say "hi"'} and list(found) == [1, 3]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "got none"),
        ("sit\n", r"map.txt:1: expected `id: name`"),
        ("1: sit\n1: stand\n", r":2: expected each id.* once"),
        ("1: sit\n2: sit\n", r":2: expected each id.* once"),
        ("0: sit\n", r":1: expected each id, from 1"),
        ("item {\nid: 1\n}\n", r":3: expected an item with a name and an id"),
        ('item {\nname: "a"\n', "expected a }"),
        ('item {\nname: "a"\nitem {\n', ":3: expected a name and an id"),
    ],
)
def test_label_maps_that_cannot_be_used(tmp_path, text, message):
    with pytest.raises(BadData, match=message):
        ava.read_label_map(written(tmp_path, text, "map.txt"))


def test_excluded_key_frames(tmp_path):
    path = written(tmp_path, "video,timestamp\na,0902\nb,903\n")
    assert ava.read_excluded(path) == {("a", 902.0), ("b", 903.0)}
    assert ava.read_excluded(written(tmp_path, "")) == set()


def test_detections_as_they_are_written(tmp_path):
    rows = [("a, b", 902.0, 0.1, -0.2, 0.5, 1.0, 12, 0.25), ("c", 3.5, 0.0, 0.0, 1.0, 1.0, 1, 1.0)]
    text = ava.detections_text(rows)
    assert text.splitlines()[1] == "c,0003.5,0.000000,0.000000,1.000000,1.000000,1,1.000000"
    found = ava.read_detections(written(tmp_path, text))
    assert found.videos == ["a, b", "c"] and found.actions.tolist() == [12, 1]
    np.testing.assert_allclose(found.boxes, [row[2:6] for row in rows])
    np.testing.assert_allclose(found.scores, [0.25, 1])
    with pytest.raises(BadData, match=":1: expected .*score, got 7 cells"):
        ava.read_detections(written(tmp_path, "a,1,0,0,1,1,1\n"))


def test_names_of_key_frames():
    assert ava.key("a,b", 902.0) == "a,b,0902"
    assert ava.key("a", 12345) == "a,12345"
    assert ava.key("a", 2.25) == "a,0002.25"
    assert ava.of_key("a,b,0902") == ("a,b", 902.0)
    assert ava.of_key("a,0002.25") == ("a", 2.25)
    assert ava.of_key("a") is ava.of_key(",5") is ava.of_key("a,b") is None


def test_long_files(tmp_path):
    """More rows than are held as text at a time."""
    rows = [f"v{i % 7},{i},0,0,0.5,1,{1 + i % 3},{i % 2}" for i in range(60_000)]
    found = ava.read_truth(written(tmp_path, "\n".join(rows)))
    assert len(found) == 60_000
    assert found[55_000] == Label("v1", 55_000.0, (0.0, 0.0, 0.5, 1.0), 2, 0, 55_001)
    rows[58_000] = "v,x,0,0,1,1,1,1"
    with pytest.raises(BadData, match=":58001: second: expected a number, got 'x'"):
        ava.read_truth(written(tmp_path, "\n".join(rows)))


def test_the_published_lists(annotations):
    names = ava.read_label_map(annotations / "ava/label_map_mmaction2.txt")
    official = ava.read_label_map(
        annotations / "ava/ava_action_list_v2.1_for_activitynet_2018.pbtxt.txt"
    )
    assert names == official and len(names) == 60 and max(names) == 80
    found, counts = ava.counted(annotations / "ava/ava_sample_mmaction2_test.csv", names)
    assert found[0] == Label("0f39OWEqJ24", 902.0, (0.031, 0.162, 0.670, 0.995), 12, 0, 1)
    assert counts == (0, 0, {})

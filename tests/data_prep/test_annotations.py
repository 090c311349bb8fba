"""Annotations of actions and boxes as work items, and what is told of rows that do not fit."""

import numpy as np
import pytest

from data_prep.annotations import Sources, annotated_items
from i3d.runtime.command import UserError

ROWS = """\
b,2,0.1,0.1,0.5,0.9,1,0
a,0001,0.1,0.2,0.5,0.9,3,0
a,0001,0.1,0.2,0.5,0.9,1,0
a,0001,0.6,0.2,0.9,0.9,1,1
a,2.5,-0.1,0.2,0.5,0.9,1,0
a,4
"""


@pytest.fixture
def folder(tmp_path):
    """Two videos, by their names alone, in folders; annotations and a label map."""
    (tmp_path / "videos" / "x").mkdir(parents=True)
    for name in ("x/a.mp4", "b.mkv", "notes.txt", ".hidden.mp4"):
        (tmp_path / "videos" / name).touch()
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "labels.txt").write_text("1: stand\n3: wave\n4: kick\n")
    return tmp_path


def sources(folder, **more):
    names = {"videos": "videos", "annotations": "rows.csv", "label_map": "labels.txt"}
    own = {name: str(folder / path) for name, path in names.items()}
    return Sources(**own | {k: v if k == "start_s" else str(folder / v) for k, v in more.items()})


def test_rows_of_a_box_are_one_person(folder, capsys):
    items, names = annotated_items(sources(folder))
    assert names == ["stand", "", "wave", "kick"]
    assert [item.id for item in items] == ["a", "b"]
    assert items[0].path == str(folder / "videos/x/a.mp4")
    first, second, third = items[0].key_frames
    assert first.boxes == ((0.1, 0.2, 0.5, 0.9), (0.6, 0.2, 0.9, 0.9))
    assert (first.second, first.at_s) == (1.0, 1.0)
    assert first.actions == ((1, 3), (1,)) and first.people == (0, 1)
    assert second.second == 2.5 and second.boxes == ((0.0, 0.2, 0.5, 0.9),)
    assert third.second == 4 and third.boxes == ()
    errors = capsys.readouterr().err
    assert errors == f"{folder}/rows.csv: boxes clipped to the picture: 1\n"


def test_what_does_not_fit_together_is_told_once(folder, capsys):
    with open(folder / "rows.csv", "a") as file:
        file.write("gone,1,0,0,1,1,2,0\na,1,0.6,0.2,0.9,0.9,1,1\na,1,0.6,0.2,0.9,0.9,2,1\n")
    (folder / "videos" / "unused.mp4").touch()
    annotated_items(sources(folder))
    rows, videos = folder / "rows.csv", folder / "videos"
    assert capsys.readouterr().err.splitlines() == [
        f"{rows}: boxes clipped to the picture: 1",
        f"{rows}: rows that repeat another one: 1",
        f"{rows}: rows of ids that {folder}/labels.txt has no name for, which are kept: 2 "
        "(id: rows; 2: 2)",
        f"{rows}: videos that are not in {videos}, left out: 1 (gone)",
        f"{videos}: videos without a row in {rows}, left out: 1 (unused)",
    ]


def test_excluded_and_early_key_frames_are_left_out(folder, capsys):
    (folder / "excluded.csv").write_text("a,0001\nzzz,0001\n")
    items, _ = annotated_items(sources(folder, excluded="excluded.csv", start_s=2.0))
    assert [[k.second for k in item.key_frames] for item in items] == [[2.5, 4], [2]]
    assert [k.at_s for k in items[0].key_frames] == [0.5, 2.0]
    assert "excluded.csv: key frames excluded: 1 of 2 listed" in capsys.readouterr().err
    annotated_items(sources(folder, start_s=2.0))
    told = "key frames before second 2, where the videos begin (--start_s), left out: 1 (a,0001)"
    assert told in capsys.readouterr().err
    with pytest.raises(UserError, match="expected key frames, none is left of 4"):
        annotated_items(sources(folder, start_s=900.0))


def test_proposals_are_stored_with_their_key_frames(folder, capsys):
    (folder / "people.json").write_text(
        '{"a,0001": [[0.1, 0.2, 0.5, 0.9, 0.8]], "a,0009": [[0, 0, 1, 1, 0.9]]}'
    )
    items, _ = annotated_items(sources(folder, proposals="people.json"))
    np.testing.assert_allclose(items[0].key_frames[0].proposals, [[0.1, 0.2, 0.5, 0.9, 0.8]])
    assert items[0].key_frames[1].proposals == ()
    errors = capsys.readouterr().err
    assert "key frames without rows or left out, not stored: 1 (a,0009)" in errors
    told = "key frames without proposals, stored with none: 3 (a,0002.5, a,0004, b,0002)"
    assert told in errors
    (folder / "other.json").write_text('{"q,0001": [[0, 0, 1, 1, 1]]}')
    with pytest.raises(UserError, match="expected key frames of 'a', 'b', got those of 'q'"):
        annotated_items(sources(folder, proposals="other.json"))


@pytest.mark.parametrize(
    "row, message",
    [
        ("a,1,0.5,0.2,0.1,0.9,1,0", r"rows.csv:7: expected x1 <= x2"),
        ("a,1,10,20,50,90,1,0", r"rows.csv:7: .* divide pixels by its width and height"),
        ("a,1,0.1,0.2,0.5,0.9,5,0", r"rows.csv:7: .* ids end at 4, got 5"),
        ("a,one,0.1,0.2,0.5,0.9,1,0", r"rows.csv:7: second: expected a number"),
        ("a,-1,0.1,0.2,0.5,0.9,1,0", r"rows.csv:7: second: expected a number of 0 or more"),
    ],
)
def test_a_bad_row_is_named_by_its_line(folder, row, message):
    with open(folder / "rows.csv", "a") as file:
        file.write(row + "\n")
    with pytest.raises(UserError, match=message) as caught:
        annotated_items(sources(folder))
    assert "\n" not in str(caught.value)


def test_videos_of_other_names_are_refused(folder):
    text = "\n".join(line.replace(",", ".mp4,", 1) for line in ROWS.splitlines())
    (folder / "rows.csv").write_text(text)
    with pytest.raises(UserError, match=r"expected videos named as in .*names have no folder"):
        annotated_items(sources(folder))
    (folder / "rows.csv").write_text(ROWS)
    (folder / "videos" / "a.avi").touch()
    with pytest.raises(UserError, match="two videos of one name, 'a'"):
        annotated_items(sources(folder))
    with pytest.raises(UserError, match="--videos: expected a folder of videos"):
        annotated_items(sources(folder)._replace(videos=str(folder / "rows.csv")))


def test_ids_of_a_label_map_have_an_end(folder):
    (folder / "labels.txt").write_text("1: stand\n999999999: wave\n")
    with pytest.raises(UserError, match="labels.txt: expected ids up to 100000, got 999999999"):
        annotated_items(sources(folder))

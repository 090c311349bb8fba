"""Rows of a CSV file and labels: times, splits, classes, and what is wrong with them."""

import dataclasses
from pathlib import Path

import pytest

from i3d.video import inputs
from tests.helpers.inputs import error, listed, short, touch

# CSV


def test_csv_with_times_order_and_tolerated_mess(root):
    text = (
        "\ufeffpath, label ,start_s,end_s \r\n"
        "\r\n"
        "run/deep/er/c.webm,run,,\r\n"
        'jump/b.mp4,"jump",1.5,3 \r\n'
        "jump/b.mp4,jump,3,\r\n"
        ",,,\r\n"
        '"jump/a b.AVI", jump,0,2\r\n'
        '"missing, truly.mp4",jump,,\r\n'
    )
    items, names = inputs.read(listed(root / "list.csv", text))
    assert names == ["jump", "run"]
    assert short(items) == [
        ("run/deep/er/c", 1),
        ("jump/b@1.5-3", 0),
        ("jump/b@3-", 0),
        ("jump/a b@0-2", 0),
        ("missing, truly", 0),
    ]
    assert [(item.start_s, item.end_s) for item in items[:3]] == [(0, None), (1.5, 3), (3, None)]


def test_csv_in_utf16(root):
    path = listed(root / "list.csv", "path,label\r\njump/b.mp4,saut\u00e9\r\n".encode("utf-16"))
    items, names = inputs.read(path)
    assert names == ["saut\u00e9"] and short(items) == [("jump/b", 0)]


def test_csv_split_column_keeps_the_classes_of_all_splits(root):
    text = "path,label,split\njump/b.mp4,jump,train\nrun/deep/er/c.webm,run,test\n"
    path = listed(root / "list.csv", text)
    items, names = inputs.read(path, split="test")
    assert names == ["jump", "run"] and short(items) == [("run/deep/er/c", 1)]
    assert "(test, train), got None" in error(path)
    assert "(test, train), got 'val'" in error(path, split="val")


def test_csv_with_one_split_needs_no_flag(root):
    path = listed(root / "list.csv", "path,label,split\njump/b.mp4,jump,train\n")
    assert len(inputs.read(path)[0]) == 1


def test_csv_indices_need_labels(root):
    path = listed(root / "list.csv", "path,label\njump/b.mp4,1\nrun/deep/er/c.webm,jump\n")
    items, names = inputs.read(path, labels=["jump", "run"])
    assert short(items) == [("jump/b", 1), ("run/deep/er/c", 0)]
    assert ":2: expected the name of a class, got '1'" in error(path)
    assert ":2: expected a label from 0 to 0, got 1" in error(path, labels=["jump"])


def test_csv_names_that_are_numbers_win_over_indices(root):
    path = listed(root / "list.csv", "path,label\njump/b.mp4,1\n")
    assert short(inputs.read(path, labels=["9", "5", "1"])[0]) == [("jump/b", 2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,label\nb.mp4,\n", ":2: expected a value for label, the cell is empty"),
        ("path,label\n,jump\n", ":2: expected a value for path"),
        ("path,label,split\nb.mp4,jump,\n", ":2: expected a value for split"),
        ("path,label\nb.mp4\n", ":2: expected 2 cells as in the header, got 1"),
        ("path,label\na, b.mp4,jump\n", ":2: expected 2 cells as in the header, got 3"),
        (
            "path,label,colour,size\nb.mp4,j,x,y\n",
            ":1: expected the columns path[,label][,start",
        ),
        ("path,label,colour,size\nb.mp4,j,x,y\n", "'colour', 'size' not known"),
        ("path,label,label\nb.mp4,j,k\n", "a column twice"),
        ("label,start_s\njump,1\n", "here path missing"),
        ("path;label\nb.mp4;jump\n", ":1: expected a header path[,label]"),
        ("path,label,start_s\nb.mp4,jump,now\n", ":2: expected a time in seconds, 0 or more"),
        ("path,label,start_s\nb.mp4,jump,-1\n", "got '-1'"),
        ("path,label,start_s\nb.mp4,jump,nan\n", "got 'nan'"),
        ("path,label,end_s\nb.mp4,jump,inf\n", "got 'inf'"),
        ("path,label,end_s\nb.mp4,jump,1_0\n", "got '1_0'"),
        ("path,label,start_s,end_s\n\nb.mp4,jump,2,2\n", ":3: expected an end after the start"),
        ("path,label,end_s\nb.mp4,jump,0\n", "got 0 to 0"),
        ('path,label\nb.mp4,jump\n"b.mp4,jump\nc.mp4,run\n', ":3: expected CSV"),
        ('path,label\n"b.mp4,jump\nc.mp4",run\n', ":2: expected CSV: a quote is not closed"),
        ("path,label\nb.mp4,jump\n./x/../b.mp4,jump\n", ":3: expected each video once"),
        ("path,label\nb.mp4,jump\nb.mp4,run\n", ".csv:2 already"),
        ("path,label\n../b.mp4,jump\n", ":2: expected a path inside"),
        ("path,label\n/etc/b.mp4,jump\n", ":2: expected a path inside"),
        ("path,label\n.,jump\n", ":2: expected a path inside"),
        ("path,label\n", "expected videos, found none"),
        ("", "expected a header path[,label]"),
        ("\n \r\n", "expected a header path[,label]"),
        (b"path,label\nb.mp4,jump\ncaf\xe9.mp4,jump\n", ":3: expected text in UTF-8"),
        ("path,label\nb.mp4,jump\n".encode("utf-16-le"), "it holds zero bytes"),
    ],
)
def test_csv_errors(tmp_path, text, expected):
    touch(tmp_path, "b.mp4")
    path = listed(tmp_path / "list.csv", text)
    line = error(path)
    assert line.startswith(str(path)) and expected in line


def test_absolute_paths_inside_the_root_are_fine(root, tmp_path):
    path = listed(tmp_path / "lists/a.csv", f"path,label\n{root}/jump/b.mp4,jump\n")
    assert "--video_root" in error(path)
    assert short(inputs.read(path, video_root=root)[0]) == [("jump/b", 0)]
    assert "--video_root: expected a folder" in error(path, video_root=root / "none")


def test_a_neighbour_with_the_same_beginning_is_outside(tmp_path):
    touch(tmp_path, "videos2/b.mp4", "videos/a.mp4")
    path = listed(tmp_path / "list.csv", f"path,label\n{tmp_path}/videos2/b.mp4,jump\n")
    assert "expected a path inside" in error(path, video_root=tmp_path / "videos")


def test_all_missing_is_an_error_some_missing_is_not(root, tmp_path):
    text = "path,label\ngone.mp4,jump\njump/b.mp4,jump\n"
    path = listed(tmp_path / "list.csv", text)
    items, _ = inputs.read(path, video_root=root)
    assert [Path(item.path).exists() for item in items] == [False, True]
    line = error(path)
    assert f"none of its 2 videos exists, the first looked for is {tmp_path}/gone.mp4" in line
    assert "--video_root" in line


def test_unreadable_things_are_one_line(root, tmp_path):
    assert "is a video" in error(root / "jump/b.mp4")
    path = listed(tmp_path / "list.csv", "path,label\nb.mp4,jump\n")
    assert "labels.txt: cannot be read" in error(path, labels=tmp_path / "labels.txt")


# Labels


def test_labels_of_a_file_fix_the_order(root, tmp_path):
    items, names = inputs.read(root, labels=listed(tmp_path / "labels.txt", "2 jump\n1 run\n"))
    assert names == ["run", "jump"]
    assert [item.label for item in items] == [1, 1, 0]
    line = error(root, labels=listed(tmp_path / "labels.txt", "running\njump\n"))
    assert "got 'run', the nearest is 'running'" in line


def test_an_item_has_the_label_that_it_is_given_as_its_only_one():
    assert inputs.Item("a", "/a.mp4", 3).labels == (3,)
    several = inputs.Item("a", "/a.mp4", 3, labels=(3, 1))
    assert (several.label, several.labels) == (3, (3, 1))
    assert dataclasses.replace(several, id="b").labels == (3, 1)

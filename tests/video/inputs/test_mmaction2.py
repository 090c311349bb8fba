"""MMAction2's lists of folders of images and of several labels; labels that begin at 1."""

import time

import pytest

from i3d.runtime import once
from i3d.video import inputs
from i3d.video.images import Images
from tests.helpers.inputs import error, listed, short, touch


@pytest.fixture
def root(tmp_path):
    """Videos, and folders of 6 images with flow: jump/a, run/b 2, run/3."""
    folder = tmp_path / "root"
    touch(folder, "jump/a1.mp4", "run/b 1.mp4")
    for video in ("jump/a", "run/b 2", "run/3"):
        kinds = ("img", "flow_x", "flow_y")
        touch(folder, *(f"{video}/{kind}_{n:05}.jpg" for n in range(1, 7) for kind in kinds))
    return folder


def read(root, text, **options):
    options = {"image_fps": 25, "video_root": root} | options
    return inputs.read(listed(root.parent / "list.txt", text), **options)[0]


def failing(root, text, **options):
    options = {"image_fps": 25, "video_root": root} | options
    return error(listed(root.parent / "list.txt", text), **options)


def test_several_labels_of_videos(root):
    items = read(root, "jump/a1.mp4 0 1 0\nrun/b 1.mp4 1\n")
    assert [item.labels for item in items] == [(0, 1), (1,)]
    assert [item.label for item in items] == [0, 1]
    assert items[0].source == items[0].path == str(root / "jump/a1.mp4")


def test_folders_of_images(root):
    items = read(root, "jump/a 6 0\nrun/b 2 6 1\nrun/3 4 1\n")
    assert short(items) == [("jump/a", 0), ("run/b 2", 1), ("run/3@0+4", 1)]
    assert items[0].images == items[0].source == Images(str(root / "jump/a"), 25)
    assert items[2].images == Images(str(root / "run/3"), 25, 0, 4)
    assert (items[2].start_s, items[2].end_s) == (0, None)


def test_a_label_alone_takes_all_images(root):
    assert short(read(root, "jump/a 0\nrun/b 2 1\n")) == [("jump/a", 0), ("run/b 2", 1)]


def test_several_labels_of_folders(root):
    items = read(root, "jump/a 6 0 2\nrun/3 6 1\n")
    assert [item.labels for item in items] == [(0, 2), (1,)]
    items = read(root, "jump/a 6 0 2\nrun/3 6 0 1\n")
    assert [item.labels for item in items] == [(0, 2), (0, 1)]


def test_offsets(root):
    text = "jump/a 0 3 0\njump/a 3 3 1\nrun/3 0 6 1\n"
    items = read(root, text)
    assert short(items) == [("jump/a@0+3", 0), ("jump/a@3+3", 1), ("run/3", 1)]
    assert items[1].images == Images(str(root / "jump/a"), 25, 3, 3)
    assert read(root, text, with_offset=True) == items
    assert "expected `dir num_frames label`" in failing(root, text, with_offset=False)
    items = read(root, "jump/a 1 3 0 1\n", with_offset=True)
    assert (items[0].labels, items[0].images.first) == ((0, 1), 1)


def test_what_may_be_an_offset_or_a_label_is_asked_for(root):
    text = "jump/a 3 2 0\nrun/3 2 2 1\n"
    line = failing(root, text)
    assert ":1: 'jump/a 3 2 0' may be `dir offset num_frames label` or" in line
    assert "--with_offset or --nowith_offset" in line
    assert read(root, text, with_offset=True)[0].images[2:] == (3, 2)
    items = read(root, "jump/a 3 2 0\n", with_offset=False)
    assert items[0].images[2:] == (0, 3) and items[0].labels == (2, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jump/a 7 0\n", ":1: {root}/jump/a: expected 7 images, found 6"),
        ("jump/a 6 0\nrun/3 900 1\n", ":2: {root}/run/3: expected 900 images, found 6"),
        ("jump/a 0 0\n", ":1: expected `dir num_frames label`, got 'jump/a 0 0'"),
        ("jump/a -1 0\n", ":1: expected `dir num_frames label`, got 'jump/a -1 0'"),
        ("jump/a 6 0\njump/a 6 1\n", "list.txt:1 already"),
        (f"jump/a {'9' * 5000} 0\n", ":1: expected `dir num_frames label`, got 'jump/a 99"),
        (f"jump/a1.mp4 {'9' * 5000}\n", ":1: expected `path label_index`, got 'jump/a1.mp4 99"),
        ("jump/a1.mp4 0\ngone 6 0 1 2\n", None),
    ],
)
def test_list_errors(root, text, expected):
    if expected is None:  # as videos that are missing, folders may be
        assert [item.images for item in read(root, text)] == [None, None]
    else:
        assert expected.format(root=root) in failing(root, text)


def test_the_rate_is_asked_for_where_it_is_needed(root):
    assert ":1: " in failing(root, "jump/a 6 0\n", image_fps=None)
    assert "jump/a: is a folder of images; give --image_fps" in failing(
        root, "jump/a1.mp4 0\njump/a 6 0\n", image_fps=None
    )
    assert read(root, "jump/a1.mp4 0\n", image_fps=None)


def test_csv_of_folders_of_images(root):
    text = "path,label,start_s,end_s\njump/a,jump,,\nrun/3,run,0.04,0.12\n"
    items, _ = inputs.read(listed(root / "a.csv", text), image_fps=25)
    assert short(items) == [("jump/a", 0), ("run/3@0.04-0.12", 1)]
    assert items[1].images == Images(str(root / "run/3"), 25)


def test_csv_with_several_labels(root):
    text = "path,label\njump/a1.mp4,run; jump\nrun/b 1.mp4,run\n"
    items, names = inputs.read(listed(root / "a.csv", text))
    assert names == ["jump", "run"] and [i.labels for i in items] == [(1, 0), (1,)]
    text = "path,label\njump/a1.mp4,0;2\nrun/b 1.mp4,a;b\n"
    items, _ = inputs.read(listed(root / "a.csv", text), labels=["x", "y", "a;b"])
    assert [i.labels for i in items] == [(0, 2), (2,)]
    for cell in ("jump;", ";", "a;;b"):
        line = error(listed(root / "a.csv", f"path,label\njump/a1.mp4,{cell}\n"))
        assert ":2: expected labels between semicolons, one is empty" in line


# Labels that begin at 1


def test_labels_from_1_are_noticed(root):
    text = "jump/a1.mp4 1\nrun/b 1.mp4 2\n"
    assert "no video has label 0; --first_label=1?" in failing(root, text)
    assert short(read(root, text, first_label=1)) == [("jump/a1", 0), ("run/b 1", 1)]
    assert short(read(root, text, first_label=0)) == [("jump/a1", 1), ("run/b 1", 2)]
    assert short(read(root, text, first_label=1, labels=["a", "b"]))[1] == ("run/b 1", 1)
    assert "no video has label 0" in failing(root, text, labels=["a", "b"])
    assert short(read(root, text, labels=["a", "b", "c"])) == [("jump/a1", 1), ("run/b 1", 2)]
    assert "no video has label 0" in failing(root, "jump/a1.mp4 1 2\nrun/b 1.mp4 2\n")
    assert ":1: expected labels from 1 on, got 0" in failing(root, "jump/a1.mp4 0\n", first_label=1)


def test_csv_indices_from_1(root):
    path = listed(root / "a.csv", "path,label\njump/a1.mp4,1\nrun/b 1.mp4,2;1\n")
    assert "no video has label 0" in error(path, labels=["a", "b"])
    items, _ = inputs.read(path, labels=["a", "b"], first_label=1)
    assert [item.labels for item in items] == [(0,), (1, 0)]
    path = listed(root / "a.csv", "path,label\njump/a1.mp4,a\n")
    assert "--first_label goes with lists whose labels are indices" in error(path, first_label=1)


# Names and hostile lines


def test_back_slashes_are_those_of_windows_where_there_is_no_such_file(root):
    items = read(root, "jump\\a1.mp4 0\nrun\\b 1.mp4 1\nrun\\3 6 1\nrun\\gone.mp4 1\n")
    assert [item.id for item in items] == ["jump/a1", "run/b 1", "run/3", "run/gone"]
    touch(root, "jump\\a1.mp4")
    assert read(root, "jump\\a1.mp4 0\n")[0].path == str(root / "jump\\a1.mp4")
    path = listed(root / "a.csv", "path,label\nrun\\b 1.mp4,run\n")
    assert inputs.read(path)[0][0].id == "run/b 1"
    assert "expected a path inside" in failing(root, "..\\b.mp4 0\n")


def test_accents_are_found_in_either_form(root):
    touch(root, "saute\u0301.mp4")
    assert read(root, "sauté.mp4 0\n")[0].path == str(root / "saute\u0301.mp4")


@pytest.mark.parametrize(
    "line",
    [
        " " * 100_000,
        "a" + " " * 100_000 + "b",
        "\t " * 50_000 + "x",
        "0 " * 50_000,
        "a " * 50_000 + "1",
        "x" * 100_000 + " 0",
        "1" * 100_000,
        "-" * 100_000 + " 0",
        ",".join("a" * 50_000),
        '"' * 100_000,
        "handstandpushups" * 6_000 + "/a.avi",
        "handstandpushups/" * 6_000 + "a.avi",
    ],
    ids=range(12),
)
@pytest.mark.parametrize("name", ["list.txt", "list.csv", "trainlist01.txt", "a_test_split1.txt"])
def test_a_long_line_takes_no_time(root, name, line):
    listed(root / "classInd.txt", "1 HandstandPushups\n")
    head = {"list.txt": "jump/a1.mp4 0\n", "list.csv": "path,label\njump/a1.mp4,x\n"}.get(name, "")
    path = listed(root / name, head + line + "\n")
    videos = root / "*_test_split1.txt" if name.startswith("a_") else path
    began = time.perf_counter()
    try:
        inputs.read(str(videos), root, split="train", image_fps=25)
    except inputs.InputError as problem:
        assert len(str(problem)) < 1500
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("count", [2, 40, 400])
def test_ucf101_spellings_are_looked_up_once_for_each_name(root, count, monkeypatch):
    listed(root / "classInd.txt", "1 HandstandPushups\n")
    path = listed(
        root / "trainlist01.txt", f"HandstandPushups/{'handstandpushups' * count}/a.avi\n"
    )
    looked = []
    exists = inputs.lists.os.path.exists
    monkeypatch.setattr("os.path.exists", lambda path: looked.append(path) or exists(path))
    error(path)
    assert len(looked) < 20


def test_gaps_of_listed_folders_are_told_once(root, capsys, monkeypatch):
    monkeypatch.setattr(once, "_told", bytearray(2))
    (root / "jump/a/img_00003.jpg").unlink()
    assert short(read(root, "jump/a 5 0\nrun/3 6 1\n")) == [("jump/a", 0), ("run/3", 1)]
    told = capsys.readouterr().err
    assert "1 numbers are missing, the first after img_00002.jpg" in told
    assert told.count("\n") == 1

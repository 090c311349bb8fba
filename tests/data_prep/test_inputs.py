"""What --videos may name: every form, its traps, and the line that a mistake gives."""

import os
from pathlib import Path

import pytest

from data_prep import inputs

UCF_CLASSES = "1 Archery\r\n2 HandstandPushups\r\n3 YoYo\r\n"


def touch(root, *names):
    for name in names:
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def listed(path, text):
    """Writes a list, and returns its path; bytes are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def short(items):
    return [(item.id, item.label) for item in items]


def error(*arguments, **settings):
    """Returns the one line that the call fails with."""
    with pytest.raises(inputs.InputError) as caught:
        inputs.read(*arguments, **settings)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def root(tmp_path):
    """A folder of three videos in two classes."""
    folder = tmp_path / "videos"
    touch(folder, "jump/b.mp4", "jump/a b.AVI", "run/deep/er/c.webm")
    return folder


# A folder


def test_folder_gives_sorted_classes_and_items(root, capsys):
    touch(root, "jump/.hidden.mp4", ".git/x/y.mp4", "run/notes.txt", "run/cover", "LICENSE.txt")
    items, names = inputs.read(root)
    assert names == ["jump", "run"]
    assert short(items) == [("jump/a b", 0), ("jump/b", 0), ("run/deep/er/c", 1)]
    assert items[0] == inputs.Item("jump/a b", str(root / "jump/a b.AVI"), 0, 0.0, None)
    assert "(.txt: 2, no extension: 1)" in capsys.readouterr().err


def test_folder_of_videos_alone_says_nothing(root, capsys):
    inputs.read(str(root) + "/", video_root=root)
    assert capsys.readouterr().err == ""


def test_folder_is_sorted_by_path_whatever_the_file_system_says(tmp_path):
    touch(tmp_path, *(f"c{i % 7}/{i * 37 % 100:03}.mp4" for i in range(100)))
    items, names = inputs.read(tmp_path)
    assert names == [f"c{i}" for i in range(7)]
    assert len(items) == 100
    assert [item.path for item in items] == sorted(item.path for item in items)


def test_relative_folder_gives_absolute_paths(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    items, _ = inputs.read("videos")
    assert items[1].path == str(root / "jump/b.mp4")


def test_labels_fix_the_order_of_a_folder(root):
    touch(root, "docs/readme.md")
    items, names = inputs.read(root, labels=["walk", "run", "jump"])
    assert names == ["walk", "run", "jump"]
    assert [item.label for item in items] == [2, 2, 1]


def test_folder_errors(root, tmp_path):
    (root / "walk").mkdir()
    assert "walk: expected videos of a class, found none" in error(root)
    (root / "walk").rmdir()
    assert "'run', the nearest is 'ran'" in error(root, labels=["jump", "ran"])
    touch(root, "loose.mp4")
    assert "loose.mp4: expected videos in folders of classes" in error(root)
    touch(tmp_path / "sets", "train/jump/a.mp4", "val/jump/b.mp4")
    assert "found train, val; name the folder of one split" in error(tmp_path / "sets")
    assert "does not exist" in error(tmp_path / "nowhere")
    assert "leave it out" in error(tmp_path / "sets", video_root=root)


def test_links_are_followed_but_not_in_circles(root, tmp_path):
    touch(tmp_path / "far", "d.mp4")
    (root / "walk").symlink_to(tmp_path / "far")
    items, names = inputs.read(root)
    assert names == ["jump", "run", "walk"] and items[-1].id == "walk/d"
    (root / "run/again").symlink_to(root / "run")
    assert "again: is a link to a folder that it lies in" in error(root)


def test_file_name_that_is_not_utf8(root):
    try:
        touch(os.fsencode(root).decode() + "/jump", os.fsdecode(b"caf\xe9.mp4"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert "expected a file name in UTF-8" in error(root)


def test_ids_stay_unique_where_only_the_extension_differs(tmp_path):
    touch(tmp_path, "c/a.mp4", "c/a.avi", "c/a.avi.mkv", "c/b.mp4")
    items, _ = inputs.read(tmp_path)
    assert [item.id for item in items] == ["c/a.avi", "c/a.avi.mkv", "c/a.mp4", "c/b"]


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
        ("path,label,colour,size\nb.mp4,j,x,y\n", ":1: expected the columns path,label[,start_s]"),
        ("path,label,colour,size\nb.mp4,j,x,y\n", "'colour', 'size' not known"),
        ("path,label,label\nb.mp4,j,k\n", "a column twice"),
        ("path,start_s\nb.mp4,1\n", "here label missing"),
        ("path;label\nb.mp4;jump\n", ":1: expected a header path,label"),
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
        ("", "expected a header path,label"),
        ("\n \r\n", "expected a header path,label"),
        (b"path,label\nb.mp4,jump\ncaf\xe9.mp4,jump\n", ":3: expected text in UTF-8"),
        ("path,label\nb.mp4,jump\n".encode("utf-16-le"), "it holds zero bytes"),
        ("path,label\r\nb.mp4,jump\r\n".encode("utf-16"), ":1: expected text in UTF-8"),
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


@pytest.mark.parametrize(
    "text", ["run\njump\n", "\ufeffrun \r\n\r\njump\r\n", "0 run\n1 jump\n", "2 jump\n1 run\n"]
)
def test_label_files(root, tmp_path, text):
    items, names = inputs.read(root, labels=listed(tmp_path / "labels.txt", text))
    assert names == ["run", "jump"]
    assert [item.label for item in items] == [1, 1, 0]


def test_label_names_may_hold_spaces_and_begin_with_a_number(tmp_path):
    touch(tmp_path, "v/3 point shot/a.mp4")
    path = listed(tmp_path / "labels.txt", "arm wrestling\n3 point shot\n")
    assert inputs.read(tmp_path / "v", labels=path)[1] == ["arm wrestling", "3 point shot"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run\njump\nrun\n", "got 'run' twice"),
        ("", "got none"),
        ("0 run\n2 jump\n", "from 0 or 1 without gaps"),
        ("2 run\n3 jump\n", "from 0 or 1 without gaps"),
        ("running\njump\n", "got 'run', the nearest is 'running'"),
    ],
)
def test_label_errors(root, tmp_path, text, expected):
    assert expected in error(root, labels=listed(tmp_path / "labels.txt", text))


# MMAction2


def test_mmaction2_list(root):
    path = listed(root / "list.txt", "jump/a b.AVI 2\r\n\r\nrun/deep/er/c.webm  0 \r\n")
    items, names = inputs.read(path)
    assert names == ["0", "1", "2"]
    assert short(items) == [("jump/a b", 2), ("run/deep/er/c", 0)]
    assert inputs.read(path, labels=["x", "y", "z"])[1] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b.mp4 0\nc.mp4\n", ":2: expected `path label_index`, got 'c.mp4'"),
        ("b.mp4 0\n7\n", ":2: expected `path label_index`, got '7'"),
        ("b.mp4 -1\n", ":1: expected `path label_index`, got 'b.mp4 -1'"),
        ("b.mp4 0\nc.mp4 20160101\n", ":2: expected the index of a class, got 20160101"),
        ("b.mp4\n", ":1: expected a header"),
        ("b.mp4 0\nb.mp4 1\n", "list.txt:1 already"),
    ],
)
def test_mmaction2_errors(tmp_path, text, expected):
    touch(tmp_path, "b.mp4")
    assert expected in error(listed(tmp_path / "list.txt", text))


def test_mmaction2_index_beyond_the_labels(root):
    path = listed(root / "list.txt", "jump/b.mp4 2\n")
    assert ":1: expected a label from 0 to 1, got 2" in error(path, labels=["x", "y"])


# UCF101


@pytest.fixture
def ucf(tmp_path):
    """Excerpts of the official lists; returns their folder."""
    folder = tmp_path / "lists"
    listed(folder / "classInd.txt", UCF_CLASSES)
    train = "YoYo/v_YoYo_g08_c01.avi 3\r\nArchery/v_Archery_g08_c01.avi 1\r\n"
    listed(folder / "trainlist01.txt", train)
    test = "HandstandPushups/v_HandStandPushups_g01_c01.avi\r\nYoYo/v_YoYo_g01_c01.avi\r\n"
    listed(folder / "testlist01.txt", test)
    return folder


def test_ucf101_lists(ucf, tmp_path):
    videos = tmp_path / "UCF-101"
    touch(videos, "YoYo/v_YoYo_g08_c01.avi", "YoYo/v_YoYo_g01_c01.avi")
    items, names = inputs.read(ucf / "trainlist01.txt", videos)
    assert names == ["Archery", "HandstandPushups", "YoYo"]
    assert short(items) == [("YoYo/v_YoYo_g08_c01", 2), ("Archery/v_Archery_g08_c01", 0)]
    items, _ = inputs.read(ucf / "testlist01.txt", videos)
    assert short(items)[1] == ("YoYo/v_YoYo_g01_c01", 2)


@pytest.mark.parametrize("folder", ["HandstandPushups", "HandStandPushups"])
@pytest.mark.parametrize("word", ["HandstandPushups", "HandStandPushups"])
def test_ucf101_class_of_two_spellings(ucf, tmp_path, folder, word):
    videos = tmp_path / "UCF-101"
    touch(videos, f"{folder}/v_{word}_g01_c01.avi")
    items, names = inputs.read(ucf / "testlist01.txt", videos)
    assert items[0].path == str(videos / folder / f"v_{word}_g01_c01.avi")
    assert names[items[0].label] == "HandstandPushups"
    items, _ = inputs.read(ucf / "testlist01.txt", videos, labels=["YoYo", "HandStandPushups"])
    assert [item.label for item in items] == [1, 0]


def test_ucf101_errors(ucf):
    touch(ucf, "YoYo/v_YoYo_g08_c01.avi")
    train = listed(ucf / "trainlist02.txt", "YoYo/v_YoYo_g08_c01.avi 2\n")
    assert ":1: expected CLASS/VIDEO.avi 3 (by classInd.txt)" in error(train)
    listed(train, "v_YoYo_g08_c01.avi 3\n")
    assert ":1: expected CLASS/VIDEO.avi" in error(train)
    listed(train, "YoYos/v_YoYo_g08_c01.avi\n")
    assert ":1: expected one of 3 classes, got 'YoYos', the nearest is 'YoYo'" in error(train)
    (ucf / "classInd.txt").unlink()
    assert "expected classInd.txt beside" in error(ucf / "trainlist01.txt")
    assert inputs.read(ucf / "trainlist01.txt", labels=["Archery", "YoYo"])[0][0].label == 1


# HMDB51


@pytest.fixture
def hmdb(tmp_path):
    """Excerpts of the official lists; returns their folder."""
    folder = tmp_path / "splits"
    listed(folder / "climb_test_split1.txt", "up_climb_u_0.avi 1 \ndown_climb_u_0.avi 2 \n")
    listed(folder / "climb_stairs_test_split1.txt", "a_#!(1)&;_0.avi 0 \nb_u_0.avi 1 \n")
    listed(folder / "climb_test_split2.txt", "up_climb_u_0.avi 2 \n")
    return folder


def test_hmdb51_lists(hmdb, tmp_path):
    videos = tmp_path / "hmdb51"
    touch(videos, "climb/up_climb_u_0.avi", "climb/down_climb_u_0.avi")
    pattern = f"{hmdb}/*_test_split1.txt"
    items, names = inputs.read(pattern, videos, split="train")
    assert names == ["climb", "climb_stairs"]
    assert short(items) == [("climb/up_climb_u_0", 0), ("climb_stairs/b_u_0", 1)]
    items, names = inputs.read(pattern, videos, split="test")
    assert names == ["climb", "climb_stairs"]
    assert short(items) == [("climb/down_climb_u_0", 0)]


def test_hmdb51_errors(hmdb):
    pattern = f"{hmdb}/*_test_split1.txt"
    assert "expected train or test for HMDB51, got None" in error(pattern)
    assert "matches more than one split" in error(f"{hmdb}/*.txt", split="train")
    assert "matches no file" in error(f"{hmdb}/*_test_split9.txt", split="train")
    assert f"--videos='{pattern}'" in error(hmdb / "climb_test_split1.txt", split="train")
    assert "DIR/*_test_split1.txt for HMDB51" in error(hmdb, split="train")
    assert "none of its 2 videos exists" in error(pattern, split="train")
    listed(hmdb / "climb_test_split1.txt", "up_climb_u_0.avi 3\n")
    assert ":1: expected `NAME.avi 0`, 1 or 2" in error(pattern, split="train")
    touch(hmdb, "list_split1.txt")
    assert "list_split1.txt" in error(f"{hmdb}/*_split1.txt", split="train")


# Kinetics

KINETICS = """label,youtube_id,time_start,time_end,split,is_cc
riding a bike,-abcDEF_123,3,13,train,0
riding a bike,trimmed0001,12,22,train,0
abseiling,untrimmed01,120,130,train,1
abseiling,missing0001,0,10,train,0
"massaging person's head",underscore1,1,11,train,0
"""


def test_kinetics_finds_the_layouts_and_keeps_missing_videos(tmp_path):
    touch(tmp_path, "-abcDEF_123_000003_000013.mp4", "untrimmed01.webm", "trimmed0001.mp4")
    touch(tmp_path, "riding a bike/trimmed0001_000012_000022.mkv")
    touch(tmp_path, "massaging_person's_head/underscore1_000001_000011.mp4")
    items, names = inputs.read(listed(tmp_path / "train.csv", KINETICS))
    assert names == ["abseiling", "massaging person's head", "riding a bike"]
    assert short(items) == [
        ("-abcDEF_123_000003_000013", 2),
        ("riding a bike/trimmed0001_000012_000022", 2),
        ("untrimmed01@120-130", 0),
        ("missing0001_000000_000010", 0),
        ("massaging_person's_head/underscore1_000001_000011", 1),
    ]
    assert (items[2].start_s, items[2].end_s) == (120.0, 130.0)
    assert (items[1].start_s, items[1].end_s) == (0.0, None)
    assert items[3].path == str(tmp_path / "missing0001_000000_000010.mp4")


def test_kinetics_missing_videos_are_looked_for_in_the_class_folder_there_is(tmp_path):
    touch(tmp_path, "abseiling/untrimmed01.mp4")
    items, _ = inputs.read(listed(tmp_path / "train.csv", KINETICS))
    assert items[2].id == "abseiling/untrimmed01@120-130"
    assert items[3].path == str(tmp_path / "abseiling/missing0001_000000_000010.mp4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("youtube_id,time_start,time_end,split\nx,0,10,test\n", "here label missing"),
        ("label,youtube_id,time_start,time_end\n,x,0,10\n", ":2: expected a value for label"),
        ("label,youtube_id,time_start,time_end\na,x,,10\n", "expected a value for time_start"),
        ("label,youtube_id,time_start,time_end\na,x,10,5\n", "expected an end after the start"),
        ("label,youtube_id,time_start,time_end,path\na,x,0,5,p\n", "'path' not known"),
        ("label,youtube_id,time_start,time_end\n../b,x,0,5\n", "expected a path inside"),
        ("label,youtube_id,time_start,time_end\na,../x,0,5\n", "expected a path inside"),
        ("label,youtube_id,time_start,time_end\na,y,0,5\n", "none of its 1 videos exists"),
    ],
)
def test_kinetics_errors(tmp_path, text, expected):
    touch(tmp_path, "b/x_000000_000005.mp4", "v/x_000000_000010.mp4")
    assert expected in error(listed(tmp_path / "test.csv", text), tmp_path / "v")


# The published lists


@pytest.fixture
def annotations():
    folder = os.environ.get("I3D_TEST_ANNOTATIONS")
    if not folder:
        pytest.skip("I3D_TEST_ANNOTATIONS is not set: no folder of published lists to test on")
    return Path(folder)


def test_published_ucf101_lists(annotations, tmp_path):
    touch(tmp_path, "YoYo/v_YoYo_g01_c01.avi", "YoYo/v_YoYo_g08_c01.avi")
    for name, count in (("trainlist01", 9537), ("testlist01", 3783)):
        path = annotations / f"ucf101_ucfTrainTestlist/{name}.txt"
        items, names = inputs.read(path, tmp_path)
        assert (len(items), len(names)) == (count, 101)
        assert all(item.id.startswith(names[item.label] + "/v_") for item in items)
        assert {item.label for item in items} == set(range(101))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_published_hmdb51_lists(annotations, tmp_path, number):
    folder = annotations / "hmdb51_testTrainMulti_7030_splits"
    seen = set()
    for split, count in (("train", 70), ("test", 30)):
        pattern = f"{folder}/*_test_split{number}.txt"
        touch(tmp_path, "wave/" + _first(folder / f"wave_test_split{number}.txt", split))
        items, names = inputs.read(pattern, tmp_path, split)
        assert len(items) == count * 51 and len(names) == 51
        assert [[item.label for item in items].count(i) for i in range(51)] == [count] * 51
        assert not seen & {item.id for item in items}
        seen |= {item.id for item in items}
    assert names == sorted((folder / "class_list.txt").read_text().split())


def _first(path, split):
    marks = dict(line.split() for line in path.read_text().splitlines())
    return next(name for name, mark in marks.items() if mark == {"train": "1", "test": "2"}[split])

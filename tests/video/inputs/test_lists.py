"""The lists of the data sets: MMAction2, UCF101, HMDB51 and Kinetics."""

import os
from pathlib import Path

import pytest

from i3d.video import inputs
from tests.helpers.inputs import UCF_CLASSES, error, listed, short, touch

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
    path = listed(root / "list.txt", "jump/b.mp4 3\n")
    assert ":1: expected a label from 0 to 1, got 3" in error(path, labels=["x", "y"])


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


def test_splits(tmp_path):
    (tmp_path / "a.csv").write_text("path,label,split\na.mp4,x,train\nb.mp4,x,test\nc.mp4,y,test\n")
    (tmp_path / "b.csv").write_text("path,label\na.mp4,x\n")
    assert inputs.splits(tmp_path / "a.csv") == ("test", "train")
    assert inputs.splits(tmp_path / "b.csv") == inputs.splits(tmp_path) == ()
    assert inputs.splits(tmp_path / "*_test_split1.txt") == ("test", "train")

"""Folders of classes: order, ids, links, names that are not UTF-8."""

import os

import cv2
import numpy as np
import pytest

from i3d.runtime.labels import UNLABELLED
from i3d.video import inputs
from i3d.video.images import Images
from tests.helpers.images import animation, written
from tests.helpers.inputs import error, short, touch


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
    assert (
        "walk: expected videos of a class (files, or with --image_fps folders of images"
        in error(root)
    )
    (root / "walk").rmdir()
    assert "'run', the nearest is 'ran'" in error(root, labels=["jump", "ran"])
    touch(root, "loose.mp4")
    assert "loose.mp4: expected videos in folders of classes" in error(root)
    touch(tmp_path / "sets", "train/jump/a.mp4", "val/jump/b.mp4")
    assert "found train, val; name the folder of one split" in error(tmp_path / "sets")
    assert "does not exist" in error(tmp_path / "nowhere")
    assert "leave it out" in error(tmp_path / "sets", video_root=root)


def test_videos_without_classes(tmp_path, capsys):
    touch(tmp_path, "b.mp4", "a.avi", "notes.txt", ".hidden.mp4")
    items, names = inputs.read(tmp_path)
    assert names == [UNLABELLED] and short(items) == [("a", 0), ("b", 0)]
    assert "left out files that are no videos (.txt: 1)" in capsys.readouterr().err
    assert "a.avi: --labels goes with folders of classes" in error(tmp_path, labels=["x", "y"])
    touch(tmp_path, "jump/c.mp4")
    assert "a.avi: expected videos in folders of classes, or without" in error(tmp_path)


def test_images_beside_videos_are_taken_where_they_are_asked_for(tmp_path, capsys):
    touch(tmp_path, "jump/a.mp4", "jump/b.jpg", "jump/notes.txt", "run/c.PNG", "run/one/img_1.jpg")
    names = ["jump/a", "jump/b", "run/c", "run/one/img_1"]
    assert [item.id for item in inputs.read(tmp_path, stills=True)[0]] == names
    assert "left out files that are no videos (.txt: 1)" in capsys.readouterr().err
    written(tmp_path / "run/one", "img_1.jpg", "img_2.jpg")
    items, _ = inputs.read(tmp_path, stills=True, image_fps=25)  # a folder of images is a video
    assert [item.id for item in items] == [*names[:3], "run/one"]
    assert items[3].images == Images(str(tmp_path / "run/one"), 25) and items[2].images is None
    touch(tmp_path, "flat/a.jpg", "flat/b.mp4", "none/run/a.txt")
    items, found = inputs.read(tmp_path / "flat", stills=True)
    assert found == [UNLABELLED] and [item.id for item in items] == ["a", "b"]
    assert "run: expected videos or images of a class, found none" in error(
        tmp_path / "none", stills=True
    )


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


# Names


@pytest.mark.parametrize("name", ["run ", " run", "run\nfast", "run\t", "run\u2028", "\u00a0run"])
def test_names_that_no_file_of_names_can_keep_are_refused(root, name):
    touch(root, f"{name}/a.mp4")
    assert f"in one line, without blanks at their ends; got {name!r}" in error(root)


def test_names_are_composed(root):
    touch(root, "saute\u0301/e\u0301.mp4")
    items, names = inputs.read(root)
    assert names == ["jump", "run", "sauté"]
    assert short(items)[-1] == ("saute\u0301/e\u0301", 2)
    assert inputs.read(root, labels=["saute\u0301", "run", "jump"])[1][0] == "sauté"
    touch(root, "sauté/b.mp4")
    assert r"the folders 'saute\u0301', 'saut\xe9' have one name" in error(root)


# GIF, WebP and folders of images


def test_animations_are_videos_and_still_pictures_are_not(root, capsys):
    animation(root / "wave/a.gif", 3)
    animation(root / "wave/b.WEBP", 3)
    animation(root / "wave/still.gif", 1)
    cv2.imwrite(str(root / "wave/still.webp"), np.zeros((8, 8, 3), np.uint8))
    items, names = inputs.read(root)
    assert names == ["jump", "run", "wave"]
    assert [item.id for item in items if item.label == 2] == ["wave/a", "wave/b"]
    assert "no videos (still .gif: 1, still .webp: 1)" in capsys.readouterr().err


def test_folders_of_images_are_videos_where_their_rate_is_known(tmp_path, capsys):
    touch(tmp_path, "jump/a.b/img_1.jpg", "jump/a.b/flow_x_1.jpg", "jump/deep/b/1.png", "run/c.mp4")
    touch(tmp_path, "run/thumbs/c.jpg", "run/c.jpg")
    items, names = inputs.read(tmp_path, image_fps=12)
    assert names == ["jump", "run"]
    assert short(items) == [("jump/a.b", 0), ("jump/deep/b", 0), ("run/c", 1), ("run/thumbs", 1)]
    assert items[0].images == Images(str(tmp_path / "jump/a.b"), 12)
    assert "no videos (.jpg: 1)" in capsys.readouterr().err
    assert "jump/a.b: is a folder of images; give --image_fps" in error(tmp_path)
    touch(tmp_path, "jump/d.mp4")
    capsys.readouterr()
    assert [item.id for item in inputs.read(tmp_path, image_fps=None)[0]] == ["jump/d", "run/c"]
    told = capsys.readouterr().err
    assert f"left out folders of images (3, the first is {tmp_path}/jump/a.b); --image_fps" in told


def test_images_without_a_folder_of_their_own_are_no_video(tmp_path):
    touch(tmp_path, "jump/1.jpg", "jump/2.jpg")
    line = error(tmp_path, image_fps=25)
    assert "jump: expected videos of a class (files, or with --image_fps folders of images" in line

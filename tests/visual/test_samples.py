"""Which videos of a folder are labelled, and the classes that their labels mean."""

import pytest

from i3d.runtime.command import UserError
from i3d.visual import samples
from i3d.visual.samples import Clip, chosen


def folder(root, classes):
    for name, videos in classes.items():
        for video in videos:
            path = root / name / video
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    return str(root)


def test_some_of_each_class(tmp_path):
    many = [f"{i:02}.mp4" for i in range(20)]
    videos = folder(tmp_path / "v", {"run": many, "a b": ["x.avi"], "jump": many})
    found = chosen(videos, "out", 3, 0)
    assert [clip.truth for clip in found] == ["a b", *["jump"] * 3, *["run"] * 3]
    assert found[0] == Clip(f"{videos}/a b/x.avi", "out/a b/x.mp4", "a b")
    assert found == chosen(videos, "out", 3, 0) and found != chosen(videos, "out", 3, 1)
    assert len({clip.video for clip in found}) == 7
    run = chosen(folder(tmp_path / "w", {"run": many}), "out", 3, 0)
    assert [clip.out for clip in run] == [clip.out for clip in found[4:]]


def test_names_that_differ_in_their_ending(tmp_path):
    found = chosen(folder(tmp_path, {"run": ["a.mp4", "a.avi"]}), "out", 2, 0)
    assert len({clip.out for clip in found}) == 2


def test_folders_without_classes(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: expected a folder of videos for each class, found"):
        chosen(str(tmp_path / "empty"), "out", 2, 0)
    (tmp_path / "empty").rmdir()
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(UserError, match="expected a folder of videos for each class"):
        chosen(str(tmp_path), "out", 2, 0)
    with pytest.raises(UserError, match="no: expected a folder with a folder for each class"):
        chosen("no", "out", 2, 0)


def test_images_are_refused_without_a_flag_that_is_not_there(tmp_path, capsys):
    videos = folder(tmp_path, {"run": ["001.jpg"]})
    with pytest.raises(UserError, match="expected videos of a class, found none; remove the") as no:
        chosen(videos, "out", 2, 0)
    deep = folder(tmp_path, {"run/a": ["001.jpg"]})
    with pytest.raises(UserError, match="expected video files, got a folder of images") as images:
        chosen(deep, "out", 2, 0)
    folder(tmp_path, {"run": ["a.mp4"]})
    assert len(chosen(videos, "out", 2, 0)) == 1
    told = capsys.readouterr().err
    assert "left out folders of images (1" in told
    assert "--" not in f"{told} {no.value} {images.value}"


def test_a_label_names_a_class():
    for given in ("brush hair", "BrushHair", "brush_hair", "BRUSH-HAIR"):
        assert samples.class_named(given, ["run", "brush hair"], "f") == "brush hair"
    assert samples.class_named("走り", ["走り", "run"], "f") == "走り"
    with pytest.raises(
        UserError, match="f: expected one of the network's 2 classes, got 'x'; such as 'a'"
    ):
        samples.class_named("x", ["a", "b"], "f")

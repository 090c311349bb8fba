"""Lists of videos for extract_features: paths, labels, folders of images, what is refused."""

import time

import pytest

from i3d.features import videos
from i3d.runtime.text import InputError
from i3d.video.images import Images
from tests.helpers.inputs import listed, touch


@pytest.fixture
def root(tmp_path):
    names = [f"frames/img_{n:05}.jpg" for n in range(1, 7)]
    touch(tmp_path, "a.mp4", "b 1.mp4", "take 2", "deep/c.avi", *names)
    return tmp_path


def read(root, text, **options):
    return videos.read(listed(root / "list.txt", text), **options)


def failing(root, text, **options):
    with pytest.raises(InputError) as caught:
        read(root, text, **options)
    assert len(str(caught.value)) < 1500 and "\n" not in str(caught.value)
    return str(caught.value)


def test_labels_are_ignored(root):
    text = "a.mp4\nb 1.mp4 3\ndeep/c.avi 1 2 3\ntake 2\ntake 2 0\na.mp4 -1\ndeep\\c.avi 5\n"
    names = ["a.mp4", "b 1.mp4", "deep/c.avi", "take 2", "take 2", "a.mp4", "deep/c.avi"]
    assert [entry.name for entry in read(root, text)] == names
    assert read(root, text)[0].source == str(root / "a.mp4")


def test_folders_of_images(root):
    text = "frames\nframes 6 0\nframes 0\nframes 4 1\n"
    entries = read(root, text, image_fps=12.5)
    folder = str(root / "frames")
    assert [entry.source for entry in entries[:3]] == [Images(folder, 12.5)] * 3
    assert entries[3].source == Images(folder, 12.5, 0, 4)
    assert [entry.name for entry in entries] == [*["frames"] * 3, "frames@0+4"]
    entries = read(root, "frames 0 3 1\nframes 3 3 1\na.mp4 1\n", image_fps=25)
    assert videos.file_names(entries) == ["frames@0+3", "frames@3+3", "a"]
    assert read(root, "frames 1 3 1\n", image_fps=25, with_offset=True)[0].images.first == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frames\n", ":1: {root}/frames: is a folder of images; give --image_fps"),
        ("frames 7 0\n", ":1: {root}/frames: expected 7 images, found 6"),
        ("deep\n", ":1: {root}/deep: a folder without images"),
        ("gone.mp4 0\n", ":1: no such video: {root}/gone.mp4; 1 of 1 are missing"),
        ("../a.mp4\n", ":1: expected a path inside {root}"),
        ("\n", "expected a video path in each line"),
    ],
)
def test_errors(root, text, expected):
    options = {} if expected.count("--image_fps") else {"image_fps": 25}
    assert expected.format(root=root) in failing(root, text, **options)


@pytest.mark.parametrize("line", ["a" + " " * 100_000 + "b", "1 " * 50_000, "-1 " * 50_000 + "x"])
def test_a_long_line_takes_no_time(root, line):
    began = time.perf_counter()
    failing(root, f"a.mp4\n{line}\n", image_fps=25)
    assert time.perf_counter() - began < 1


def named(root, *names, **options):
    return videos.named([str(root / name) for name in names], **options)


def test_files_of_a_command_line(root):
    assert [entry.name for entry in named(root, "b 1.mp4", "a.mp4")] == ["b 1.mp4", "a.mp4"]
    assert [entry.name for entry in named(root, "deep/c.avi")] == ["c.avi"]
    entries = named(root, "deep/c.avi", "frames", "a.mp4", image_fps=25)
    assert [entry.name for entry in entries] == ["deep/c.avi", "frames", "a.mp4"]
    assert entries[1].source == Images(str(root / "frames"), 25)
    assert videos.file_names(entries) == ["deep/c", "frames", "a"]


@pytest.mark.parametrize(
    "names, message",
    [
        (("a.mp4", "nowhere.mp4"), "nowhere.mp4: no such file"),
        (("a.mp4", "deep/../a.mp4"), "a.mp4: expected each video once, it was given twice"),
        (("frames",), "is a folder of images; give --image_fps"),
        (("frames/img_00001.jpg",), "img_00001.jpg is an image, not a video; a folder of images"),
        (("deep",), "a folder without images"),
    ],
)
def test_what_no_file_of_a_command_line_can_be(root, names, message):
    with pytest.raises(InputError, match=message):
        named(root, *names)

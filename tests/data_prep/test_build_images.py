"""`python -m data_prep build --images` as a process: images as videos of one frame."""

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from i3d.data import read
from tests.helpers.builds import build, told
from tests.helpers.processes import contents

pytestmark = pytest.mark.long


def _picture(seed, shape=(48, 64, 3)):
    return cv2.resize(
        np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8), shape[1::-1]
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of good and bad images in the classes jump and run."""
    folder = tmp_path_factory.mktemp("images")
    for name in ("jump", "run"):
        (folder / name).mkdir()
    for seed in range(3):
        cv2.imwrite(str(folder / "jump" / f"a{seed}.jpg"), _picture(seed))
    cv2.imwrite(str(folder / "run" / "grey.png"), _picture(3)[..., 0])
    alpha = np.concatenate([_picture(4), np.full((48, 64, 1), 128, np.uint8)], -1)
    cv2.imwrite(str(folder / "run" / "alpha.png"), alpha)
    whole = (folder / "jump" / "a0.jpg").read_bytes()
    (folder / "run" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "run" / "text.jpg").write_text("no image")
    (folder / "run" / "empty.jpg").write_bytes(b"")
    cv2.imwrite(str(folder / "run" / "dot.png"), _picture(5, (1, 1, 3)))
    return folder


def test_images_become_videos_of_one_frame_and_others_are_listed(images, tmp_path):
    flags = (f"--videos={images}", "--images", "--short_side=48")
    first = build(*flags, f"--out={tmp_path / 'one'}", "--workers=1")
    second = build(*flags, f"--out={tmp_path / 'two'}", "--workers=2")
    assert first.returncode == second.returncode == 1, first.stderr
    assert first.stdout == f"{tmp_path / 'one'}: split 'train' complete, 5 images, 4 failed\n"
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    for line in ("cut.jpg: damaged", "text.jpg: not an", "empty.jpg: not an", "1x1 pixels"):
        assert line in first.stderr
    rows = list(tfds.as_numpy(tfds.builder_from_directory(tmp_path / "one").as_dataset("train")))
    assert {row["id"].decode(): row["label"] for row in rows} == {
        "jump/a0": 0, "jump/a1": 0, "jump/a2": 0, "run/alpha": 1, "run/grey": 1,
    }  # fmt: skip
    assert {row["frames"].shape for row in rows} == {(1, 48, 64, 3)}
    assert read.opened(tmp_path / "one").recipe.images
    again = build(*flags[:1], "--streams=rgb", "--short_side=48", f"--out={tmp_path / 'one'}")
    assert again.returncode != 0


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--streams=rgb,flow", "an image has no flow"),
        ("--fps=10", "--fps: of videos"),
        ("--image_fps=25", "--image_fps: of videos"),
    ],
)
def test_a_flag_of_videos_is_refused_in_one_line(images, tmp_path, flag, words):
    result = build(f"--videos={images}", "--images", flag, f"--out={tmp_path / 'set'}")
    assert result.returncode == 2
    (line,) = told(result.stderr)
    assert words in line
    assert not (tmp_path / "set").exists()


def test_images_do_not_join_a_data_set_of_videos(images, tmp_path):
    flags = (f"--videos={images}", "--short_side=48", f"--out={tmp_path / 'set'}")
    assert build(*flags, "--images").returncode == 1
    cv2.imwrite(str(tmp_path / "a.png"), _picture(6))
    (tmp_path / "list.csv").write_text("path,label\na.png,jump\n")
    (tmp_path / "names.txt").write_text("jump\nrun\n")
    listed = (f"--videos={tmp_path / 'list.csv'}", f"--labels={tmp_path / 'names.txt'}", *flags[1:])
    videos = build(*listed, "--streams=rgb", "--split=other")
    assert videos.returncode != 0
    assert "holds a data set of images" in videos.stderr
    more = build(*listed, "--images", "--split=other")
    assert more.returncode == 0, more.stderr

"""`data_prep build --images`: each image a video of one frame, in records that training reads."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest
import tensorflow as tf

from data_prep.__main__ import main
from i3d.data import pipeline, sampling, schema, stored
from i3d.data.random_cropping import random_crop
from tests.helpers import calls
from tests.helpers.builds import build
from tests.helpers.points import Point
from tests.helpers.processes import contents
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.long

FLAGS = ("--images", "--short_side=32", "--workers=2")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of images of two classes: JPEG, PNG, grey, with an alpha channel, WebP."""
    root = tmp_path_factory.mktemp("photos")
    for name in ("cat", "dog"):
        (root / name).mkdir()
        picture = next(texture_frames(1, 40, 60, seed=len(name)))
        cv2.imwrite(str(root / name / "colour.jpg"), picture[..., ::-1])
        cv2.imwrite(str(root / name / "grey.png"), picture[..., 0])
        cv2.imwrite(str(root / name / "alpha.png"), np.dstack([picture, picture[..., :1]]))
        cv2.imwrite(str(root / name / "web.webp"), picture[..., ::-1])
    return root


@pytest.fixture(scope="module")
def built(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "set"
    done = build(f"--videos={photos}", f"--out={out}", *FLAGS)
    assert done.returncode == 0, done.stderr
    assert "split 'train' complete, 8 images, 0 failed" in done.stdout
    return out


def refused(folder, *flags, status=2):
    """Returns the line that a call ends with; `folder` is new."""
    words = (f"--out={folder}", *flags)
    line = calls.refused(main, "data_prep build", "build", *words, status=status)
    assert not folder.exists()
    return line


def test_a_record_is_a_frame(photos, built):
    records = stored.opened(built, "train", ("rgb",))
    assert records.num_records == 8 and records.class_names == ("cat", "dog")
    assert records.recipe["images"] is True and records.recipe["streams"] == ["rgb"]
    found = {}
    for number in range(8):
        video = stored.video(records, tf.constant(number, tf.int64))
        (found[video["id"].numpy().decode()],) = schema.decoded_frames(video["frames"]).numpy()
    assert all(frame.shape == (32, 48, 3) for frame in found.values()) and len(found) == 8
    picture = cv2.imread(str(photos / "cat" / "colour.jpg"))[..., ::-1]
    expected = cv2.resize(picture, (48, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(found["cat/colour"].astype(int) - expected).mean() < 4


def test_training_sees_a_clip_that_stands_still(built):
    records = stored.opened(built, "train", ("rgb",))
    batches = pipeline.train_batches(
        records,
        lambda count, rng: sampling.dense_clip(count, 6, 2, rng),
        lambda frame, seed: random_crop(frame, 24, seed),
        *(24, 4, 0),
    )
    clips = next(iter(batches))["rgb"].numpy()
    assert clips.shape == (4, 6, 24, 24, 3)
    assert (clips == clips[:, :1]).all() and (clips.std(axis=(1, 2, 3, 4)) > 0).all()


def test_workers_and_a_kill_change_no_byte(photos, built, tmp_path):
    flags = (f"--videos={photos}", *FLAGS[:2], "--num_shards=4")
    assert build(*flags, f"--out={tmp_path / 'one'}", "--workers=1").returncode == 0
    out = tmp_path / "two"
    point = Point(out, tmp_path / "log", r"rename \.build/.*tfrecord", 2)
    environment = os.environ | point.environment()
    killed = build(*flags, f"--out={out}", "--workers=1", env=environment)
    assert killed.returncode == 1 and not (out / "build.json").exists()
    assert build(*flags, f"--out={out}", "--workers=2").returncode == 0
    assert contents(tmp_path / "one") == contents(out)


def test_what_is_no_image_is_listed_and_the_others_are_built(photos, tmp_path):
    folder = shutil.copytree(photos, tmp_path / "photos")
    (folder / "cat" / "text.jpg").write_text("no image")
    (folder / "cat" / "empty.png").write_bytes(b"")
    whole = (photos / "dog" / "colour.jpg").read_bytes()
    (folder / "dog" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    huge = bytearray((photos / "dog" / "grey.png").read_bytes())
    huge[16:24] = (10**6).to_bytes(4, "big") * 2  # the header states a million pixels a side
    (folder / "dog" / "huge.png").write_bytes(huge)
    done = build(f"--videos={folder}", f"--out={tmp_path / 'set'}", *FLAGS)
    assert done.returncode == 1 and "8 images, 4 failed" in done.stdout
    rows = map(json.loads, (tmp_path / "set" / "failures.jsonl").read_text().splitlines())
    reasons = {row["id"].rpartition("/")[2]: row["reason"] for row in rows}
    assert set(reasons) == {"text", "empty", "cut", "huge"}
    assert "not an image" in reasons["text"] and "damaged" in reasons["cut"]
    assert "\n" not in "".join(reasons.values())


def test_a_list_of_images(photos, tmp_path):
    (tmp_path / "list.csv").write_text("path,label\ncat/colour.jpg,cat\ndog/web.webp,dog\n")
    flags = (f"--videos={tmp_path / 'list.csv'}", f"--video_root={photos}")
    done = build(*flags, f"--out={tmp_path / 'set'}", *FLAGS)
    assert done.returncode == 0 and "2 images, 0 failed" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--streams=rgb,flow"], "an image has no flow; expected rgb"),
        (["--image_fps=25"], "--image_fps: is of videos, and --images of images"),
        (["--flow_images"], "--flow_images: is of videos"),
    ],
)
def test_flags_of_videos_are_refused(photos, tmp_path, flags, words):
    assert words in refused(tmp_path / "set", f"--videos={photos}", "--images", *flags)


def test_videos_and_images_do_not_mix(photos, built, tmp_path):
    folder = shutil.copytree(photos, tmp_path / "photos")
    write_video(folder / "cat" / "a.mp4", texture_frames(3))
    line = refused(tmp_path / "set", f"--videos={folder}", "--images")
    assert "--images: expected images, got" in line and "a.mp4" in line
    (tmp_path / "clips" / "cat").mkdir(parents=True)
    write_video(tmp_path / "clips" / "cat" / "a.mp4", texture_frames(3))
    flags = (f"--videos={tmp_path / 'clips'}", f"--out={built}", "--split=test", "--streams=rgb")
    done = build(*flags, "--short_side=32")
    assert done.returncode == 1
    assert "holds a data set of images; choose another --out" in done.stderr.splitlines()[-1]
    (tmp_path / "none" / "cat").mkdir(parents=True)
    assert "found none" in refused(tmp_path / "set", f"--videos={tmp_path / 'none'}", "--images")

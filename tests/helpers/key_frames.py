"""A small data set of key frames whose pictures tell which frame and where the person is."""

import numpy as np

from data_prep.key_frames import Annotated, KeyFrameItem
from i3d.data.build_settings import KeyFrameSettings
from tests.helpers import datasets
from tests.helpers.videos import write_video

HEIGHT, WIDTH, FRAMES, FPS = 64, 96, 110, 30
NAMES = ("stand", "", "wave", "walk")  # id 2 is not in the label map
RECIPE = KeyFrameSettings(fps=FPS, short_side=HEIGHT, reach=20)
BOX = (0.25, 0.25, 0.5, 0.75)  # of the red person
OTHER = (0.625, 0.125, 0.875, 0.875)  # of the blue one
NEAR = (0.26, 0.25, 0.5, 0.75, 0.95)  # a proposal of the red one: IoU 0.96
FAR = (0.3, 0.3, 0.6, 0.8, 0.99)


def picture(number):
    """Returns frame `number`: its number is the level of the wall, halved; two people."""
    image = np.full((HEIGHT, WIDTH, 3), 2 * number, np.uint8)
    for (x1, y1, x2, y2), colour in ((BOX, (255, 0, 0)), (OTHER, (0, 0, 255))):
        rows, columns = slice(int(y1 * HEIGHT), int(y2 * HEIGHT)), slice(int(x1 * WIDTH), None)
        image[rows, columns.start : int(x2 * WIDTH)] = colour
    return image


def number_of(frame):
    """Returns the number of a part of a frame of such a video, by the grey of its wall."""
    grey = np.ptp(frame.astype(int), axis=-1) < 20
    return round(float(np.median(frame[grey])) / 2) if grey.any() else None


def extent(frame, channel):
    """Returns x1, y1, x2, y2 in pixels of what is red (0) or blue (2) in a frame; None: nothing."""
    others = frame.astype(int).sum(axis=-1) - frame[..., channel]
    mask = (frame[..., channel] > 128) & (others < 128)
    if not mask.any():
        return None
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)


def write(path):
    """Writes the video; returns its path."""
    return write_video(path, map(picture, range(FRAMES)), FPS)


def items(path):
    """Returns a KeyFrameItem of the video with three key frames; the last has no boxes."""
    both = {"boxes": (BOX, OTHER), "actions": ((1, 3), (2, 4)), "people": (7, 8)}
    return [
        KeyFrameItem(
            "clip",
            str(path),
            (
                Annotated(1.0, 1.0, **both, proposals=(NEAR, FAR)),
                Annotated(2.0, 2.0, **both, proposals=((*FAR[:4], 0.3), (*NEAR[:4], 0.4))),
                Annotated(3.5, 3.5),
            ),
        )
    ]


def build(folder):
    """Builds a data set of one such video; returns its folder."""
    path = write(folder / "clip.mp4")
    return datasets.build_items(folder / "set", items(path), NAMES, RECIPE, num_shards=1)

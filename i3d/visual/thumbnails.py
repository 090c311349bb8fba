"""Small pictures of videos, as texts that stand in an HTML file.

pictures = Thumbnails(of_ids(items, ["jump/a", "run/b"]))
pictures("jump/a")                       # "data:image/jpeg;base64,..."
pictures.described()                     # which videos have none, and why
"""

import base64
import os
from collections.abc import Iterable, Mapping

import cv2
import numpy as np

from i3d.data import read
from i3d.data.read import Place
from i3d.runtime.command import UserError
from i3d.runtime.text import counted
from i3d.video.inputs import Item
from i3d.video.sampled import wanted_frames

_LOOKED_AT_S = 10.0  # of a video, so that a long one is not read to its end


def of_ids(items: Iterable[Item], ids: Iterable[str]) -> dict[str, Item]:
    """Returns {id: Item} of the ids that are among the videos.

    An id is the path of a video below the root, with its suffix or without.

    Args:
      items: of i3d.video.inputs.read.
      ids: of results or features.

    Raises:
      UserError: none has one of the ids.
    """
    there = {item.id: item for item in items}
    ids = list(ids)
    found = {id: there.get(id) or there.get(os.path.splitext(id)[0]) for id in ids}
    if not any(found.values()):
        raise UserError(
            f"--videos: has none of the {counted(len(ids), 'video')}; expected names such as "
            f"{ids[0]}, got {next(iter(there))}"
        )
    return {id: item for id, item in found.items() if item}


def of_records(data: read.Dataset, split: str, ids: Iterable[str]) -> dict[str, Place]:
    """Returns {id: Place} of the ids that are among the videos of a split, which is read once.

    Args:
      data: of i3d.data.read.opened.
      split: its name.
      ids: of results.

    Raises:
      UserError: the records cannot be read, or none has one of the ids.
    """
    wanted = set(ids)
    places = read.videos(data, [split])
    found = {place.id: place for place in places if place.id in wanted}
    if not found:
        raise UserError(
            f"--records: split {split!r} of {data.folder} has none of the "
            f"{counted(len(wanted), 'video')}"
        )
    return found


class Thumbnails:
    """A function from the id of a video to its thumbnail, "" where there is none.

    Attributes:
      failed: {id: why there is none}.
    """

    def __init__(self, videos: Mapping[str, Item | Place], side: int = 160) -> None:
        """Keeps the videos and the pixels of the longer side of a thumbnail."""
        self._videos, self._side, self.failed = videos, side, dict[str, str]()

    def __call__(self, id: str) -> str:
        """Returns the data URI of the thumbnail, "" where there is none."""
        try:
            if id in self._videos:
                return thumbnail(self._videos[id], self._side)
            self.failed[id] = f"{id}: is not among the videos"
        except UserError as error:
            self.failed[id] = str(error)
        return ""

    def described(self) -> str:
        """Returns one line on the videos without a thumbnail, "" if all have one."""
        if not self.failed:
            return ""
        first = next(iter(self.failed.values()))
        return f"{counted(len(self.failed), 'video')} without a picture, the first: {first}"


def thumbnail(video: Item | Place, side: int = 160) -> str:
    """Returns the frame in the middle of a video's beginning, as a data URI of a JPEG.

    The beginning is ten seconds, or the first record.

    Args:
      video: a file or a part of it, or where it is in records.
      side: pixels of the longer side.

    Raises:
      UserError: it cannot be read.
    """
    frame = _stored_frame(video) if isinstance(video, Place) else _frame(video, side)
    return data_uri(shrunk(frame, side), ".jpg")


def _frame(item, side):
    end = min(item.start_s + _LOOKED_AT_S, np.inf if item.end_s is None else item.end_s)
    found = wanted_frames(
        item.source,
        lambda count: [count // 2],
        start_s=item.start_s,
        end_s=end,
        convert=lambda picture: shrunk(picture, side),
    )
    (picture,) = found.pictures.values()
    return picture


def _stored_frame(place):
    frames = next(read.segments(place)).frames
    return read.rgb(frames[len(frames) // 2])


def shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """Returns a picture [h, w, 3] whose longer side has at most so many pixels."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = [max(1, round(scale * length)) for length in (width, height)]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def data_uri(picture: np.ndarray, suffix: str) -> str:
    """Returns uint8 RGB [H, W, 3] as a data URI, ".jpg" or ".png"."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 70] if suffix == ".jpg" else []
    _, data = cv2.imencode(suffix, picture[..., ::-1], quality)
    kind = {".jpg": "jpeg", ".png": "png"}[suffix]
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"

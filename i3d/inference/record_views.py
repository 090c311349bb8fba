"""The views of a stored video, as i3d.inference.views makes those of a file.

    place = next(read.videos(read.opened("data/ucf101"), ["test"]))
    clips = opened(place, recipe).all()                        # float32 [V, T, H, W, C]

Its frames are taken as they are stored, at their own rate. Needs no TensorFlow of its own.
"""

import numpy as np

from i3d.data import read
from i3d.inference import pixels, views


def opened(place, recipe):
    """Returns the video_views.Views of a stored video.

    Args:
      place: i3d.data.read.Place.
      recipe: Recipe; its flow is that which is stored.

    Raises:
      i3d.data.read.ReadError: the record is damaged, or holds no flow.
      ValueError: as video_views.views.
    """
    count, fps, flow = 1, 0.0, recipe.stream == "flow"
    for segment in read.segments(place):
        count, fps = count + len(segment.frames) - 1, segment.fps
        if flow and segment.flow is None:
            raise read.ReadError(f"{place.id}: holds no flow; build it with --streams=rgb,flow")
    views.check_length(place.id, count, recipe)
    indices = _stored_indices(count, fps, recipe)
    wanted, pictures = set(indices.ravel().tolist()), {}
    for number, (frame, field) in enumerate(read.steps(read.segments(place))):
        if number in wanted:
            picture = pixels.apart(read.picture(field)) if flow else read.rgb(frame)
            pictures[number] = picture if flow else pixels.resized(picture, recipe.resize)
    return views.Views(pictures, indices, recipe)


def _stored_indices(count, fps, recipe):
    """Returns which of `count` frames at `fps` stand for those that are sampled at recipe.fps."""
    if recipe.steps_at_fps or not recipe.fps or recipe.fps == fps or recipe.stream == "flow":
        return views.sampled(count, recipe, fps / recipe.fps if recipe.steps_at_fps else 0)
    indices = views.sampled(max(1, round(count * recipe.fps / fps)), recipe)
    return np.minimum((indices * (fps / recipe.fps)).astype(np.int64), count - 1)

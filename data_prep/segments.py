"""Makes records of videos: frames and flow, a segment at a time.

for record, frames in examples(item, BuildSettings()):
    tfrecord.write(shard, record)
"""

import math

import cv2

from data_prep.jpeg import jpeg
from i3d.data import schema
from i3d.flow import methods as flow_methods
from i3d.video import flow_images, pictures
from i3d.video import frames as video_frames

_LEAST_SIDE = 16  # pixels of an image; what is smaller on the web counts its visitors


def examples(item, recipe):
    """Yields (serialised example, number of its frames) of one video, a segment at a time.

    Consecutive segments share one frame, so that every flow field is stored once. Memory holds
    one segment of JPEG files.

    Raises:
      video.VideoError: the video cannot be read, or has one frame and flow is wanted.
    """
    source = source_of(item, recipe)
    height, width, _ = video_frames.stated(source)
    if recipe.images and min(height, width) < _LEAST_SIDE:
        raise video_frames.VideoError(
            f"{item.path}: an image of {width}x{height} pixels; expected {_LEAST_SIDE} or more "
            "a side"
        )
    frames = video_frames.read_frames(
        source, recipe.fps, recipe.short_side, item.start_s, item.end_s
    )
    fields = max(1, math.floor(recipe.max_segment_s * recipe.fps + 1e-6))
    label = item.labels if recipe.multi_label else item.label
    common = {"id": item.id, "label": label, "fps": recipe.fps}
    common |= {"source_height": height, "source_width": width}
    method = flow_method(item, recipe)
    for index, (jpegs, flow) in enumerate(_segments(frames, method, fields)):
        if recipe.with_flow and not flow:
            raise video_frames.VideoError(f"{item.path}: one frame only; flow needs at least two")
        record = schema.serialised(
            **common,
            start_s=index * fields / recipe.fps,
            frames=jpegs,
            flow=flow if recipe.with_flow else None,
        )
        yield record, len(jpegs)


def source_of(item, recipe):
    """Returns what the readers of i3d.video take for an item: an image is a video of one frame."""
    return pictures.Still(item.path) if recipe.images else item.source


def flow_method(item, recipe):
    """Returns the function of two grey images that gives the flow of a video; None without flow.

    Raises:
      video.VideoError: the images of flow are not those of this video's frames.
    """
    if not recipe.with_flow:
        return None
    if not recipe.flow_images:
        return flow_methods.METHODS[recipe.flow_method]()
    if not item.images or item.images.fps != recipe.fps:
        raise video_frames.VideoError(
            f"{item.path}: expected a folder of images at the {recipe.fps:g} fps of the data set, "
            "whose flow can be taken as it is; leave out --flow_images"
        )
    return flow_images.method(item.images, item.start_s)


def _segments(frames, method, fields):
    """Yields ([JPEG frames], [JPEG flow]) of at most `fields` + 1 frames, one shared."""
    jpegs, flow, previous = [], [], None
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if method else None
        if len(jpegs) > fields:
            yield jpegs, flow
            jpegs, flow = jpegs[-1:], []
        if method and previous is not None:
            flow.append(jpeg(schema.flow_to_levels(method(previous, grey))))
        jpegs.append(jpeg(frame))
        previous = grey
    yield jpegs, flow

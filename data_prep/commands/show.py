"""Renders one video of a data set as a picture or GIF: frames beside their flow.

    python -m data_prep show --data=data/mine                              # lists the first ids
    python -m data_prep show --data=data/mine --id=archery/v_1 --out=v_1.gif
    python -m data_prep show --data=data/mine --id=archery/v_1 --out=v_1.png --max_frames=12

A GIF plays the first --max_frames frames (default 250) at the stored rate; a .png or .jpg holds so
many spread over the video (default 24). Flow is drawn as a colour wheel: hue is the direction,
white is no motion, and a full colour is the motion that 99 % of each picture stay below; it is
printed. A file that exists is not replaced: it is an error.

Of a data set of `build_detection` it draws the boxes and actions of a key frame: in a GIF on all
frames around it, else on the key frame alone. Ids are those of key frames, such as clip,0902.
"""

import itertools
from pathlib import Path

import numpy as np
from absl import flags

from data_prep import stored_key_frames
from data_prep.commands import need, stored
from i3d.data import read
from i3d.runtime import files
from i3d.runtime.command import UserError, refuse_words
from i3d.visual import sheet, wheel
from i3d.visual.gif import GifWriter

FLAGS = flags.FlagValues()
stored.define(FLAGS)
flags.DEFINE_string("id", None, "the video; default: list the first ids", flag_values=FLAGS)
flags.DEFINE_string("out", None, "picture to write: .gif, .png or .jpg", flag_values=FLAGS)
flags.DEFINE_integer("max_frames", None, "frames shown", 1, flag_values=FLAGS)

LISTED = 20  # ids


def check(options: flags.FlagValues, argv: list[str]) -> read.Dataset:
    """Returns the data set of the command line, having looked at what is to be written."""
    refuse_words(options(argv)[1:])
    need(options, "data")
    if options.id is not None:
        need(options, "out")
        files.check_new(options.out, (".gif", *sheet.ENDINGS))
    return stored.opened(options, (read.VIDEOS, read.KEY_FRAMES))


def work(data: read.Dataset) -> int:
    """Writes the picture, or lists ids; returns 0."""
    if FLAGS.id is None:
        return _list(data)
    if data.key_frames:
        return _show_key_frame(data, Path(FLAGS.out))
    out, place = Path(FLAGS.out), stored.video(FLAGS, data)
    rate = next(read.segments(place)).fps
    if out.suffix.lower() == ".gif":
        chosen = range(FLAGS.max_frames or 250)
        bound = _full_colour(_steps(data, place, chosen))
        count = _write_gif(out, rate, _pictures(_steps(data, place, chosen), bound))
    else:
        chosen = _spread(sum(1 for _ in _steps(data, place)), FLAGS.max_frames or 24)
        bound = _full_colour(_steps(data, place, chosen))
        count = sheet.write_sheet(out, _pictures(_steps(data, place, chosen), bound))
    colour = f", a full colour is {bound:.1f} px per frame" if data.with_flow else ""
    print(f"{out}: {count} frames of {place.id} ({place.shard.split}){colour}")
    return 0


def _list(data):
    """Prints the first ids; returns 0."""
    splits = stored.splits(FLAGS, data)
    if data.key_frames:
        ids = stored_key_frames.ids(data, splits)
    else:
        ids = (place.id for place in read.videos(data, splits))
    for id in itertools.islice(ids, LISTED):
        print(id)
    print(f"(the first {LISTED} at most; name one by --id)")
    return 0


def _show_key_frame(data, out):
    """Draws the boxes of a key frame: on its frames in a GIF, else on it alone; returns 0."""
    try:
        own, split = stored_key_frames.found(data, stored.splits(FLAGS, data), FLAGS.id)
    except read.ReadError as error:
        raise UserError(f"{data.folder}: {error}") from error
    drawn = stored_key_frames.pictures(own, data.class_names)
    if out.suffix.lower() == ".gif":
        count = _write_gif(out, own.fps, itertools.islice(drawn, FLAGS.max_frames))
    else:
        count = sheet.write_sheet(out, itertools.islice(drawn, own.centre, own.centre + 1))
    print(f"{out}: {count} frames of {own.id} ({split}), {len(own.boxes)} people")
    return 0


def _steps(data, place, chosen=None):
    """Yields (frame, field), JPEG files, of the chosen indices; without the fieldless last one."""
    stop = None if chosen is None else max(chosen) + 1
    steps = itertools.islice(read.steps(read.segments(place)), stop)
    for index, (frame, field) in enumerate(steps):
        if (chosen is None or index in chosen) and (field or not data.with_flow):
            yield frame, field


def _spread(count, most):
    """Returns at most `most` indices below `count`, evenly spread."""
    shown = min(count, most)
    return [count * i // shown for i in range(shown)] or [0]


def _full_colour(steps):
    """Returns pixels per frame that 99 % of each field stay below; at least 1."""
    bound = 1.0
    for _, field in steps:
        if field:
            bound = max(bound, wheel.full_colour(read.flow(field)))
    return bound


def _pictures(steps, bound):
    """Yields uint8 RGB [H, W or 2 W, 3]: the frame, beside it the flow if there is one."""
    for frame, field in steps:
        sides = [read.rgb(frame)]
        if field:
            sides.append(wheel.coloured(read.flow(field), bound))
        yield np.concatenate(sides, axis=1)


def _write_gif(out, rate, pictures):
    count = 0
    with GifWriter(out, rate) as gif:
        for picture in pictures:
            gif.add(picture)
            count += 1
    return count

"""Exports a video of a data set as the sample arrays of evaluate_sample.

    python -m data_prep export_npy --data=data/mine --id=archery/v_1 --out=sample
    python evaluate_sample.py --rgb_sample=sample/rgb.npy --flow_sample=sample/flow.npy

Writes rgb.npy [1, T, 224, 224, 3] and flow.npy [1, T, 224, 224, 2], float32 in [-1, 1], the centre
of each picture; T is the number of flow fields, so the last frame is left out. Without flow in the
data set there is rgb.npy alone, of all frames. A file that exists is not replaced: it is an error.
"""

import contextlib
from pathlib import Path

from absl import flags

from data_prep.commands import need, stored
from i3d.data import read, schema
from i3d.data.build_settings import BuildSettings
from i3d.runtime import files
from i3d.runtime.command import refuse_words
from i3d.runtime.npy import NpyWriter
from i3d.runtime.progress import tracked

FLAGS = flags.FlagValues()
stored.define(FLAGS)
flags.DEFINE_string("id", None, "the video; `show` lists some", flag_values=FLAGS)
flags.DEFINE_string("out", None, "folder for rgb.npy and flow.npy", flag_values=FLAGS)

SIZE = 224  # pixels, of the published sample


def check(options: flags.FlagValues, argv: list[str]) -> read.Dataset:
    """Returns the data set of the command line, having looked at what is to be written."""
    refuse_words(options(argv)[1:])
    need(options, "id", "out")
    for name in ("rgb.npy", "flow.npy"):
        files.check_new(Path(options.out) / name)
    return stored.opened(options)


def work(data: read.Dataset) -> int:
    """Writes the arrays; returns 0."""
    place = stored.video(FLAGS, data)
    try:
        count = _write(Path(FLAGS.out), read.steps(read.segments(place)), data.with_flow)
    except read.ReadError as error:
        raise read.ReadError(f"{place.id}: {error}") from error
    names = "rgb.npy and flow.npy" if data.with_flow else "rgb.npy"
    print(f"{FLAGS.out}: {names}, {count} frames of {place.id} ({place.shard.split})")
    return 0


def _write(folder, steps, with_flow):
    """Writes the arrays of a video; returns how many frames they have."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with contextlib.ExitStack() as stack:
        rgb = stack.enter_context(NpyWriter(folder / "rgb.npy"))
        flow = stack.enter_context(NpyWriter(folder / "flow.npy")) if with_flow else None
        for frame, field in tracked(steps, unit="frame"):
            if with_flow and field is None:
                break
            rgb.add(schema.rgb_to_unit(_centre(read.rgb(frame))))
            if with_flow:
                flow.add(schema.flow_to_unit(_centre(read.flow(field))))
            count += 1
    return count


def _centre(image):
    """Returns the centre [224, 224, C] of an image."""
    height, width = image.shape[:2]
    if min(height, width) < SIZE:
        raise read.ReadError(
            f"expected at least {SIZE} pixels a side, got {height} x {width}; build the data set "
            f"with --short_side={BuildSettings.short_side}"
        )
    top, left = (height - SIZE) // 2, (width - SIZE) // 2
    return image[top : top + SIZE, left : left + SIZE]

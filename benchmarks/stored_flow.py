"""What storing flow costs: bytes of a field, and how far it is from the flow that was computed.

    python benchmarks/stored_flow.py --clips=folder/of/videos       # or I3D_TEST_CLIPS

A few fields of TV-L1 of each clip at short side 256, through the JPEG files of a data set and
back. Flow beyond 20 pixels per frame counts as 20: that is what is stored. Exit status 1 where
the median over the clips is above 8 kB a field, RMSE 0.05 px or a bias of 0.003 px.
"""

import collections
import itertools
import os
import statistics
import sys
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags

from data_prep.jpeg import jpeg
from i3d.data import schema
from i3d.flow import methods
from i3d.video import frames
from i3d.video.lists import is_video_name

CLIPS = flags.DEFINE_string("clips", os.environ.get("I3D_TEST_CLIPS"), "folder of videos")
PER_FOLDER = flags.DEFINE_integer("per_folder", 15, "clips of each folder in it, spread evenly", 1)
FIELDS, EVERY = 6, 4  # of each clip
MAX_BYTES, MAX_RMSE_PX, MAX_BIAS_PX = 8000, 0.05, 0.003


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    if not CLIPS.value:
        raise app.UsageError("--clips is needed: a folder of videos")
    cv2.setNumThreads(1)
    groups = collections.defaultdict(list)
    for path in sorted(Path(CLIPS.value).rglob("*")):
        if is_video_name(path.name):
            groups[path.relative_to(CLIPS.value).parts[0]].append(path)
    print(f"{'medians of':30s} clips  bytes a field  RMSE px  bias px")
    rows = []
    for name, paths in groups.items():
        found = [row for path in spread(paths) if (row := measured(path))]
        if found:
            print_row(name, found)
        rows += found
    if not rows:
        sys.exit(f"{CLIPS.value}: no video that can be read")
    size, rmse, bias = print_row("all", rows)
    return int(size > MAX_BYTES or rmse > MAX_RMSE_PX or abs(bias) > MAX_BIAS_PX)


def spread(paths):
    """Returns some of the paths from all over the list."""
    count = min(len(paths), PER_FOLDER.value)
    return [paths[i * len(paths) // count] for i in range(count)]


def measured(path):
    """Returns (bytes a field, RMSE, bias in pixels) of a clip, None if it has no flow."""
    fields = methods.flow_fields(frames_in_pairs(path), "tvl1")
    sizes, errors = [], []
    try:
        for field in itertools.islice(fields, 0, 2 * FIELDS, 2):
            file = jpeg(schema.flow_to_levels(field))
            stored = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE)
            bound = schema.FLOW_BOUND_PX
            errors.append(schema.levels_to_flow(stored) - np.clip(field, -bound, bound))
            sizes.append(len(file))
    except frames.VideoError as error:
        print(f"left out: {error}")
    if not sizes:
        return None
    errors = np.stack(errors)
    return statistics.mean(sizes), float(np.sqrt(np.mean(errors**2))), float(errors.mean())


def frames_in_pairs(path):
    """Yields two frames that follow each other out of every EVERY."""
    for number, frame in enumerate(frames.read_frames(path)):
        if number % EVERY < 2:
            yield frame


def print_row(name, rows):
    """Prints and returns the medians."""
    size, rmse, bias = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"{name:30s} {len(rows):5d} {size:14.0f} {rmse:8.4f} {bias:8.5f}", flush=True)
    return size, rmse, bias


if __name__ == "__main__":
    app.run(main)

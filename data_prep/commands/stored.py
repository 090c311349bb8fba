"""What --data, --split and --id name: a data set and a video in it, for the commands that read.

stored.define(FLAGS)
data = stored.opened(FLAGS)
place = stored.video(FLAGS, data)
"""

from absl import flags

from data_prep.commands import CallError, FailedError
from i3d.data import read
from i3d.runtime.progress import tracked


def define(values):
    """Defines --data and --split."""
    flags.DEFINE_string("data", None, "folder of the data set", flag_values=values)
    flags.DEFINE_string("split", None, "the split; default: all", flag_values=values)


def opened(values):
    """Returns the read.Dataset of --data."""
    if not values.data:
        raise CallError(f"--data is needed: {values['data'].help}")
    try:
        return read.opened(values.data)
    except read.ReadError as error:
        raise FailedError(str(error)) from error


def splits(values, data):
    """Returns the names of the splits that --split names."""
    if values.split is None:
        return sorted(data.shards)
    if values.split not in data.shards:
        names = ", ".join(sorted(data.shards))
        raise CallError(f"--split: expected one of {names}, got {values.split!r}")
    return [values.split]


def video(values, data):
    """Returns the read.Place of the video of --id; reads records until it comes."""
    places = read.videos(data, splits(values, data))
    try:
        place = read.find(tracked(places, unit="video", what="search"), values.id)
        first = next(read.segments(place))
    except read.ReadError as error:
        raise FailedError(f"{data.folder}: {error}") from error
    if data.with_flow and not first.flow:
        raise FailedError(f"{data.folder}: {values.id} has no flow; `verify` tells what is wrong")
    return place

"""Defines and reads --data, --split and --id: a data set and a video in it.

stored.define(FLAGS)
data = stored.opened(FLAGS)
place = stored.video(FLAGS, data)
"""

from absl import flags

from data_prep.commands import need
from i3d.data import read
from i3d.runtime.command import UserError
from i3d.runtime.progress import tracked


def define(values: flags.FlagValues) -> None:
    """Defines --data and --split."""
    flags.DEFINE_string("data", None, "folder of the data set", flag_values=values)
    flags.DEFINE_string("split", None, "the split; default: all", flag_values=values)


def opened(values: flags.FlagValues, kinds: tuple[str, ...] = (read.VIDEOS,)) -> read.Dataset:
    """Returns the data set of --data, which has the split of --split; kinds as of read.opened."""
    need(values, "data")
    data = read.opened(values.data, kinds)
    splits(values, data)
    return data


def splits(values: flags.FlagValues, data: read.Dataset) -> list[str]:
    """Returns the names of the splits that --split names."""
    if values.split is None:
        return sorted(data.shards)
    if values.split not in data.shards:
        names = ", ".join(sorted(data.shards))
        raise UserError(f"--split: this data set has: {names}; got {values.split!r}")
    return [values.split]


def video(values: flags.FlagValues, data: read.Dataset) -> read.Place:
    """Returns the read.Place of the video of --id; reads records until it comes."""
    places = read.videos(data, splits(values, data))
    try:
        place = read.find(tracked(places, unit="video", what="search"), values.id)
        first = next(read.segments(place))
    except read.ReadError as error:
        raise UserError(f"{data.folder}: {error}") from error
    if data.with_flow and not first.flow:
        raise UserError(f"{data.folder}: {values.id} has no flow; `verify` tells what is wrong")
    return place

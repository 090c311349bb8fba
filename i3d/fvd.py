"""Measures how far two sets of videos are apart: Frechet video distance (FVD) and kernel distance.

    python -m i3d.fvd real generated
    python -m i3d.fvd real generated --protocol=styleganv --frames=16
    python -m i3d.fvd real.npy fake.npy --range=0,1
    python -m i3d.fvd real --save_stats=real.npz          # once; then:
    python -m i3d.fvd real.npz generated

REAL and GENERATED are folders of videos, or of folders of images (one for each video), data sets
of records, .npy or .npz files of videos [N, T, H, W, 3], or statistics that --save_stats wrote. Of
each video one clip is taken, its first --frames frames; --clips=all takes all clips.

Protocols differ in how frames are resized and in the divisor of the covariance
(i3d/evaluation/frechet/protocols.py): distances of different protocols, numbers of frames, strides
or networks are not to be compared. The network of FVD is DeepMind's I3D trained on Kinetics-400
from scratch (rgb_scratch); its logits are compared. With another --checkpoint the number is a
Frechet distance, and no FVD.

From Python: i3d.fvd.features, i3d.fvd.Statistics and i3d.fvd.distance.
"""

import sys
from collections.abc import Iterable

import numpy as np
from absl import flags

from i3d.evaluation.frechet import inputs, protocols, statistics
from i3d.evaluation.frechet.comparison import Job, compare
from i3d.evaluation.frechet.features import BATCH_SIZE, CHECKPOINT, Extractor
from i3d.evaluation.frechet.inputs import Videos
from i3d.evaluation.frechet.statistics import Statistics, distance
from i3d.runtime import command, files
from i3d.runtime.command import UserError

__all__ = ["Statistics", "distance", "features", "main"]


def features(
    videos: Iterable[np.ndarray],
    model: Extractor | str = CHECKPOINT,
    protocol: str = "official",
    batch_size: int = BATCH_SIZE,
) -> np.ndarray:
    """Returns the features of videos, float32 [N, 400] of the network of FVD.

    Args:
      videos: [N, T, H, W, 3], or an iterable of [T, H, W, 3]; uint8 or float, values 0..255.
      model: an Extractor, the path of a checkpoint or the name of a card.
      protocol: name in i3d.evaluation.frechet.protocols.PROTOCOLS.
      batch_size: clips at a time; it does not change the numbers.

    Raises:
      UserError: the weights cannot be loaded, there is no such protocol, or the network does not
        take so many frames.
    """
    network = Extractor(model) if isinstance(model, str) else model
    rows = list(network(videos, protocols.of_name(protocol), batch_size))
    if not rows:
        raise UserError("expected videos, got none")
    return np.concatenate(rows)


def main(argv: list[str]) -> int:
    """Prints the distances; returns the exit status."""
    return command.run(argv, "fvd", __doc__, defined_flags, checked, compare)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text, number = flags.DEFINE_string, flags.DEFINE_integer
    protocol = "published way of computing the distance"
    names = list(protocols.PROTOCOLS)
    flags.DEFINE_enum("protocol", names[0], names, protocol, flag_values=own)
    frames = "frames of a clip; default: those of an array, 16 of videos"
    number("frames", None, frames, 1, flag_values=own)
    number("stride", 1, "distance from one frame of a clip to the next", 1, flag_values=own)
    clips = "clips of a video: one, its first; or all, one after the other"
    flags.DEFINE_enum("clips", "one", ["one", "all"], clips, flag_values=own)
    number("limit", None, "most clips of a side; default: all", 2, flag_values=own)
    values = "LOW,HIGH: least and greatest value of arrays of floats"
    flags.DEFINE_list("range", ["0", "255"], values, flag_values=own)
    text("split", None, "split of a data set of records; default: all", flag_values=own)
    checkpoint = "checkpoint of a network of RGB clips: a file, or the name of a card"
    text("checkpoint", CHECKPOINT, checkpoint, flag_values=own)
    number("batch_size", BATCH_SIZE, "clips at a time", 1, flag_values=own)
    text("json", None, "new .json file for the figures", flag_values=own)
    text("save_stats", None, "new .npz file for the statistics of the first side", flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: a flag or a side cannot be used, the sides do not fit each other, or a file of the
        output exists already.
    """
    words = own(argv)[1:]
    if not (len(words) == 2 or len(words) == 1 and own.save_stats):
        raise UserError(
            f"expected two sets of videos, REAL and GENERATED (or one and --save_stats), got "
            f"{len(words)}"
        )
    for path, suffix in ((own.json, ".json"), (own.save_stats, ".npz")):
        if path:
            files.check_new(path, suffix)
    bounds = _bounds(own["range"].value)
    options = (
        own.frames,
        own.stride,
        own.clips == "all",
        own.limit or sys.maxsize,
        bounds,
        own.split,
    )
    sides = [
        statistics.load(word) if inputs.is_statistics(word) else inputs.opened(word, *options)
        for word in words
    ]
    _check_sides(sides, own)
    protocol = protocols.of_name(own.protocol)
    return Job(sides, protocol, own.checkpoint, own.batch_size, own.json, own.save_stats)


def _bounds(words):
    try:
        low, high = map(float, words)
    except ValueError:
        low = high = 0.0
    if not -1e6 < low < high < 1e6:
        raise UserError(f"--range: expected LOW,HIGH, such as 0,1, got {','.join(words):.80}")
    return low, high


def _check_sides(sides, own):
    """Makes sure that the sides are of one kind, as far as is known before the work."""
    if isinstance(sides[0], Statistics) and own.save_stats:
        raise UserError("--save_stats: the first side is of saved statistics already")
    for name in ("frames", "stride"):
        found = [getattr(side, name) for side in sides]
        if len(set(found)) > 1:
            raise UserError(
                f"expected the same number of {name} on both sides, got {found[0]} and {found[1]}; "
                "--frames=N takes the first N of each video"
                if name == "frames"
                else f"expected the same stride on both sides, got {found[0]} and {found[1]}"
            )
    for side in sides:
        if isinstance(side, Statistics) and side.protocol != own.protocol:
            raise UserError(
                f"expected statistics of --protocol={own.protocol}, got those of {side.protocol}"
            )
        if isinstance(side, Videos) and len(side) < 2 and not side.every:
            raise UserError(f"{side.path}: expected at least 2 videos, got {len(side)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv))

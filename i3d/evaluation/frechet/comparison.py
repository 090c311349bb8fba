"""Measures and compares the sides of `python -m i3d.fvd`, prints the distances and writes them.

compare(Job(sides, protocol, "rgb_scratch", 8, None, None))
"""

import json
import sys
from typing import Any, NamedTuple

import numpy as np

from i3d.evaluation.frechet import kernel, protocols
from i3d.evaluation.frechet.features import Extractor, is_of_fvd
from i3d.evaluation.frechet.inputs import Videos
from i3d.evaluation.frechet.statistics import Statistics, distance
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.weights import find

_MANY = 2048  # clips: what published distances are of


class Job(NamedTuple):
    """What a command line asks for.

    Attributes:
      sides: one or two Videos or Statistics, the real ones first.
      protocol: protocols.Protocol.
      checkpoint, batch_size, json, save_stats: the flags.
    """

    sides: list[Videos | Statistics]
    protocol: protocols.Protocol
    checkpoint: str
    batch_size: int
    json: str | None
    save_stats: str | None


def compare(job: Job) -> None:
    """Extracts, compares, prints and writes.

    Raises:
      UserError: a video or the network cannot be used, statistics are of another network, or there
        are fewer than two clips.
    """
    network = None
    if any(isinstance(side, Videos) for side in job.sides):
        network = Extractor(find.path_of(job.checkpoint))
        _check_network(network, job.sides)
    found = [_measured(side, network, job) for side in job.sides]
    if job.save_stats:
        found[0][0].save(job.save_stats)
        print(f"{job.save_stats}: statistics of {found[0][0].count} clips", file=sys.stderr)
    if len(found) == 2:
        _compared(found, job)


def _check_network(network, sides):
    """Makes sure, before the work, that saved statistics are of this network."""
    for side in sides:
        if isinstance(side, Statistics) and side.sha256 != network.sha256:
            raise UserError(
                f"the saved statistics are of the network {side.network} (SHA-256 "
                f"{side.sha256[:16]}...), got {network.name} ({network.sha256[:16]}...); give the "
                "other --checkpoint"
            )


def _measured(
    side: Videos | Statistics, network: Any, job: Job
) -> tuple[Statistics, np.ndarray | None]:
    """Returns the Statistics of a side, and its features where they were computed."""
    if isinstance(side, Statistics):
        return side, None
    about = (job.protocol.name, network.name, network.sha256, side.frames, side.stride)
    found, rows = Statistics(*about), []
    total = None if side.every else min(len(side), side.limit)
    with Progress(total, "clip", side.path) as progress:
        for part in network(side.clips(), job.protocol, job.batch_size):
            found.update(part)
            rows.append(part)
            for _ in part:
                progress.add()
    if side.left_out:
        print(
            f"{side.path}: {len(side.left_out)} of {len(side)} videos are shorter than a clip and "
            f"were left out, the first {side.left_out[0]}",
            file=sys.stderr,
        )
    if found.count < 2:
        raise UserError(f"{side.path}: expected at least 2 clips, got {found.count}")
    if side.constant:
        print(
            f"{side.path}: {side.constant} of {found.count} clips are of one colour: is the range "
            "of their values right?",
            file=sys.stderr,
        )
    if side.never_below_0:
        print(
            f"{side.path}: no value is below 0, and --range begins at {side.bounds[0]:g}: is the "
            "range right?",
            file=sys.stderr,
        )
    return found, np.concatenate(rows)


def _compared(found, job):
    """Prints, and writes, the distances of two sides."""
    (real, real_rows), (fake, fake_rows) = found
    value = distance(real, fake)
    is_fvd = is_of_fvd(real.sha256)
    figures: dict[str, Any] = {
        "distance": value,
        "is_fvd": is_fvd,
        "protocol": job.protocol.described(),
        "network": real.network,
        "sha256": real.sha256,
        "frames": real.frames,
        "stride": real.stride,
        "clips": [real.count, fake.count],
    }
    if real_rows is not None and fake_rows is not None:
        figures["kernel_distance"], figures["standard_error"] = kernel.distance(
            real_rows, fake_rows
        )
    if job.json:
        files.write_text(job.json, json.dumps(figures, indent=1) + "\n")
    print(f"{'FVD' if is_fvd else 'Frechet distance, which is no FVD'}: {value:.5f}")
    if "kernel_distance" in figures:
        error = figures["standard_error"]
        known = "not known of fewer than 4 clips" if error is None else f"{error:.2g}"
        print(f"Kernel distance: {figures['kernel_distance']:.6g} (standard error {known})")
    print(
        f"{real.count} and {fake.count} clips of {real.frames} frames, stride {real.stride}\n"
        f"{job.protocol.described()}\nnetwork {real.network}, SHA-256 {real.sha256}"
    )
    _warn_of_few(min(real.count, fake.count), len(real.mean), is_fvd)


def _warn_of_few(count, width, is_fvd):
    if count >= _MANY:
        return
    singular = f"; the covariances of {width} features are singular" if count <= width else ""
    published = f"; published ones are of {_MANY} clips or more" if is_fvd else ""
    print(
        f"note: the distance is biased upwards for few clips{singular}{published}; compare only "
        "distances of as many",
        file=sys.stderr,
    )

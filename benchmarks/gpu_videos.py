"""Videos a second from file to logits, and those of the input side alone; a part of benchmarks.gpu.

    python -m benchmarks.gpu --work=videos --models=tsn_r50_1x1x3

The input side decodes, resizes and crops in processes, as every command of inference does; the
views are those of the published test protocol.
"""

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable

import numpy as np

from i3d.inference import decoding, views
from i3d.spec import InputSpec, asked
from i3d.visual.figures import render
from i3d.weights import zoo

ACTIONS = ("jumping_jacks", "kicking", "walking_left", "waving")
FIRST = 2  # videos that are not timed: the pool starts, the network is compiled


def spec_of(name: str, size: int | None = None) -> InputSpec:
    """Returns the InputSpec of a model's published test, with another crop; ten clips for whole."""
    spec = zoo.default_spec(name)
    if spec.whole:
        spec = asked(spec, clips=10)
    return dataclasses.replace(spec, crop=size, resize=round(size * 8 / 7)) if size else spec


def rates(
    spec: InputSpec, videos: int, batch: int, step: Callable[[np.ndarray], object]
) -> tuple[float, float, int]:
    """Returns (videos a second with the network, without it, views of a video).

    Args:
      spec: InputSpec of the network.
      videos: number of drawn videos of 320 x 240 pixels.
      batch: views at once.
      step: takes uint8 views [B, N, H, W, C], and returns when its work is done.
    """
    with tempfile.TemporaryDirectory() as folder:
        each = -(-(videos + FIRST) // len(ACTIONS))
        render.write_videos(folder, each, actions=ACTIONS, height=240, width=320)
        names = sorted(os.path.join(at, name) for at, _, files in os.walk(folder) for name in files)
        tasks = views.tasks_of([spec], names[: videos + FIRST])
        both, count = _rate(spec, tasks, batch, step)
        alone, _ = _rate(spec, tasks, batch, lambda clips: None)
    return both, alone, count


def _rate(spec, tasks, batch, step):
    """Returns (videos a second after the first ones, views of each)."""
    ended = total = 0
    workers = min(len(os.sched_getaffinity(0)), len(tasks))
    with decoding.Decoders(views.of_task, tasks, workers, views.view_bytes(spec)) as pieces:
        for one in decoding.ahead(decoding.batches(pieces, batch)):
            total += len(one.clips)
            if len(one.clips):  # always one shape: the last is filled up
                missing = batch - len(one.clips)
                step(np.concatenate([one.clips, np.repeat(one.clips[-1:], missing, axis=0)]))
            if ended < FIRST <= ended + len(one.ended):
                start, timed_from = time.perf_counter(), ended + len(one.ended)
            ended += len(one.ended)
    return (ended - timed_from) / (time.perf_counter() - start), total // len(tasks)

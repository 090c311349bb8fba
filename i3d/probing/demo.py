"""A probe of synthetic videos by the demo weights: needs no data and no network connection.

with options() as asked:
    run.run(run.checked(asked))
"""

import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Iterator

from i3d.probing.options import Options
from i3d.runtime.command import UserError
from i3d.visual.figures import render

ACTIONS = ("jumping_jacks", "kicking", "walking_left", "walking_right", "waving")
VIDEOS_PER_CLASS = 8
CHECKPOINT = "demo_rgb"


def check(own: Options) -> None:
    """Raises UserError where videos or checkpoints of the user's are named too."""
    for name in ("videos", "test_videos", "records", "features", "checkpoint"):
        if getattr(own, name):
            raise UserError(f"--demo makes its own videos; leave out --{name}, or --demo")
    dataclasses.replace(own, videos="demo", checkpoint=(CHECKPOINT,)).check()


@contextlib.contextmanager
def options(own: Options) -> Iterator[Options]:
    """Gives the options of the demo; its videos and features are removed at the end.

    Args:
      own: what else is asked for, such as folds, shots, head, out.

    """
    with tempfile.TemporaryDirectory(prefix="i3d_probe_") as folder:
        count = len(ACTIONS) * VIDEOS_PER_CLASS
        print(
            f"demo: {count} synthetic videos of {len(ACTIONS)} actions, features of the demo "
            "weights, which were trained on such videos (other ones); with your own: --videos=DIR "
            "--checkpoint=rgb_scratch",
            file=sys.stderr,
        )
        render.write_videos(f"{folder}/videos", VIDEOS_PER_CLASS, render.TEST_SEED, actions=ACTIONS)
        yield dataclasses.replace(
            own, videos=f"{folder}/videos", checkpoint=(CHECKPOINT,), cache=f"{folder}/cache"
        )

"""Draws what a network sees and says: `python -m i3d.visualize SUBCOMMAND [flags]`.

    label        a video with its predictions, or a folder of videos for each class
    activation   Grad-CAM: where and when a network looks
    flow         optical flow as colours and arrows
    features     clip features as a map of points
    results      a report on the results of an evaluation
    batch        what a training sees

`python -m i3d.visualize SUBCOMMAND --help` lists the flags.
"""

import sys

from i3d.runtime.dispatch import dispatched

SUBCOMMANDS = ("label", "activation", "flow", "features", "results", "batch")


def main(argv: list[str]) -> int:
    """Runs the subcommand named by the first argument; returns the exit status."""
    modules = {name: f"i3d.visual.commands.{name}" for name in SUBCOMMANDS}
    return dispatched(argv, "visualize", modules, __doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv))

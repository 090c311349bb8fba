"""Two-stream action recognition: `i3d COMMAND [flags]`, or `python -m i3d COMMAND [flags]`.

    predict            labels videos
    extract_features   clip features of videos
    filter             web videos and images that a teacher is sure of
    detect             people and their actions: who does what, where
    localize           segments of untrimmed video: what happens when
    visualize          labelled videos, maps of attention, flow, reports
    serve              a page to try a video, and the same over HTTP
    probe              a classifier of your own classes on features, in minutes
    train              trains or fine-tunes a network on records
    evaluate           tests a network on a split of records
    export             a network for ONNX, LiteRT, OpenVINO, TensorFlow Serving
    fuse               adds the logits of two or more tests
    fvd                distance between two sets of videos (Frechet, kernel)
    evaluate_sample    the published two-stream I3D on a sample clip or a video

`i3d COMMAND --help` lists the flags, `i3d --version` prints the version; `data_prep` (or
`python -m data_prep`) makes the records. Exit status: 0 when all is well, 1 when part of the work
failed, 2 for a wrong call, 130 when interrupted.
"""

import sys

from i3d import __version__
from i3d.runtime.dispatch import dispatched

COMMANDS = (
    *("predict", "detect", "localize", "visualize", "serve", "extract_features", "filter"),
    *("probe", "train", "evaluate", "export", "fuse", "fvd", "evaluate_sample"),
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command named by the first argument; returns the exit status."""
    argv = sys.argv if argv is None else argv
    if "--version" in argv[1:2]:
        print(f"i3d {__version__}", flush=True)
        return 0
    return dispatched(argv, "i3d", {name: f"i3d.{name}" for name in COMMANDS}, __doc__)


if __name__ == "__main__":
    sys.exit(main())

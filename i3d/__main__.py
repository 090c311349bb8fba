"""Two-stream action recognition: `i3d COMMAND [flags]`, or `python -m i3d COMMAND [flags]`.

    predict            labels videos
    extract_features   clip features of videos
    detect             people and their actions: who does what, where
    probe              a classifier of your own classes on features, in minutes
    train              trains or fine-tunes a network on records
    evaluate           tests a network on a split of records
    fuse               adds the logits of two or more tests
    evaluate_sample    the published two-stream I3D on a sample clip or a video

`i3d COMMAND --help` lists the flags, `i3d --version` prints the version; `data_prep` (or
`python -m data_prep`) makes the records. Exit status: 0 when all is well, 1 when part of the work
failed, 2 for a wrong call, 130 when interrupted.
"""

import difflib
import importlib
import sys

from i3d import __version__
from i3d.runtime import command

COMMANDS = (
    *("predict", "detect", "extract_features", "probe"),
    *("train", "evaluate", "fuse", "evaluate_sample"),
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command named by the first argument; returns the exit status."""
    argv = sys.argv if argv is None else argv
    if argv[1:2] == [] or argv[1] in command.HELP | {"--version"}:
        try:
            print(f"i3d {__version__}" if "--version" in argv[1:2] else __doc__, flush=True)
        except BrokenPipeError:
            return command.closed_pipe()
        return 0 if argv[1:] else 2
    if argv[1] not in COMMANDS:
        near = difflib.get_close_matches(argv[1], COMMANDS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        line = f"expected one of {', '.join(COMMANDS)}, got {argv[1]!r}{hint}"
        return command.told("i3d", line, 2)
    module = importlib.import_module(f"i3d.{argv[1]}")
    return module.main([f"i3d {argv[1]}", *argv[2:]])


if __name__ == "__main__":
    sys.exit(main())

"""Preprocesses video files into TFRecords: `python -m data_prep COMMAND [flags]`.

    figures          renders the synthetic data set, videos of moving figures
    probe            decodes every video; writes a manifest, estimates a build
    build            builds TFRecord shards with flow from videos
    build_detection  builds TFRecord shards of key frames with boxes
    verify           checks every record of a data set
    show             renders a video of a data set as a GIF or contact sheet
    export_npy       exports a video of a data set as the published sample arrays

`python -m data_prep COMMAND --help` lists the flags. Exit status: 0 when all is well, 1 when
some videos failed (the others are all there) or the work did, 2 for a wrong call, 130 when
interrupted; a build that was stopped is resumed by the same command.
"""

import difflib
import importlib
import sys

from absl import flags

from i3d.runtime import command
from i3d.runtime.command import UserError

RESUMED = ("figures", "build", "build_detection")
COMMANDS = ("figures", "probe", "build", "build_detection", "verify", "show", "export_npy")


def main(argv: list[str] | None = None) -> int:
    """Runs the command named by argv[1]; returns the exit status."""
    argv = sys.argv if argv is None else argv
    name = " ".join(["data_prep", *argv[1:2]])
    if argv[1:2] and argv[1] in COMMANDS:
        chosen = importlib.import_module(f"data_prep.commands.{argv[1]}")
        chosen.FLAGS.unparse_flags()  # those of an earlier call in this process
        own, page = [name, *argv[2:]], chosen.__doc__
        on_stop = command.GOES_ON if argv[1] in RESUMED else ""
        defined = lambda _: chosen.FLAGS  # noqa: E731
        return command.run(own, name, page, defined, chosen.check, chosen.work, on_stop=on_stop)
    return command.run(argv, name, __doc__, lambda _: flags.FlagValues(), _refuse, _print_page)


def _refuse(options, argv):
    """Raises UserError on a command that does not exist."""
    if argv[1:]:
        near = difflib.get_close_matches(argv[1], COMMANDS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"expected one of {', '.join(COMMANDS)}{hint}")


def _print_page(_):
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))

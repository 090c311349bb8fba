"""Video files to TFRecords: `python -m data_prep COMMAND [flags]`.

    figures     renders the embedded data set, videos of a figure that moves
    probe       reads every video; writes a manifest, estimates a build
    build       videos to TFRecord shards with flow
    verify      reads a data set back and checks every record
    show        one video of a data set as a GIF or contact sheet
    export_npy  one video of a data set as the published sample arrays

`python -m data_prep COMMAND --help` lists the flags. Exit status: 0 when all is well, 1 when
some videos failed (the others are all there), 2 for a wrong call.
"""

import difflib
import importlib
import os
import sys

from absl import flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

from data_prep.commands import CallError, FailedError  # noqa: E402

COMMANDS = ("figures", "probe", "build", "verify", "show", "export_npy")
HELP = ("help", "--help", "-h", "-help")


def main(argv):
    """Runs the command named by argv[1]; returns the exit status."""
    if argv[1:2] == [] or argv[1] in HELP:
        print(__doc__)
        return 0 if argv[1:] else 2
    try:
        command = _command(argv[1])
        if set(argv[2:]) & set(HELP):
            print(f"{command.__doc__}\n{command.FLAGS.get_help()}")
            return 0
        return command.main([f"data_prep {argv[1]}", *argv[2:]])
    except (CallError, flags.Error) as error:
        print(f"data_prep {argv[1]}: {error}", file=sys.stderr)
        return 2
    except FailedError as error:
        print(f"data_prep {argv[1]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("data_prep: stopped; run the same command again to go on", file=sys.stderr)
        return 130


def _command(name):
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise CallError(f"expected one of {', '.join(COMMANDS)}{hint}")
    return importlib.import_module(f"data_prep.commands.{name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv))

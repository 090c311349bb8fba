"""Clip features of a list of videos: means over space, time and all views of each video.

    python -m i3d.extract_features --model=tsn_r50_1x1x3 --checkpoint=tsn_r50_1x1x3.pth
        --video-list=ucf101.txt --video-root=UCF-101 --out=ucf101_feature.pkl   # in one line
    python -m i3d.extract_features --config=configs/i3d/figures.py --checkpoint=best.weights.h5 ...
    python -m i3d.extract_features ... --out=films.npz --window_s=10 --stride_s=5

The list holds a path in each line. --out: .pkl, a list in its order of float32 [C] (None: failed);
.npz, with ids, features [N, C], views; or a folder with a .npy for each video. With --window_s
there is a row for each window, and start_s and end_s beside it. Run again, it does what is missing,
also where videos failed. Without --model or --config the model is that of the checkpoint's
published name, or of the run's config.json beside it.
"""

import os
import re
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

from absl import flags

from i3d.evaluate import HELP, told
from i3d.features import job as features_job
from i3d.runtime import quiet
from i3d.training import config

NAME = "extract_features"


def main(argv):
    """Writes the features; returns 1 where a video failed. A user's mistake is one line."""
    argv = underscored(argv)
    options = defined_flags(argv)
    if HELP & set(argv[1:]):
        print(f"{__doc__}\n{options.get_help()}")
        return 0
    words = parsed(argv, options)
    try:
        if words:
            raise ValueError(f"unexpected argument {words[0]!r}; flags are written --name=value")
        job = features_job.checked(options)
    except (ValueError, OSError) as error:
        sys.exit(f"{NAME}: {error}")
    tf = quiet.import_tensorflow()  # not earlier, so that a wrong flag is told at once
    from i3d.features import run
    from i3d.inference import decoding

    try:
        return told_failures(run.run(job), job)
    except (ValueError, OSError, decoding.DecodeError) as error:
        sys.exit(f"{NAME}: {error}")
    except (tf.errors.OpError, MemoryError) as error:
        sys.exit(f"{NAME}: {told(error)}")
    except KeyboardInterrupt:
        print(f"{NAME}: stopped; the same command goes on", file=sys.stderr)
        return 130


def underscored(argv):
    """Returns the arguments with --video-list, as MMAction2 spells it, made --video_list."""

    def renamed(word):
        dashes, name, value = re.fullmatch(r"(-*)([^=]*)(.*)", word, re.DOTALL).groups()
        return dashes + name.replace("-", "_") + value if dashes else word

    return [argv[0], *map(renamed, argv[1:])]


def defined_flags(argv):
    """Returns the FlagValues of the command."""
    own = flags.FlagValues()
    text, number = flags.DEFINE_string, flags.DEFINE_integer
    config.define_flag(own, argv)
    text("model", None, "name in the catalogue; default: what the weights are of", flag_values=own)
    text("checkpoint", None, ".pth, .safetensors, .weights.h5 or TF1 prefix", flag_values=own)
    text("video_list", None, "a video path in each line", flag_values=own)
    text("video_root", None, "folder of the videos; default: the list's", flag_values=own)
    text("out", None, "new .pkl or .npz file, or a folder", flag_values=own)
    text("endpoint", "features", "name of the layer to take", flag_values=own)
    number("clips", None, "of each video; default: the checkpoint's protocol", 1, flag_values=own)
    flags.DEFINE_enum("crops", None, ["1", "3", "10"], "of a clip; default: too", flag_values=own)
    flags.DEFINE_float("window_s", None, "seconds of sliding windows", flag_values=own)
    flags.DEFINE_float("stride_s", None, "between them; default: window_s", flag_values=own)
    number("short_side", None, "of the frames --config was trained on", 1, flag_values=own)
    number("workers", None, "processes that decode; default: up to 8", 1, flag_values=own)
    number("batch_size", 4, "views on each device", 1, flag_values=own)
    number("replicas", 0, "devices; 0: all GPUs, or one CPU", 0, flag_values=own)
    kinds = ["float32", "bfloat16"]
    flags.DEFINE_enum("precision", "float32", kinds, "of the network", flag_values=own)
    return own


def parsed(argv, options):
    """Returns the words that are not flags; what is wrong ends the program in one line."""
    if any(re.match(r"--?(no)?config\b", word) for word in argv[1:]):
        return config.parse_flags(argv, options)[1:]
    try:
        return options(argv)[1:]
    except flags.Error as error:
        sys.exit(f"{NAME}: {str(error).splitlines()[0]}")


def told_failures(failures, job):
    """Prints what failed; returns the exit status."""
    if not failures:
        print(f"{job.out}: {len(job.entries)} videos", file=sys.stderr)
        return 0
    first = job.entries[min(failures)]
    print(
        f"{NAME}: {job.out}: {len(failures)} of {len(job.entries)} videos gave no features, the "
        f"first {first.where}: {failures[min(failures)]}; {job.out}.failures.jsonl tells all; run "
        f"again, only these are tried ({job.out}.work holds the others until all are there)",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))

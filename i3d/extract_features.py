"""Clip features of a list of videos: means over space, time and all views of each video.

    python -m i3d.extract_features --model=tsn_r50_1x1x3 --checkpoint=tsn_r50_1x1x3.pth
        --video-list=ucf101.txt --video-root=UCF-101 --out=ucf101_feature.pkl   # in one line
    python -m i3d.extract_features --config=configs/i3d/figures.py --checkpoint=best.weights.h5 ...
    python -m i3d.extract_features ... --out=films.npz --window_s=10 --stride_s=5

The list holds a path in each line, of a file or with --image_fps of a folder of images. --out:
.pkl, a list in its order of float32 [C] (None: failed); .npz, with ids, features [N, C], views; or
a folder with a .npy for each video. With --window_s there is a row for each window, and start_s and
end_s beside it. Run again, it does what is missing, also where videos failed. Without --model or
--config the model is that of the checkpoint's published name, or of the run's config.json beside
it.
"""

import sys

from absl import flags

from i3d.features import files
from i3d.features import job as feature_job
from i3d.inference import options
from i3d.runtime import command
from i3d.training import config
from i3d.video import images, lists

NAME = "extract_features"


def main(argv: list[str]) -> int:
    """Writes the features; returns the exit status, 1 where a video failed."""
    words, goes_on = underscored(argv), command.GOES_ON
    return command.run(words, NAME, __doc__, defined_flags, checked, work, on_stop=goes_on)


def underscored(argv: list[str]) -> list[str]:
    """Returns the arguments with --video-list, as MMAction2 spells it, made --video_list."""

    def renamed(word):
        name, equals, value = word.partition("=")
        dashes = name[: len(name) - len(name.lstrip("-"))]
        return dashes + name[len(dashes) :].replace("-", "_") + equals + value if dashes else word

    return [argv[0], *map(renamed, argv[1:])]


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text, number, seconds = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_float
    config.define_flag(own, argv)
    options.define(own)
    text("video_list", None, "file with the path of a video in each line", flag_values=own)
    text("video_root", None, "folder of the videos; default: that of the list", flag_values=own)
    images.define_flag(own)
    flags.DEFINE_boolean("with_offset", None, lists.OFFSET_HELP, flag_values=own)
    text("out", None, "new .pkl or .npz file, or a folder", flag_values=own)
    text("endpoint", "features", "name of the layer whose output is taken", flag_values=own)
    seconds("window_s", None, "length of sliding windows, seconds", flag_values=own)
    seconds("stride_s", None, "seconds between windows; default: window_s", flag_values=own)
    trained = "short side of the frames that --config was trained on, pixels"
    number("short_side", None, trained, 1, flag_values=own)
    number("workers", None, "processes that decode; default: up to 8", 1, flag_values=own)
    number("replicas", 0, "number of devices; 0: all GPUs, or one CPU", 0, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> feature_job.Job:
    """Returns the Job of a command line.

    Raises:
      UserError: one line on what is wrong.
    """
    settings, words = config.parsed(own, argv)
    command.refuse_words(words)
    return feature_job.checked(own, settings)


def work(job: feature_job.Job) -> int:
    """Extracts, and prints what failed; returns the exit status."""
    if job.is_complete:
        files.remove_work(job.out)  # if a kill left it
        print(f"{job.out}: complete, {len(job.entries)} videos; nothing to do", file=sys.stderr)
        return 0
    from i3d.features import run

    failures = run.run(job)
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

"""Extracts features from videos: one vector per video, or one per sliding window.

    python -m i3d.extract_features --checkpoint=rgb_scratch --out=features.npz a.avi b.avi
    python -m i3d.extract_features --model=tsn_r50_1x1x3 --checkpoint=tsn_r50_1x1x3.pth
        --video-list=ucf101.txt --video-root=UCF-101 --out=ucf101_feature.pkl   # in one line
    python -m i3d.extract_features --config=i3d/figures --checkpoint=best.weights.h5 ...
    python -m i3d.extract_features --window_s=10 --stride_s=5 --out=films.npz ...
    python -m i3d.extract_features --preset=thumos_i3d --checkpoint=rgb_imagenet
        --checkpoint=flow_imagenet --out=rows ...                         # in one line
    python -m i3d.extract_features ... --runner=beam -- --runner=FlinkRunner --flink_master=HOST

Videos are files, with --image_fps also folders of images, or the lines of --video_list. Their ids
are the paths below --video_root, or below the innermost folder that holds all of the files.

--out ends in .npz (arrays ids, features [N, C] and views), in .pkl (a list of float32 [C] in the
order of the videos, None where one failed), or is a folder (one .npy file per video). With
--window_s (seconds), --window (frames) or --preset there is one row per window, with its start_s
and end_s. Of two checkpoints, RGB and flow, features lie side by side. If it is interrupted, the
same command resumes; videos that failed are tried again. Without --model or --config, the model is
the one of the published checkpoint, or of the training run that the checkpoint belongs to.
"""

import sys

from absl import flags

from i3d.features import files
from i3d.features import job as feature_job
from i3d.features.presets import PRESETS, help_of_presets
from i3d.inference import options
from i3d.runtime import beam, command
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
    options.define(own, several=True, together="put the features side by side, RGB then flow,")
    options.define_engine(own)
    text("video_list", None, "file with one video path per line", flag_values=own)
    root = "folder that paths of --video_list are relative to; default: the folder of the list"
    text("video_root", None, root, flag_values=own)
    images.define_flag(own)
    flags.DEFINE_boolean("with_offset", None, lists.OFFSET_HELP, flag_values=own)
    text("records", None, "folder of a data set, in place of video files", flag_values=own)
    text("split", "train", "split of --records", flag_values=own)
    text("out", None, "new .pkl or .npz file, or a folder", flag_values=own)
    text("endpoint", "features", "name of the layer whose output is taken", flag_values=own)
    flags.DEFINE_enum("preset", None, list(PRESETS), help_of_presets(), flag_values=own)
    window = "length of sliding windows, frames, which keep their shape; --preset squeezes them"
    number("window", None, window, 1, flag_values=own)
    number("stride", None, "frames between windows; default: window", 1, flag_values=own)
    rate = "frame rate of --window; 0: each video's own; default: the checkpoint's"
    seconds("fps", None, rate, flag_values=own)
    seconds("window_s", None, "length of sliding windows, seconds", flag_values=own)
    seconds("stride_s", None, "seconds between windows; default: window_s", flag_values=own)
    trained = "short side of the frames that --config was trained on, pixels"
    number("short_side", None, trained, 1, flag_values=own)
    number("workers", None, "processes that decode; default: up to 8", 1, flag_values=own)
    number("replicas", 0, "number of devices; 0: all GPUs, or one CPU", 0, flag_values=own)
    beam.define(own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> feature_job.Job:
    """Returns the Job of a command line.

    Raises:
      UserError: one line on what is wrong.
    """
    argv, beam_options = beam.split(argv)
    settings, words = config.parsed(own, argv)
    if beam_options is not None:
        beam.check(beam_options)
    return feature_job.checked(own, settings, words, beam_options)


def work(job: feature_job.Job) -> int:
    """Extracts, and prints what failed; returns the exit status."""
    if job.is_complete:
        files.remove_work(job.out)  # if a kill left it
        print(f"{job.out}: complete, {len(job.entries)} videos; nothing to do", file=sys.stderr)
        return 0
    from i3d.features import output

    failures = output.write(job)
    if not failures:
        print(f"{job.out}: {len(job.entries)} videos", file=sys.stderr)
        return 0
    first = job.entries[min(failures)]
    reason = failures[min(failures)].removeprefix(f"{first.path}: ")
    print(
        f"{NAME}: {job.out}: {len(failures)} of {len(job.entries)} videos gave no features, the "
        f"first {first.where}: {reason}; all are listed in "
        f"{job.out}.failures.jsonl; the same command tries them again, and keeps the others",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))

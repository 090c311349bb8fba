"""Builds TFRecord shards of key frames with boxes, for spatio-temporal action detection.

    python -m data_prep build_detection --videos=scenes/train/videos \
        --annotations=scenes/train/annotations.csv --label_map=scenes/train/label_map.txt \
        --split=train --out=data/scenes
    python -m data_prep build_detection --videos=ava/train --annotations=ava_train_v2.2.csv \
        --label_map=ava_action_list_v2.2_for_activitynet_2019.pbtxt \
        --excluded=ava_train_excluded_timestamps_v2.2.csv \
        --proposals=ava_dense_proposals_train.pkl --start_s=900 --split=train --out=data/ava

The CSV has rows video,second,x1,y1,x2,y2,action_id,person_id, boxes in [0, 1] of the picture; a
header is accepted, person_id may be missing. `video` is the name of a file without its ending. Of
each second that has rows, the frames around it are stored (--reach of them on either side, at
--fps), its boxes and their actions. An action id may be one that the label map leaves out, as 20 of
AVA's 80 are: such rows are kept and counted; an id above all of the map is an error, which names
the line.

Run again after a stop, it does only what is missing. Videos of the CSV that are not in the folder
are left out and counted on standard error, and the exit status is 0, so that a part of AVA can be
built. Videos that cannot be read, and key frames beyond the end of a video, are listed in
OUT/failures.jsonl with a reason, and the exit status is 1.
"""

import math
import os
import sys
from pathlib import Path

from absl import flags

from data_prep import annotations
from data_prep import build as data_prep_build
from data_prep.commands import need
from i3d.data.build_settings import MOST_REACH, KeyFrameSettings
from i3d.runtime.command import UserError, refuse_words
from i3d.runtime.text import counted

FLAGS = flags.FlagValues()
_TEXTS = {
    "videos": "folder of video files, nested or not",
    "annotations": "CSV of video,second,x1,y1,x2,y2,action_id,person_id",
    "label_map": "names of the actions: lines `id: name`, or a .pbtxt as AVA's",
    "out": "folder of the data set",
    "excluded": "CSV of key frames to leave out, video,second",
    "proposals": "boxes of a person detector: .json, .csv, .npz, or MMAction2's .pkl",
}
for _name, _help in _TEXTS.items():
    flags.DEFINE_string(_name, None, _help, flag_values=FLAGS)
flags.DEFINE_string("split", "train", "name of the split", flag_values=FLAGS)
flags.DEFINE_float(
    "start_s", 0.0, "second of the annotations at which the video files begin; AVA's cut files "
    "begin at 900", 0.0, flag_values=FLAGS,
)  # fmt: skip
flags.DEFINE_float(
    "fps", KeyFrameSettings.fps, "frame rate of stored frames", 0.1, 1000, flag_values=FLAGS
)
flags.DEFINE_integer(
    "short_side", KeyFrameSettings.short_side, "short side, pixels", 16, 2160, flag_values=FLAGS
)
flags.DEFINE_integer(
    "reach",
    KeyFrameSettings.reach,
    "frames stored before a key frame, and as many after it",
    0,
    MOST_REACH,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "num_shards", None, "number of shards; default: by the key frames", 1, flag_values=FLAGS
)
flags.DEFINE_integer("workers", os.cpu_count(), "worker processes", 1, flag_values=FLAGS)
flags.DEFINE_boolean(
    "retry_failed", False, "try the failed videos of a complete split again", flag_values=FLAGS
)
flags.DEFINE_boolean("strict", False, "stop at the first video that fails", flag_values=FLAGS)


def check(options: flags.FlagValues, argv: list[str]) -> data_prep_build.Build:
    """Returns the Build of the command line."""
    refuse_words(options(argv)[1:])
    need(options, "videos", "annotations", "label_map", "out")
    for name in ("fps", "start_s"):
        if not math.isfinite(options[name].value):
            raise UserError(f"--{name}: expected a number, got {options[name].value}")
    if Path(options.out).resolve().is_relative_to(Path(options.videos).resolve()):
        raise UserError(f"--out: {options.out} lies in the folder of videos; choose another place")
    if not options.split.isidentifier():
        raise UserError(f"--split: expected a name like train or test, got {options.split!r}")
    names = annotations.Sources._fields
    sources = annotations.Sources(**{name: options[name].value for name in names})
    try:
        items, class_names = annotations.annotated_items(sources)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from error
    return data_prep_build.Build(
        out=Path(options.out),
        split=options.split,
        items=tuple(items),
        class_names=tuple(class_names),
        recipe=KeyFrameSettings(options.fps, options.short_side, options.reach),
        num_shards=options.num_shards,
        strict=options.strict,
    )


def work(build: data_prep_build.Build) -> int:
    """Builds the split; returns 0, or 1 where something was left out."""
    failures = data_prep_build.run(build, FLAGS.workers, retry_failed=FLAGS.retry_failed)
    asked = sum(len(item.key_frames) for item in build.items)
    frames, videos = counted(asked, "key frame"), counted(len(build.items), "video")
    line = f"{build.out}: split {build.split!r} complete; {frames} of {videos} asked for"
    if failures:
        line += f", {counted(len(failures), 'video')} could not be stored as a whole"
    print(line)
    for failure in failures[:10]:
        print(f"  {failure['path']}: {failure['reason']}", file=sys.stderr)
    if failures:
        ledger = Path(build.out) / "failures.jsonl"
        print(f"  all failures: {ledger}; --retry_failed tries them again", file=sys.stderr)
    return 1 if failures else 0

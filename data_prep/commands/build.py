"""Builds TFRecord shards with flow from videos, readable with tensorflow_datasets.

    python -m data_prep build --videos=clips/ --out=data/mine
    python -m data_prep build --videos=train.csv --video_root=clips --split=train --out=data/mine
    python -m data_prep build --videos=pictures/ --images --split=web --out=data/web
    python -m data_prep build ... --runner=beam -- --runner=FlinkRunner --flink_master=host:8081

Run again after a stop, it does only what is missing. Videos that cannot be read are listed in
OUT/failures.jsonl with a reason, and the exit status is 1.
"""

import math
import os
import sys
from pathlib import Path

from absl import flags

from data_prep import build as data_prep_build
from data_prep.commands import given, need
from i3d.data import schema
from i3d.data.build_settings import BuildSettings, settings_of
from i3d.flow import methods
from i3d.runtime import beam
from i3d.runtime.command import UserError, refuse_words

FLAGS = flags.FlagValues()
_OF_VIDEOS = ("fps", "max_segment_s", "flow_method", "flow_images", "image_fps", "with_offset")
given.define(FLAGS, "folder with one folder per class (or videos without classes), CSV, list")
flags.DEFINE_boolean(
    "images",
    False,
    "store single images, each as a video of one frame, of folders or lists of image files",
    flag_values=FLAGS,
)
flags.DEFINE_string("out", None, "folder of the data set", flag_values=FLAGS)
flags.DEFINE_string("split", "train", "name of the split", flag_values=FLAGS)
flags.DEFINE_list(
    "streams",
    ["rgb", "flow"],
    "streams to store: rgb or rgb,flow; of --images rgb",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "flow_method",
    "tvl1",
    list(methods.METHODS),
    "optical flow; I3D's weights expect TV-L1",
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "flow_images",
    False,
    "store the flow images of folders of images (flow_x_..., flow_y_...; 0 to 255 are -20 to 20 "
    "pixels), which --flow_method made, instead of computing flow",
    flag_values=FLAGS,
)
flags.DEFINE_float(
    "fps", BuildSettings.fps, "frame rate of stored videos", 0.1, 1000, flag_values=FLAGS
)
flags.DEFINE_integer(
    "short_side", BuildSettings.short_side, "short side, pixels", 16, 2160, flag_values=FLAGS
)
flags.DEFINE_float(
    "max_segment_s", schema.MAX_SEGMENT_S, "longest example, seconds", 0.1, 3600, flag_values=FLAGS
)
flags.DEFINE_integer(
    "num_shards", None, "number of shards; default: by the videos", 1, flag_values=FLAGS
)
flags.DEFINE_integer("workers", os.cpu_count(), "worker processes", 1, flag_values=FLAGS)
beam.define(FLAGS)
flags.DEFINE_boolean(
    "retry_failed", False, "try the failed videos of a complete split again", flag_values=FLAGS
)
flags.DEFINE_boolean("strict", False, "stop at the first video that fails", flag_values=FLAGS)


def work(job: tuple[data_prep_build.Build, list[str] | None]) -> int:
    """Builds the split; returns 0, or 1 where some videos failed."""
    build, beam_options = job
    failures = data_prep_build.run(build, FLAGS.workers, beam_options, FLAGS.retry_failed)
    good = len(build.items) - len(failures)
    kind = "images" if build.recipe.images else "videos"
    print(f"{build.out}: split {build.split!r} complete, {good} {kind}, {len(failures)} failed")
    for failure in failures[:10]:
        print(f"  {failure['path']}: {failure['reason']}", file=sys.stderr)
    if failures:
        ledger = Path(build.out) / "failures.jsonl"
        print(f"  all failures: {ledger}; --retry_failed tries them again", file=sys.stderr)
    return 1 if failures else 0


def check(
    options: flags.FlagValues, argv: list[str]
) -> tuple[data_prep_build.Build, list[str] | None]:
    """Returns the Build and Beam's options, None without Beam, of the command line."""
    words, beam_options = beam.split(argv)
    if beam_options is None and words[-1] != "--" and "--" in words:
        raise UserError("what follows -- are Beam's options; they need --runner=beam")
    refuse_words(options(words)[1:])
    if beam_options is not None:
        beam.check(beam_options)
    need(options, "videos", "out")
    _check_images()
    if FLAGS.streams not in (["rgb"], ["rgb", "flow"]):
        raise UserError(f"--streams: expected rgb or rgb,flow, got {','.join(FLAGS.streams)}")
    if FLAGS.flow_images and FLAGS.streams == ["rgb"]:
        raise UserError("--flow_images goes with --streams=rgb,flow")
    for name in ("fps", "max_segment_s"):
        if math.isnan(FLAGS[name].value):
            raise UserError(f"--{name}: expected a number, got nan")
    if Path(FLAGS.out).resolve().is_relative_to(Path(FLAGS.videos).resolve()):
        raise UserError(f"--out: {FLAGS.out} lies in the folder of videos; choose another place")
    if not FLAGS.split.isidentifier():
        raise UserError(f"--split: expected a name like train or test, got {FLAGS.split!r}")
    items, names = given.read(FLAGS, FLAGS.split, FLAGS.images)
    there = settings_of(FLAGS.out)  # a split without such videos goes with those that have them
    several = any(len(item.labels) > 1 for item in items) or bool(there and there.multi_label)
    build = data_prep_build.Build(
        out=Path(FLAGS.out),
        split=FLAGS.split,
        items=tuple(items),
        class_names=tuple(names),
        recipe=BuildSettings(
            tuple(FLAGS.streams),
            FLAGS.flow_method,
            FLAGS.fps,
            FLAGS.short_side,
            FLAGS.max_segment_s,
            several,
            FLAGS.flow_images,
            FLAGS.images,
        ),
        num_shards=FLAGS.num_shards,
        strict=FLAGS.strict,
    )
    return build, beam_options


def _check_images():
    """Raises UserError where a flag is given that images have no use for; sets their streams."""
    if not FLAGS.images:
        return
    if FLAGS["streams"].present and FLAGS.streams != ["rgb"]:
        raise UserError("--streams: an image has no flow; with --images give rgb, or leave it out")
    given_too = [name for name in _OF_VIDEOS if FLAGS[name].present]
    if given_too:
        names = ", ".join(f"--{name}" for name in given_too)
        raise UserError(f"{names}: of videos; --images goes without")
    FLAGS.streams = ["rgb"]

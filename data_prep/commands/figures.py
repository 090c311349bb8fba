"""Renders the embedded data set: a folder of short videos for each action of a drawn figure.

    python -m data_prep figures --out=figures/train --videos_per_class=80
    python -m data_prep figures --out=figures/test --videos_per_class=20 --test

Each seed gives one video of each class; --test takes seeds that no training video has. Videos
that are there already are left alone.
"""

import os

from absl import flags

from data_prep.commands import CallError, FailedError, refuse_words
from data_prep.figures import render

FLAGS = flags.FlagValues()
flags.DEFINE_string("out", None, "folder to write to", flag_values=FLAGS)
flags.DEFINE_integer("videos_per_class", None, "how many", 1, flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "the first seed; see --test", 0, flag_values=FLAGS)
flags.DEFINE_boolean("test", False, "seeds for testing instead", flag_values=FLAGS)
flags.DEFINE_integer("height", 128, "pixels, even", 32, flag_values=FLAGS)
flags.DEFINE_integer("width", 170, "pixels, even", 32, flag_values=FLAGS)
flags.DEFINE_integer("workers", os.cpu_count(), "processes", 1, flag_values=FLAGS)


def main(argv):
    """Writes the videos; returns 0."""
    refuse_words(FLAGS(argv)[1:])
    for name in ("out", "videos_per_class"):
        if FLAGS[name].value is None:
            raise CallError(f"--{name} is needed: {FLAGS[name].help}")
    if FLAGS.test and FLAGS["seed"].present:
        raise CallError("--test takes its own seeds; leave --seed out, or --test")
    try:
        paths = render.write_videos(
            FLAGS.out,
            FLAGS.videos_per_class,
            render.TEST_SEED if FLAGS.test else FLAGS.seed,
            height=FLAGS.height,
            width=FLAGS.width,
            workers=FLAGS.workers,
        )
    except ValueError as error:
        raise CallError(str(error)) from error
    except OSError as error:
        raise FailedError(f"{FLAGS.out}: cannot write the videos: {error}") from error
    print(f"{FLAGS.out}: {len(paths)} videos of {len(render.ACTIONS)} classes")
    return 0

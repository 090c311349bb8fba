"""Renders the synthetic data set: short videos of a moving figure, a folder for each action.

    python -m data_prep figures --out=figures/train --videos_per_class=80
    python -m data_prep figures --out=figures/test --videos_per_class=20 --test

    python -m data_prep figures --classes=learned --out=figures/learned --videos_per_class=40 \
        --height=36 --width=36

Each seed gives one video of each class; --test takes seeds that no training video has. Videos
that are there already are left alone. --classes=learned and --classes=held_out are 21 and 7 of 28
captions such as "waving the left arm slowly", drawn before a plain wall: for networks that take
text. Captions of the 13 actions are in i3d/weights/labels/figures_captions.txt.
"""

import os

from absl import flags

from data_prep.commands import need
from i3d.runtime.command import UserError, refuse_words
from i3d.visual.figures import compositions, difficulty, render

_CLASSES = {
    "actions": (render.ACTIONS, difficulty.DIFFICULTY),
    "learned": (compositions.LEARNED, difficulty.PLAIN),
    "held_out": (compositions.HELD_OUT, difficulty.PLAIN),
}

FLAGS = flags.FlagValues()
flags.DEFINE_string("out", None, "folder to write to", flag_values=FLAGS)
flags.DEFINE_integer(
    "videos_per_class", None, "number of videos of each class", 1, flag_values=FLAGS
)
flags.DEFINE_enum(
    "classes",
    "actions",
    [*_CLASSES],
    "13 actions, or captions of several words, to learn from or held out",
    flag_values=FLAGS,
)
flags.DEFINE_integer("seed", 0, "the first seed; see --test", 0, flag_values=FLAGS)
flags.DEFINE_boolean("test", False, "seeds for testing instead", flag_values=FLAGS)
flags.DEFINE_integer("height", 128, "height of a video, pixels, even", 32, flag_values=FLAGS)
flags.DEFINE_integer("width", 170, "width of a video, pixels, even", 32, flag_values=FLAGS)
flags.DEFINE_integer("workers", os.cpu_count(), "worker processes", 1, flag_values=FLAGS)


def check(options: flags.FlagValues, argv: list[str]) -> dict:
    """Returns the arguments of render.write_videos."""
    refuse_words(options(argv)[1:])
    need(options, "out", "videos_per_class")
    if options.test and options["seed"].present:
        raise UserError("--test takes its own seeds; leave --seed out, or --test")
    asked = {name: options[name].value for name in ("out", "videos_per_class", "height", "width")}
    asked |= {"seed": render.TEST_SEED if options.test else options.seed}
    asked["actions"], difficulty = _CLASSES[options.classes]
    render.check_videos(**asked)
    return asked | {"workers": options.workers, "difficulty": difficulty}


def work(asked: dict) -> None:
    """Writes the videos."""
    paths = render.write_videos(**asked)
    print(f"{asked['out']}: {len(paths)} videos of {len(asked['actions'])} classes")

"""Renders the synthetic data set: short videos of a moving figure, a folder for each action.

    python -m data_prep figures --out=figures/train --videos_per_class=80
    python -m data_prep figures --out=figures/test --videos_per_class=20 --test

    python -m data_prep figures --classes=learned --out=figures/learned --videos_per_class=40 \
        --height=36 --width=36

    python -m data_prep figures --classes=scenes --out=scenes/train --videos_per_class=200

Each seed gives one video of each class; --test takes seeds that no training video has. Videos
that are there already are left alone. --classes=learned and --classes=held_out are 21 and 7 of 28
captions such as "waving the left arm slowly", drawn before a plain wall: for networks that take
text. Captions of the 13 actions are in i3d/weights/labels/figures_captions.txt.

--classes=scenes is for spatio-temporal detection: --videos_per_class scenes of 6 to 8 seconds with
two or three people, OUT/videos/scene_000.mp4 and so on, with OUT/annotations.csv (video, second,
x1, y1, x2, y2, action_id, person_id, as AVA's, with a header; boxes in [0, 1]) and
OUT/label_map.txt (lines "id: name", 8 of them). A second near which somebody changes the action
has no rows.

    python -m data_prep figures --classes=untrimmed --out=untrimmed/train --videos_per_class=100

--classes=untrimmed is for temporal action localization: --videos_per_class videos of 15 to 40
seconds at 25 frames per second, OUT/videos/untrimmed_000.mp4 and so on. In each a figure does some
of the 13 actions, with pauses between them that belong to no class. OUT/annotations.csv has a row
for each action (path, label, start_s, end_s, with a header), OUT/annotations.json the same in the
form of ActivityNet, with the subset (training, or test with --test), duration and frame rate.
"""

import os

from absl import flags

from data_prep.commands import need
from i3d.runtime.command import UserError, refuse_words
from i3d.runtime.text import counted
from i3d.visual.figures import compositions, difficulty, render, scenes, untrimmed, writing
from i3d.visual.figures.acts import LABELS

_SCENES, _UNTRIMMED = "scenes", "untrimmed"
_WRITERS = {_SCENES: scenes.write_scenes, _UNTRIMMED: untrimmed.write_untrimmed}
_CLASSES = {
    "actions": (render.ACTIONS, difficulty.DIFFICULTY),
    "learned": (compositions.LEARNED, difficulty.PLAIN),
    "held_out": (compositions.HELD_OUT, difficulty.PLAIN),
}

FLAGS = flags.FlagValues()
flags.DEFINE_string("out", None, "folder to write to", flag_values=FLAGS)
flags.DEFINE_integer(
    "videos_per_class", None, "number of videos of each class, or of all", 1, flag_values=FLAGS
)
flags.DEFINE_enum(
    "classes",
    "actions",
    [*_CLASSES, *_WRITERS],
    "13 actions; captions of several words, to learn from or held out; scenes of several people; "
    "or untrimmed videos of several actions",
    flag_values=FLAGS,
)
flags.DEFINE_integer("seed", 0, "the first seed; see --test", 0, flag_values=FLAGS)
flags.DEFINE_boolean("test", False, "seeds for testing instead", flag_values=FLAGS)
flags.DEFINE_integer(
    "height",
    None,
    "height of a video, pixels, even; default 128, of scenes 192",
    32,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "width",
    None,
    "width of a video, pixels, even; default 170, of scenes 256",
    32,
    flag_values=FLAGS,
)
flags.DEFINE_integer("workers", os.cpu_count(), "worker processes", 1, flag_values=FLAGS)


def check(options: flags.FlagValues, argv: list[str]) -> dict:
    """Returns the arguments of what writes the videos: render.write_videos, scenes, untrimmed."""
    refuse_words(options(argv)[1:])
    need(options, "out", "videos_per_class")
    if options.test and options["seed"].present:
        raise UserError("--test takes its own seeds; leave --seed out, or --test")
    height, width = (scenes.HEIGHT, scenes.WIDTH) if options.classes == _SCENES else (128, 170)
    asked = {
        "out": options.out,
        "seed": writing.TEST_SEED if options.test else options.seed,
        "height": options.height or height,
        "width": options.width or width,
    }
    if options.classes in _WRITERS:
        asked["videos"] = options.videos_per_class
        writing.check_request(**asked)
        return asked | {"workers": options.workers, "classes": options.classes}
    asked["videos_per_class"] = options.videos_per_class
    asked["actions"], ranges = _CLASSES[options.classes]
    render.check_videos(**asked)
    return asked | {"workers": options.workers, "difficulty": ranges}


def work(asked: dict) -> None:
    """Writes the videos."""
    if "actions" not in asked:
        classes = asked.pop("classes")
        count = len(_WRITERS[classes](**asked))
        what = {
            _SCENES: f"{counted(count, 'scene')} of people, {len(LABELS)} classes",
            _UNTRIMMED: f"{counted(count, 'untrimmed video')}, {len(render.ACTIONS)} classes",
        }
        print(f"{asked['out']}: {what[classes]}")
        return
    paths = render.write_videos(**asked)
    print(f"{asked['out']}: {len(paths)} videos of {len(asked['actions'])} classes")

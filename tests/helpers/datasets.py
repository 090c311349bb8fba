"""Small data sets, built in this process, for the tests that read them back."""

import shutil

from data_prep import dataset, shards
from data_prep.build import Build
from i3d.data.build_settings import BuildSettings
from i3d.video.inputs import read
from tests.helpers.videos import write_folder

RECIPE = BuildSettings(flow_method="dis", short_side=48, max_segment_s=0.4)


def build(out, videos, recipe=RECIPE, split="train", num_shards=3):
    """Builds a split of the videos in a folder, as `build` does with one worker; returns out."""
    return build_items(out, *read(videos), recipe, split, num_shards)


def build_items(out, items, names, recipe=RECIPE, split="train", num_shards=3):
    """Builds a split of a list of inputs.Item; returns out."""
    made = Build(out, split, tuple(items), tuple(names), recipe, num_shards)
    made.work.mkdir(parents=True)
    for task in made.tasks:
        shards.write_shard(task)
    dataset.finish(made)
    shutil.rmtree(made.work.parent)
    return out


def videos(root):
    """Writes 9 videos of 20 to 28 frames in 3 classes; returns root."""
    return write_folder(root, per_class=3)


def check(out, items, names, recipe=RECIPE, split="train"):
    """Makes sure that a split of these items could be built beside those in a data set."""
    dataset.check_fits(out, Build(out, split, tuple(items), tuple(names), recipe))

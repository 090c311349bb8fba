"""Speed of reading clips for training, against decoding all of a video and against seeking in it.

    python benchmarks/input.py                          # on synthetic videos, built here
    python benchmarks/input.py --data=DIR --split=train --videos=DIR

All sides use every processor, sample alike, cut 224 x 224 and make batches; they take turns in one
run. (a) decodes every frame and field of a record, then samples. (b) reads the source videos
with PyAV, a seek for each run of frames, RGB alone. Exit status 1 where TSN with 3 segments is
not at least 3 times as fast as (a).
"""

import collections
import functools
import itertools
import os
import statistics
import tempfile
import time
from concurrent import futures
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from absl import app, flags

from data_prep import build as data_prep_build
from i3d import models
from i3d.data import augment, pipeline, random_cropping, sampling, schema, stored
from i3d.data.build_settings import BuildSettings
from i3d.models.preprocessing import Preprocessing
from i3d.spec import FPS
from i3d.video import frames as video_frames
from i3d.video import inputs
from i3d.video.lists import is_video_name
from i3d.visual.figures import render

DATA = flags.DEFINE_string("data", None, "folder of a data set with flow, short side 224 or more")
SPLIT = flags.DEFINE_string("split", "train", "split of --data")
VIDEOS = flags.DEFINE_string("videos", None, "folder of the videos that it was made of")
CLIPS = flags.DEFINE_integer("clips", 32, "clips in a timed run", 4)
REPEATS = flags.DEFINE_integer("repeats", 3, "timed runs of each side", 1)
STEP = flags.DEFINE_boolean("step", True, "time a training step of I3D too")
REQUIRED = 3.0  # TSN with 3 segments against (a)
SIZE, BATCH = 224, 4
SAMPLERS = {
    "I3D, 64 frames": lambda count, rng: sampling.dense_clip(count, 64, rng=rng),
    "TSN, 3 segments": lambda count, rng: sampling.train_clips(count, 3, 1, 1, rng),
    "TSN, 8 segments": lambda count, rng: sampling.train_clips(count, 8, 1, 1, rng),
}


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    if bool(DATA.value) != bool(VIDEOS.value):
        raise app.UsageError("--data and --videos: give both or neither")
    with tempfile.TemporaryDirectory() as folder:
        data, videos = (DATA.value, VIDEOS.value) if DATA.value else drawn(Path(folder))
        both = stored.opened(data, SPLIT.value, ("rgb", "flow"))
        rgb = stored.opened(data, SPLIT.value, ("rgb",))
        found = sorted(Path(videos).rglob("*"))
        paths = [path for path in found if is_video_name(path.name)]
        if not paths:
            raise app.UsageError(f"--videos: no video in {videos}")
        print(
            f"{os.cpu_count()} processors, TensorFlow {tf.__version__}; {both.num_records} ", end=""
        )
        print(f"records of {both.num_bytes / both.num_records / 1e6:.1f} MB, {len(paths)} videos")
        print(f"clips/s, median of {REPEATS.value} runs of {CLIPS.value} clips")
        ratios = {name: compare(name, both, rgb, paths) for name in SAMPLERS}
        if STEP.value:
            print_step_share(both)
    ratio = ratios["TSN, 3 segments"]
    print(f"TSN, 3 segments, against (a): {ratio:.1f}x (required: {REQUIRED:.0f}x)")
    return int(ratio < REQUIRED)


def drawn(folder):
    """Returns the folders of a small data set and of the synthetic videos that it is made of."""
    render.write_videos(folder / "videos", 1, height=256, width=340)
    items, names = inputs.read(folder / "videos")
    recipe = BuildSettings(flow_method="dis")
    build = data_prep_build.Build(str(folder / "data"), "train", tuple(items), tuple(names), recipe)
    data_prep_build.run(build, os.cpu_count())
    return folder / "data", folder / "videos"


def compare(name, both, rgb, paths):
    """Prints a row for each side; returns how much faster than (a) the pipeline is."""
    sample = SAMPLERS[name]
    sides = {
        "pipeline": functools.partial(batches, both, sample),
        "(a) decode all": functools.partial(batches_of_all, both, sample),
        "pipeline, RGB": functools.partial(batches, rgb, sample),
        "(b) PyAV, RGB": functools.partial(batches_by_seeking, paths, sample),
    }
    rates = collections.defaultdict(list)
    for _ in range(REPEATS.value):
        for side, make in sides.items():
            rates[side].append(rate(make()))
    ours, everything, ours_rgb, seeking = (statistics.median(rates[side]) for side in sides)
    print(
        f"{name:16s} RGB and flow {ours:7.1f}   (a) {everything:7.1f}   {ours / everything:5.1f}x"
    )
    print(
        f"{'':16s} RGB          {ours_rgb:7.1f}   (b) {seeking:7.1f}   {ours_rgb / seeking:5.1f}x"
    )
    return ours / everything


def rate(data):
    """Returns clips per second after the first batch."""
    batch = iter(data)
    next(batch)
    start = time.perf_counter()
    for _ in range(CLIPS.value // BATCH):
        next(batch)
    return CLIPS.value // BATCH * BATCH / (time.perf_counter() - start)


def crop(frame, seed):
    """Returns a random crop."""
    return random_cropping.random_crop(frame, SIZE, seed)


def batches(data, sample):
    """Returns the batches of the pipeline."""
    return pipeline.train_batches(data, sample, crop, SIZE, BATCH, seed=0)


def batches_of_all(data, sample):
    """Returns batches made by decoding all of each record."""

    def example(number):
        found = stored.video(data, number % data.num_records)
        rgb, flow = schema.decoded_frames(found["frames"]), schema.decoded_flow(found["flow"])
        seed = tf.stack([tf.constant(0, tf.int64), number])
        indices = tf.reshape(sample(tf.shape(flow)[0], sampling.StatelessRandom(seed)), [-1])
        place = crop(augment.frame_size(rgb), seed)
        return [augment.cut(tf.gather(clip, indices), place) for clip in (rgb, flow)]

    clips = tf.data.Dataset.range(2**62).map(example, os.cpu_count(), deterministic=True)
    return clips.batch(BATCH).prefetch(2)


def batches_by_seeking(paths, sample):
    """Yields batches read from video files, by as many threads as there are processors."""
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = collections.deque()
        for number in itertools.count():
            path = paths[number % len(paths)]
            waiting.append(pool.submit(clip_by_seeking, path, sample, number))
            if len(waiting) == 3 * BATCH:  # as many batches ahead as the pipeline has
                yield np.stack([waiting.popleft().result() for _ in range(BATCH)])


@functools.cache
def num_frames(path):
    """Returns the frames of a video at 25 per second, as its container states them."""
    return max(1, int(video_frames.stated(path)[2] * FPS) - 1)


def clip_by_seeking(path, sample, number):
    """Returns uint8 [T, 224, 224, 3]; runs of frames that follow each other take one seek."""
    indices = np.ravel(sample(num_frames(path), np.random.default_rng(number)))
    runs = np.split(indices, np.flatnonzero(np.diff(indices) != 1) + 1)
    frames = []
    for run_ in runs:
        start, end = run_[0] / FPS, (run_[-1] + 1) / FPS
        frames += itertools.islice(
            video_frames.read_frames(path, start_s=start, end_s=end), len(run_)
        )
    height, width = frames[0].shape[:2]
    top, left = (height - SIZE) // 2, (width - SIZE) // 2
    return np.stack([frame[top : top + SIZE, left : left + SIZE] for frame in frames])


def print_step_share(data):
    """Prints how long a clip of I3D takes to read and to train on, in float32."""
    model = models.build("inception_i3d", num_classes=len(data.class_names))
    convert = Preprocessing()

    @tf.function
    def gradients(clips):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(convert(clips), training=True))
        return tape.gradient(loss, model.trainable_variables)

    rgb = stored.opened(Path(data.files[0]).parent, SPLIT.value, ("rgb",))
    source = batches(rgb, SAMPLERS["I3D, 64 frames"])
    clip = next(iter(source))["rgb"][:1]
    gradients(clip)
    seconds = []
    for _ in range(REPEATS.value):
        start = time.perf_counter()
        tf.nest.map_structure(lambda g: g.numpy(), gradients(clip)[0])
        seconds.append(time.perf_counter() - start)
    step, read = statistics.median(seconds), 1 / rate(source)
    print(f"I3D, RGB, a clip: reading {read:.3f} s, forward and backward {step:.2f} s: ", end="")
    print(f"reading is {read / (read + step):.0%} of both, and runs beside the other")


if __name__ == "__main__":
    app.run(main)

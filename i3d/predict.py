"""Names what videos show, by one network or by several whose logits are added.

    python -m i3d.predict --model=tsn_r50_1x1x3 --checkpoint=tsn_....pth jump.mp4 *.avi
    python -m i3d.predict --model=inception_i3d --checkpoint=checkpoints/rgb_imagenet/model.ckpt \\
        --model=inception_i3d --checkpoint=checkpoints/flow_imagenet/model.ckpt jump.mp4
    python -m i3d.predict --checkpoint=runs/rgb/best.weights.h5 --format=json --out=a.json *.mp4
    python -m i3d.predict ... --records=data/ucf101 --split=test

Files that keep a published name are tested by the published protocol; weights of a training run
by the config.json beside them, or --config=FILE.py. A bad video is told in one line on standard
error and the rest goes on; the exit status is 1 then.
"""

import collections
import contextlib
import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import cv2
from absl import flags

from i3d.data import read
from i3d.evaluation import results
from i3d.inference import checkpoint
from i3d.inference.table import FORMATS, written
from i3d.runtime import quiet
from i3d.runtime.progress import Progress
from i3d.training import config

HELP = {"help", "--help", "-h", "-help"}
WORKERS = 4  # threads that decode, at most; as many videos are held ahead of the network
# What a video, a file or a record can raise; anything else is an error of this program.
_BAD_VIDEO = (ValueError, OSError, read.ReadError, cv2.error)


def main(argv):
    """Prints the classes and returns 0, 1 if a video failed; a user's mistake is one line."""
    options = defined_flags(argv)
    if HELP & set(argv[1:]):
        print(f"{__doc__}\n{options.get_help()}")
        return 0
    try:
        chosen, videos = checked(options, argv)
        tf = quiet.import_tensorflow()  # not earlier, so that a wrong flag is told at once
        try:
            return run(options, chosen, videos)
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            line = str(error).partition("\n")[0]
            sys.exit(f"predict: out of memory; lower --batch_size: {line}")
    except (ValueError, OSError, FloatingPointError, flags.Error, read.ReadError) as error:
        sys.exit(f"predict: {error}")
    except KeyboardInterrupt:
        print("predict: stopped", file=sys.stderr)
        return 130


def defined_flags(argv):
    """Returns the FlagValues of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    flags.DEFINE_multi_string("model", [], "name in i3d.models; several are added", flag_values=own)
    flags.DEFINE_multi_string(
        "checkpoint", [], "TF1 prefix, .weights.h5, .pth; one for each model", flag_values=own
    )
    flags.DEFINE_string(
        "labels", None, "class names, one a line or JSON; those of the weights", flag_values=own
    )
    flags.DEFINE_integer("top_k", 5, "classes to print", 1, flag_values=own)
    flags.DEFINE_enum("format", "text", FORMATS, "of the output", flag_values=own)
    flags.DEFINE_string("out", None, "new file; standard output", flag_values=own)
    flags.DEFINE_integer("clips", None, "or segments; as published", 1, flag_values=own)
    flags.DEFINE_enum("crops", None, ["1", "3", "10"], "of a clip; as published", flag_values=own)
    flags.DEFINE_integer("batch_size", 4, "views at a time", 1, flag_values=own)
    flags.DEFINE_enum(
        "precision", "float32", ["float32", "bfloat16"], "of the network", flag_values=own
    )
    flags.DEFINE_string("records", None, "a data set, instead of videos", flag_values=own)
    flags.DEFINE_string("split", "test", "of --records", flag_values=own)
    return own


def checked(options, argv):
    """Returns (list of Choice, list of videos) of a command line.

    A video is (name, path or i3d.data.read.Place).

    Raises:
      ValueError, OSError, flags.Error, ReadError: what was asked for cannot be.
    """
    with_config = any(a.lstrip("-").startswith("config") and a[:1] == "-" for a in argv[1:])
    words = (config.parse_flags(argv, options) if with_config else options(argv))[1:]
    chosen = _chosen(options, with_config)
    if options.labels:
        checkpoint.read_names(options.labels)  # what is wrong with it is told before all else
    if options.out:
        results.check_new(options.out, Path(options.out).suffix)
    return chosen, _videos(options, words)


def _chosen(options, with_config):
    files, names = options.checkpoint, options.model
    if not files:
        raise ValueError("--checkpoint is needed; checkpoints/README.md lists some, zoo.py others")
    if names and len(names) != len(files):
        raise ValueError(f"expected a --checkpoint for each --model, got {len(files)}")
    if with_config and (names or len(files) > 1):
        raise ValueError("--config says what the model of one --checkpoint is; leave --model out")
    settings = config.flat(options.config) if with_config else None
    views = {"clips": options.clips, "crops": options.crops and int(options.crops)}
    return [
        checkpoint.choice_of(name, file, settings, **views)
        for name, file in zip(names or [None] * len(files), files, strict=True)
    ]


def _videos(options, words):
    if bool(words) == bool(options.records):
        got = "both" if words else "neither"
        raise ValueError(f"expected videos, or --records=FOLDER of a data set, got {got}")
    if not options.records:
        return [(word, word) for word in words]
    data = read.opened(options.records)
    if options.split not in data.shards:
        raise ValueError(f"--split: expected one of {', '.join(data.shards)}, got {options.split}")
    return [(place.id, place) for place in read.videos(data, [options.split])]


def run(options, chosen, videos):
    """Prints or writes the classes of all videos; returns the exit status.

    Raises:
      ValueError, OSError: the weights or the output cannot be used.
      FloatingPointError: they give logits that are not finite.
    """
    from i3d.inference import predictor

    for choice in chosen:
        print(choice.note or choice, *[choice] * bool(choice.note), sep="\n", file=sys.stderr)
    if len(chosen) > 1:
        print("their mean logits are added; scores are the softmax of the sum", file=sys.stderr)
    found = predictor.of_choices(chosen, options.labels, options.precision, options.batch_size)
    if found.names[0] == "0":
        print("names of the classes are not known; --labels=FILE gives them", file=sys.stderr)
    failed = 0
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(written(options.format, _output(options.out, stack)))
        progress = stack.enter_context(Progress(len(videos), "video", "predict"))
        for name, views in opened_ahead(found, videos, stack):
            progress.add()
            try:
                scores = found.scores(views())
            except _BAD_VIDEO as error:
                failed += 1
                line = str(error).partition("\n")[0]
                print(f"predict: {line if name in line else f'{name}: {line}'}", file=sys.stderr)
                continue
            best = predictor.ranked(scores, options.top_k)
            table.add(name, [(i, found.names[i], round(float(scores[i]), 6)) for i in best])
        if failed == len(videos):
            raise ValueError(f"none of {failed} videos could be read")  # and nothing is written
    if failed:
        print(f"predict: {failed} of {len(videos)} videos failed", file=sys.stderr)
    return int(failed > 0)


def opened_ahead(found, videos, stack):
    """Yields (name, function that returns the Views or raises), decoded by threads meanwhile."""
    count = min(WORKERS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(count)
    stack.callback(pool.shutdown, cancel_futures=True)
    waiting, coming = collections.deque(), iter(videos)
    for name, video in coming:
        waiting.append((name, pool.submit(found.opened, video).result))
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting


def _output(path, stack):
    if not path:
        return sys.stdout
    file = io.TextIOWrapper(stack.enter_context(results.new_file(path)), encoding="utf-8")
    stack.callback(file.detach)  # new_file closes what is below
    return file


if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""Two-stream I3D on the published sample clip, or on any video.

    python evaluate_sample.py --eval_type joint
    python evaluate_sample.py --video my.mp4 --precision bfloat16
    python evaluate_sample.py --weights demo             # small weights of our own, drawn video

Prints the norm of the logits and the best classes, `probability logit class name`; what was run
(weights, clips, frames, precision, seconds) goes to standard error.
"""

import itertools
import math
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import numpy as np
from absl import app, flags

from data_prep.figures import render
from i3d.flow import methods
from i3d.inference import sample
from i3d.runtime import quiet
from i3d.runtime.progress import tracked
from i3d.video import frames as video_frames
from i3d.visual.save import saved
from i3d.weights import download
from i3d.weights.cards import CARDS, DEMO_CARDS
from i3d.weights.files import FILES

EVAL_TYPE = flags.DEFINE_string("eval_type", "joint", "rgb, rgb600, flow or joint")
PRETRAINED = flags.DEFINE_boolean(
    "imagenet_pretrained", True, "weights started from ImageNet; false: trained from scratch"
)
WEIGHTS = flags.DEFINE_enum(
    "weights",
    "auto",
    ["kinetics", "demo", "auto"],
    "the published ones, our small ones for drawn videos, or those only where the published ones "
    "are neither there nor to be downloaded and no video is given",
)
CHECKPOINT_DIR = flags.DEFINE_string(
    "checkpoint_dir", "checkpoints", "holds rgb_imagenet/model.ckpt.* and the like"
)
RGB_SAMPLE = flags.DEFINE_string(
    "rgb_sample", None, ".npy [1,T,224,224,3] in [-1,1]; None: the published clip; unread by flow"
)
FLOW_SAMPLE = flags.DEFINE_string(
    "flow_sample", None, ".npy [1,T,224,224,2] in [-1,1]; None: the published clip; unread by rgb"
)
VIDEO = flags.DEFINE_string("video", None, "a video file, instead of arrays")
START_S = flags.DEFINE_float("start_s", 0.0, "where to start in the video, seconds", 0.0)
END_S = flags.DEFINE_float("end_s", None, "where to end in the video, seconds", 0.0)
FLOW_METHOD = flags.DEFINE_enum(
    "flow_method", "tvl1", list(methods.METHODS), "flow of the video; the weights want TV-L1"
)
MAX_FRAMES = flags.DEFINE_integer(
    "max_frames", 250, "longest clip; logits of consecutive clips are averaged", sample.MIN_FRAMES
)
TOP_K = flags.DEFINE_integer("top_k", 20, "classes to print", 1)
PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "of the network")
SAVE_ARRAYS = flags.DEFINE_string("save_arrays", None, "folder for rgb.npy and flow.npy")
SAVE_GIF = flags.DEFINE_string("save_gif", None, "file for an animation of RGB beside flow")

DEMO_ACTION, DEMO_SEED = "kicking", 20  # after the 20 seeds that the accuracies are measured on
STREAMS = {"rgb": ("rgb",), "rgb600": ("rgb",), "flow": ("flow",), "joint": ("rgb", "flow")}


class UsageError(ValueError):
    """Flags that contradict each other."""


def main(argv):
    """Prints the prediction, or one line on stderr that says what is wrong (exit status 1)."""
    try:
        with tempfile.TemporaryDirectory() as folder:  # of a drawn video
            cards, steps = chosen(argv, folder)
            steps = itertools.islice(steps, 0, None, next(iter(cards.values())).stride)
            first = list(itertools.islice(steps, sample.MIN_FRAMES))  # bad samples show at once
            if len(first) == sample.MIN_FRAMES:
                quiet.import_tensorflow()
            steps = itertools.chain(first, steps)
            logits = mean_logits(cards, sample.windows(steps, sample_name(), MAX_FRAMES.value))
    except (download.DownloadError, ValueError, OSError) as error:
        sys.exit(f"evaluate_sample: {error}")
    except KeyboardInterrupt:
        print("evaluate_sample: stopped", file=sys.stderr)
        sys.exit(130)
    print_result(logits, next(iter(cards.values())).class_names())


def chosen(argv, folder):
    """Returns ({stream: weight card}, the steps of the sample) that the flags ask for."""
    check_arguments(argv)
    kind = EVAL_TYPE.value
    demo_cards = {stream: DEMO_CARDS[f"demo_{stream}"] for stream in STREAMS[kind]}
    if WEIGHTS.value == "demo":
        refuse((PRETRAINED, RGB_SAMPLE, FLOW_SAMPLE), "cannot go with --weights=demo")
        return demo_cards, demo_steps(demo_cards, folder)
    start = "imagenet" if PRETRAINED.value else "scratch"
    names = [f"{stream}_{start}" for stream in STREAMS[kind]]
    names = ["rgb_scratch_kin600"] if kind == "rgb600" else names
    cards = {CARDS[name].stream: CARDS[name] for name in names}
    try:
        return cards, kinetics_steps(cards)
    except download.DownloadError as error:
        if not demo_will_do(demo_cards):
            raise
        reason = str(error).splitlines()[0]
        print(
            f"no Kinetics weights: {reason}; the demo weights take their place, on a drawn video "
            "(--weights=kinetics lists the files to bring)",
            file=sys.stderr,
        )
    return demo_cards, demo_steps(demo_cards, folder)


def check_arguments(argv):
    """Raises UsageError for words, and for flags that contradict each other."""
    if argv[1:] and os.path.exists(argv[1]):
        raise UsageError(f"unexpected argument; did you mean --video={argv[1]}?")
    if argv[1:]:
        raise UsageError(
            f"unexpected argument {argv[1]!r}; a flag's value is written --flag=value, "
            "and false as --noimagenet_pretrained or --imagenet_pretrained=false"
        )
    kind = EVAL_TYPE.value
    if kind not in STREAMS:
        raise UsageError("Bad `eval_type`, must be one of rgb, rgb600, flow, joint")
    if kind == "rgb600" and PRETRAINED.present and PRETRAINED.value:
        raise UsageError(
            "no Kinetics-600 checkpoint that started from ImageNet was published; "
            "leave --imagenet_pretrained out"
        )
    if kind == "rgb600" and WEIGHTS.value == "demo":
        raise UsageError("--weights=demo has rgb, flow and joint, not rgb600")


def demo_will_do(cards):
    """Returns whether nothing was asked for that the demo weights are not."""
    asked = (EVAL_TYPE.value == "rgb600", WEIGHTS.value == "kinetics", PRETRAINED.present)
    sample_given = any(flag.value for flag in (VIDEO, RGB_SAMPLE, FLOW_SAMPLE))
    there = all(Path(CHECKPOINT_DIR.value, card.file).exists() for card in cards.values())
    return there and not sample_given and not any(asked)


def demo_steps(cards, folder):
    """Returns the steps of --video, or of a video that is drawn in `folder`."""
    if VIDEO.value is None:
        refuse((START_S, END_S), "needs --video")
        seed = render.TEST_SEED + DEMO_SEED
        path, *_ = render.write_videos(folder, 1, seed, actions=[DEMO_ACTION])
        print(f"a drawn video of {DEMO_ACTION}, seed {seed}, new to the weights", file=sys.stderr)
        return video_steps(cards, path)
    return video_steps(cards, VIDEO.value)


def kinetics_steps(cards):
    """Returns the steps of the sample; weights and published arrays are fetched if missing."""
    folder = Path(CHECKPOINT_DIR.value)
    given = {"rgb": RGB_SAMPLE.value, "flow": FLOW_SAMPLE.value}
    needed = {card.name: folder / f"{card.file}.index" for card in cards.values()}
    arrays = {}
    if VIDEO.value is None:
        refuse((SAVE_ARRAYS, SAVE_GIF, START_S, END_S, FLOW_METHOD), "needs --video")
        published = {stream: FILES[f"sample_{stream}"][0].target for stream in cards}
        arrays = {stream: Path(given[stream] or folder / published[stream]) for stream in cards}
        needed |= {f"sample_{stream}": arrays[stream] for stream in cards if not given[stream]}
        if len({bool(given[stream]) for stream in cards}) > 1:
            raise UsageError("joint needs both --rgb_sample and --flow_sample, or neither")
    else:
        refuse((RGB_SAMPLE, FLOW_SAMPLE), "cannot go with --video")
    download.fetch([name for name, file in needed.items() if not file.exists()], folder)
    return sample.from_arrays(arrays) if arrays else video_steps(cards, VIDEO.value)


def refuse(given, reason):
    """Raises UsageError where one of the flags was given."""
    for flag in given:
        if flag.present:
            raise UsageError(f"--{flag.name} {reason}")


def video_steps(cards, path):
    """Returns the steps of a video file, saved on their way where asked, with progress shown."""
    saving = bool(SAVE_ARRAYS.value or SAVE_GIF.value)
    streams = ("rgb", "flow") if saving else tuple(cards)
    card = next(iter(cards.values()))
    limits = (START_S.value, END_S.value)
    if not all(limit is None or math.isfinite(limit) for limit in limits):
        raise UsageError(f"--start_s and --end_s: expected seconds, got {limits}")
    if "flow" in cards and "tvl1" not in FLOW_METHOD.value:
        print(f"the flow weights were trained on TV-L1, not {FLOW_METHOD.value}", file=sys.stderr)
    steps = sample.from_video(path, card, streams, *limits, FLOW_METHOD.value)
    steps = tracked(steps, expected_frames(path, card), "frame", " and ".join(streams))
    return saved(steps, SAVE_ARRAYS.value, SAVE_GIF.value, card.fps) if saving else steps


def expected_frames(path, card):
    """Returns about how many frames a video has between the limits, None where unknown."""
    seconds = video_frames.stated(path)[2]
    if seconds is None:
        return None
    return max(1, round((min(seconds, END_S.value or seconds) - START_S.value) * card.fps))


def sample_name():
    """Returns what errors about the sample begin with."""
    return VIDEO.value or RGB_SAMPLE.value or FLOW_SAMPLE.value or "the published sample"


def mean_logits(cards, windows):
    """Returns float32 [classes]: streams added, windows averaged."""
    from i3d.inference.streams import (
        load_stream,  # TensorFlow is imported only once all else is right
    )

    start, frames, sums = time.monotonic(), [], []
    streams = {
        name: load_stream(card, CHECKPOINT_DIR.value, PRECISION.value)
        for name, card in cards.items()
    }
    for window in windows:
        frames.append(next(iter(window.values())).shape[1])
        sums.append(sum(run(window[name]) for name, run in streams.items()))
    print(
        f"{' + '.join(card.name for card in cards.values())}: {len(frames)} clip(s), "
        f"{sum(frames)} frames, centre crop, {PRECISION.value}, {time.monotonic() - start:.1f} s",
        file=sys.stderr,
    )
    return np.mean(sums, axis=0)


def print_result(logits, classes):
    """Prints the norm of the logits, then the best classes in the published form."""
    from i3d.inference.streams import softmax

    probabilities = softmax(logits)
    print(f"Norm of logits: {np.linalg.norm(logits):f}")
    print("\nTop classes and probabilities")
    for index in np.argsort(-logits, kind="stable")[: TOP_K.value]:
        print(probabilities[index], logits[index], classes[index])


if __name__ == "__main__":
    app.run(main)

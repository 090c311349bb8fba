"""Labels a video, or the published sample clip, with the two-stream I3D.

    python evaluate_sample.py --video=my.mp4 --eval_type=rgb --noimagenet_pretrained
    python evaluate_sample.py --eval_type=joint          # RGB and TV-L1 flow of the sample clip
    python evaluate_sample.py --weights=demo             # this project's small weights, offline

Prints the norm of the logits and the best classes, `probability logit class name`; what was run
(weights, clips, frames, precision, seconds) goes to standard error. The whole video is seen; one
longer than --max_frames is cut into the fewest equal clips, whose logits are averaged. Weights that
are missing are downloaded; --weights says what is used where they cannot be had.
"""

import contextlib
import dataclasses
import itertools
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags

from i3d.flow import methods
from i3d.inference import sample, sample_weights
from i3d.inference.decoding import End, View
from i3d.inference.views import WHOLE_VIDEO
from i3d.runtime import command, files
from i3d.runtime.command import UserError
from i3d.runtime.progress import tracked
from i3d.video import frames as video_frames
from i3d.visual.figures import render
from i3d.visual.save import saving
from i3d.weights import download, find

NAME = "evaluate_sample"
DEMO_ACTION, DEMO_SEED = "kicking", 20  # after the 20 seeds that the accuracies are measured on


def main(argv: list[str]) -> int:
    """Prints the prediction; returns the exit status."""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text, whole, seconds = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_float
    text("eval_type", "joint", "networks to run: rgb, rgb600, flow or joint", flag_values=own)
    start = "weights initialised from ImageNet; false: trained from scratch"
    flags.DEFINE_boolean("imagenet_pretrained", True, start, flag_values=own)
    kinds = (
        "kinetics: the published weights that the other flags name; demo: this project's small "
        "ones for synthetic videos; auto: the first, but where they cannot be had and no flag asks "
        "for them, rgb_scratch for --video, and demo without a video"
    )
    flags.DEFINE_enum("weights", "auto", ["kinetics", "demo", "auto"], kinds, flag_values=own)
    folder = "folder that holds rgb_imagenet/model.ckpt.* and the like"
    text("checkpoint_dir", str(find.folder()), folder, flag_values=own)
    for stream, channels in (("rgb", 3), ("flow", 2)):
        array = f".npy [1, T, 224, 224, {channels}] in [-1, 1]; default: the published clip"
        text(f"{stream}_sample", None, array, flag_values=own)
    text("video", None, "video file, instead of arrays", flag_values=own)
    seconds("start_s", 0.0, "start of the part of the video, seconds", 0.0, flag_values=own)
    seconds("end_s", None, "end of the part of the video, seconds", 0.0, flag_values=own)
    flow = "optical flow of the video; the weights were trained on TV-L1"
    flags.DEFINE_enum("flow_method", "tvl1", list(methods.METHODS), flow, flag_values=own)
    longest = "frames of the longest clip; longer videos are cut into equal clips"
    whole("max_frames", 250, longest, 9, flag_values=own)
    whole("top_k", 20, "classes to print", 1, flag_values=own)
    precisions = ["float32", "bfloat16"]
    precision = "precision that the networks compute in"
    flags.DEFINE_enum("precision", "float32", precisions, precision, flag_values=own)
    text("save_arrays", None, "folder for rgb.npy and flow.npy of the video", flag_values=own)
    text("save_gif", None, "new file for an animation of RGB beside flow", flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> flags.FlagValues:
    """Returns the flags, parsed.

    Raises:
      UserError: there are words that are no flags, or flags contradict each other.
    """
    words = own(argv)[1:]
    if words and os.path.exists(words[0]):
        raise UserError(f"unexpected argument; did you mean --video={words[0]}?")
    if words:
        raise UserError(
            f"unexpected argument {words[0]!r}; a flag's value is written --flag=value, "
            "and false as --noimagenet_pretrained or --imagenet_pretrained=false"
        )
    if own.eval_type not in sample_weights.STREAMS:
        raise UserError("Bad `eval_type`, must be one of rgb, rgb600, flow, joint")
    if own.eval_type == "rgb600" and own["imagenet_pretrained"].present and own.imagenet_pretrained:
        raise UserError(
            "no Kinetics-600 checkpoint initialised from ImageNet was published; "
            "leave --imagenet_pretrained out"
        )
    if own.eval_type == "rgb600" and own.weights == "demo":
        raise UserError("--weights=demo has rgb, flow and joint, not rgb600")
    _check_source(own)
    return own


def _check_source(own):
    limits = own.start_s, own.end_s
    if not all(limit is None or math.isfinite(limit) for limit in limits):
        raise UserError(f"--start_s and --end_s: expected seconds, got {limits}")
    if own.end_s is not None and own.end_s <= own.start_s:
        raise UserError(f"--end_s: expected a time after --start_s={own.start_s}, got {own.end_s}")
    if own.weights == "demo":
        names = "imagenet_pretrained rgb_sample flow_sample"
        _refuse(own, names, "cannot go with --weights=demo")
    if own.video is not None:
        _refuse(own, "rgb_sample flow_sample", "cannot go with --video")
    elif own.weights != "demo":
        names = "save_arrays save_gif start_s end_s flow_method"
        _refuse(own, names, "needs --video")
        given = {
            stream: own[f"{stream}_sample"].value
            for stream in sample_weights.STREAMS[own.eval_type]
        }
        if len(set(map(bool, given.values()))) > 1:
            raise UserError("joint needs both --rgb_sample and --flow_sample, or neither")
    else:
        _refuse(own, "start_s end_s", "needs --video")
    for path in filter(None, (own.video, own.rgb_sample, own.flow_sample)):
        if not os.path.exists(path):
            raise UserError(f"{path}: no such file")
    if own.save_gif:
        files.check_new(own.save_gif, ".gif")
    if own.save_arrays and os.path.exists(own.save_arrays) and not os.path.isdir(own.save_arrays):
        raise UserError(f"--save_arrays: expected a folder, {own.save_arrays} is a file")


def _refuse(own, names, reason):
    for name in names.split():
        if own[name].present:
            raise UserError(f"--{name} {reason}")


def work(own: flags.FlagValues) -> None:
    """Runs the networks and prints their logits."""
    if own.video is not None:
        video_frames.stated(own.video)  # what is no video is refused before weights are downloaded
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())  # of a synthetic video
        cards, arrays, video = _chosen(own, folder)
        longest = own.max_frames
        specs = {name: dataclasses.replace(c.spec, longest=longest) for name, c in cards.items()}
        if arrays:
            clips = sample.from_arrays(arrays, specs)
        else:
            clips = _video_clips(own, video, specs, stack)
        logits = _mean_logits(own, cards, clips, preprocess=not arrays)
    _print_result(own, logits, next(iter(cards.values())).class_names())


def _chosen(own, folder):
    """Returns ({stream: Card}, {stream: array file}, video file) that the flags ask for."""
    demo = sample_weights.demo(own.eval_type)
    if own.weights == "demo":
        return demo, {}, own.video or _synthetic(folder)
    directory, arrays = Path(own.checkpoint_dir), {}
    cards = sample_weights.named(own.eval_type, own.imagenet_pretrained)
    if own.video is None:
        given = {stream: own[f"{stream}_sample"].value for stream in cards}
        arrays = sample_weights.arrays_of(cards, given, directory)
    try:
        sample_weights.fetch(cards, arrays, directory)
    except download.DownloadError as error:
        if own.video and _may_choose(own) and not _names_flow(own):
            return sample_weights.instead(error, cards, directory), {}, own.video
        asked = any(own[name].present for name in ("rgb_sample", "flow_sample", "checkpoint_dir"))
        if own.video or asked or not _may_choose(own):
            own_clip = own.video or own.rgb_sample  # the published one would be missing, too
            offered = sample_weights.offered(cards, directory) if own_clip else ""
            raise download.DownloadError(f"{error}{offered}") from error
        print(
            f"no Kinetics weights: {str(error).splitlines()[0]}; the demo weights are used on a "
            "synthetic video (--weights=kinetics lists the missing files; --video=FILE labels a "
            "video of your own)",
            file=sys.stderr,
        )
        return demo, {}, _synthetic(folder)
    return cards, arrays, own.video


def _may_choose(own):
    """Returns whether the flags ask for no particular weights."""
    asked = own.weights == "kinetics" or own["imagenet_pretrained"].present
    return not asked and own.eval_type != "rgb600"


def _names_flow(own):
    """Returns whether the flags ask for flow, which the demo weights have and rgb_scratch not."""
    return own["eval_type"].present and own.eval_type in ("joint", "flow")


def _synthetic(folder):
    seed = render.TEST_SEED + DEMO_SEED
    path, *_ = render.write_videos(folder, 1, seed, actions=[DEMO_ACTION])
    print(
        f"synthetic video of {DEMO_ACTION}, seed {seed}, which the weights were not trained on",
        file=sys.stderr,
    )
    return path


def _video_clips(own, path, specs, stack):
    """Returns {stream: its clips} of a video, saved on the way where asked, with progress."""
    if "flow" in specs and "tvl1" not in own.flow_method:
        print(f"the flow weights were trained on TV-L1, not {own.flow_method}", file=sys.stderr)
    spec, save = next(iter(specs.values())), None
    if own.save_arrays or own.save_gif:
        write = stack.enter_context(saving(own.save_arrays, own.save_gif, spec.fps))

        def save(frame, field):
            write(sample.unit_step(frame, field, spec.crop))

    expected, streams = _expected_frames(own, path, spec), " and ".join(specs)
    return sample.from_video(
        path,
        specs,
        own.start_s,
        own.end_s,
        own.flow_method,
        save,
        lambda frames: tracked(frames, expected, "frame", streams),
    )


def _expected_frames(own, path, spec):
    """Returns about how many frames a video has between the limits, None where unknown."""
    seconds = video_frames.stated(path)[2]
    if seconds is None:
        return None
    return max(1, round((min(seconds, own.end_s or seconds) - own.start_s) * spec.fps))


def _mean_logits(own, cards, clips, preprocess):
    """Returns float32 [classes]: the mean over the clips of each stream, streams added."""
    turns: Iterator = itertools.zip_longest(*clips.values())
    turns = itertools.chain(
        [next(turns)], turns
    )  # a bad sample is reported before TensorFlow loads
    start, taken = time.monotonic(), []
    from i3d.inference import network
    from i3d.inference.predictor import Predictor

    folder = Path(own.checkpoint_dir)
    paths = {name: find.file_of(card, folder) for name, card in cards.items()}
    networks = [
        network.load(
            dataclasses.replace(card, file=str(paths[name])), own.precision, preprocess=preprocess
        )
        for name, card in cards.items()
    ]

    def pieces():
        for turn in turns:
            for place, (stream, clip) in enumerate(zip(clips, turn, strict=True)):
                if clip is not None and stream in cards:
                    taken.append((place, len(clip)))
                    yield View(place, WHOLE_VIDEO, clip)
        yield from (End(place, "") for place in range(len(cards)))

    ((_, scores),) = Predictor(networks, (), batch_size=1).scores(pieces())
    if isinstance(scores, str):
        raise UserError(scores)
    lengths = [length for place, length in taken if place == 0]
    print(
        f"{' + '.join(card.name for card in cards.values())}: {len(lengths)} clip(s), "
        f"{sum(lengths)} frames, centre crop, {own.precision}, {time.monotonic() - start:.1f} s",
        file=sys.stderr,
    )
    return scores.logits


def _print_result(own, logits, classes):
    """Prints the norm of the logits, then the best classes in the published form."""
    from i3d.inference.average import softmax

    probabilities = softmax(logits)
    print(f"Norm of logits: {np.linalg.norm(logits):f}")
    print("\nTop classes and probabilities")
    for index in np.argsort(-logits, kind="stable")[: own.top_k]:
        print(probabilities[index], logits[index], classes[index])


if __name__ == "__main__":
    sys.exit(main(sys.argv))

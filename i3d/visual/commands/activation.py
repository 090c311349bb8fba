"""Draws where and when a network looks for a class: Grad-CAM for video, for each stream.

    python -m i3d.visualize activation my.mp4 --checkpoint=rgb_scratch --out=activation.mp4
    python -m i3d.visualize activation my.mp4 --checkpoint=rgb_imagenet \\
        --checkpoint=flow_imagenet --class="juggling balls" --out=activation.gif
    python -m i3d.visualize activation my.mp4 --model=clip_b16 --checkpoint=FILE \\
        --text="falling,sitting down" --out=activation.png

Frames are drawn as the network sees them, in one centre crop: the whole video where it is tested on
whole videos, the frames of its segments, or else one clip from the middle. Red is what speaks most
for the class within the clip, and where the picture keeps its colours nothing does. An RGB network
is drawn beside its frames, a network of flow beside the flow in the colours of its wheel; of two,
one of each stream, both maps stand side by side, for the same class.

The class is the predicted one, or --class. Maps are those of the last layer before pooling, of
SlowFast in the slow pathway; of CLIP and ActionCLIP they are the patches that enter the last block
of the image transformer, and the score is the cosine of video and text. --layer names another: of
I3D Mixed_5c, Mixed_4f, Mixed_3c, of ResNets (TSN, TSM, SlowOnly) layer4 to layer1, of SlowFast
slow_path-layer4, fast_path-layer4 and those before, of CLIP visual_encoder_block_0 and so on.
A .png or .jpg shows 12 frames at most.
"""

import dataclasses
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from absl import flags

from i3d import spec as input_spec
from i3d.inference import classes, options
from i3d.inference.kept_views import KeptViews
from i3d.inference.text import Text
from i3d.runtime import command, files
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.runtime.text import counted
from i3d.spec import FPS, InputSpec
from i3d.video import frames
from i3d.video.sampled import frame_rate
from i3d.visual import activation
from i3d.visual.panels import ENDINGS, output, titled
from i3d.visual.samples import class_named
from i3d.visual.text import described, drawable, undrawable
from i3d.weights.cards import Card

NAME = "visualize activation"
_SEGMENTS_PER_S = 4  # of a film of segments, which have no times of their own
_KEPT_BYTES = (
    2**28
)  # of views, between the scores and the maps; of longer videos they are made again


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      cards: of one network, or of RGB and flow.
      video: path.
      options: parsed flags.
      text: labels for models with a text tower.
      number: of the class; None is the predicted one.
    """

    cards: list[Card]
    video: str
    options: flags.FlagValues
    text: Text
    number: int | None


def main(argv: list[str]) -> int:
    """Draws the maps; returns the exit status."""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text = flags.DEFINE_string
    options.define_networks(own, "draw RGB and flow")
    clips = "clips spread over the video, or segments; default: see above"
    flags.DEFINE_integer("clips", None, clips, 1, 1000, flag_values=own)
    classes.define(own, "those of the training")
    text("class", None, "name or number of a class; default: the predicted one", flag_values=own)
    layer = (
        "layer whose maps are drawn, such as Mixed_4f of I3D or layer3 of a ResNet; default: the "
        "last one before pooling"
    )
    text("layer", None, layer, flag_values=own)
    out = f"new file that ends in {', '.join(ENDINGS)}"
    text("out", None, out, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: what was asked for cannot be.
    """
    video = command.one_video(own(argv)[1:])
    if not own.out:
        raise UserError(f"--out is needed: a new file that ends in {', '.join(ENDINGS)}")
    if len(own.checkpoint) not in (1, 2):
        raise UserError(
            "expected --checkpoint=FILE or NAME, such as rgb_imagenet or demo_rgb, or two, of RGB "
            f"and of flow; got {len(own.checkpoint)}"
        )
    files.check_new(own.out, ENDINGS)
    frames.stated(video)
    text = classes.of_flags(own)
    cards = [_drawn(card, own.clips) for card in options.cards_of(own.checkpoint, own.model)]
    _check_streams(cards)
    classes.check(own, cards, text)
    return Job(cards, video, own, text, _number(own, cards, text))


def _drawn(card: Card, clips: int | None) -> Card:
    """Returns the Card of a network that sees what is drawn: one crop, of clips one by default."""
    spec = card.spec
    if clips is None and not spec.segments and not spec.whole:
        clips = 1
    spec = dataclasses.replace(input_spec.asked(spec, clips, 1), twice=False)
    return dataclasses.replace(card, spec=spec)


def _check_streams(cards: list[Card]) -> None:
    """Raises UserError where two networks are not RGB and flow of the same frames."""
    if len(cards) == 1:
        return
    streams = sorted(card.spec.stream for card in cards)
    if streams != ["flow", "rgb"]:
        raise UserError(
            f"expected a checkpoint of RGB and one of flow, got {' and '.join(streams)}"
        )
    first, second = (_times(card.spec) for card in cards)
    if first != second:
        each = " and ".join(f"{card.file}: {card.spec.described()}" for card in cards)
        raise UserError(f"expected two networks that see the same frames, got {each}; draw each")


def _times(spec: InputSpec) -> tuple:
    """Returns what decides which frames of a video are drawn."""
    if spec.segments:
        return (spec.segments,)
    return spec.fps, spec.stride, None if spec.whole else spec.frames


def work(job: Job) -> None:
    """Draws the maps and prints a line on them.

    Raises:
      UserError: the weights, the video, the class or the layer cannot be used.
    """
    from i3d.inference import load

    own = job.options
    found = load.of_cards(job.cards, own.labels, text=job.text)
    for card in job.cards:
        print(*filter(None, (card.note, card.described())), sep="\n", file=sys.stderr)
    cams = [activation.GradCam(net, own.layer) for net in found.networks]
    specs = [card.spec for card in job.cards]
    views = KeptViews(job.video, specs)
    ((_, scores),) = found.scores(views.decoded())
    if isinstance(scores, str):
        raise UserError(scores if job.video in scores else f"{job.video}: {scores}")
    number = int(np.argmax(scores.probabilities)) if job.number is None else job.number
    name, score = found.class_names[number], f"{scores.probabilities[number]:.4f}"
    if letters := undrawable([name]):
        print(described(letters), file=sys.stderr)
    heading = f"{drawable(name, f'class {number}')} {score}"
    streams = [
        _stream(views.of(place), spec, cam, number)
        for place, (spec, cam) in enumerate(zip(specs, cams, strict=True))
    ]
    rate, count = _rate(job.video, specs[0]), 0
    timed = specs[0].whole  # one clip, or segments, begin anywhere
    with output(own.out, rate, timed) as file, Progress(None, "frame", NAME) as progress:
        for panels in zip(*streams, strict=False):  # there is a field less than there are frames
            file.add(titled(_arranged(panels), heading), count / rate, (count + 1) / rate)
            count += 1
            progress.add()
    layers = " and ".join(cam.layer for cam in cams)
    print(f"{own.out}: {name} {score}, {layers}; {counted(count, 'frame')}")


def _number(own: flags.FlagValues, cards: list[Card], text: Text) -> int | None:
    """Returns the number of the class that --class names, or gives by its number."""
    word = own["class"].value
    if word is None:
        return None
    names = classes.names(own, cards, text)
    if word not in names and word.lstrip("+-").isdecimal():
        if not 0 <= int(word) < len(names):
            raise UserError(f"--class: expected a name, or 0 to {len(names) - 1}, got {word}")
        return int(word)
    return names.index(class_named(word, names, "--class"))


def _rate(video: str, spec: InputSpec) -> Fraction:
    """Returns the frames per second at which what the network sees is played."""
    if spec.segments:
        return Fraction(_SEGMENTS_PER_S)
    fps = spec.fps or frame_rate(video) or FPS
    return Fraction(fps / spec.stride).limit_denominator(1001)


def _stream(
    views: Iterable[np.ndarray], spec: InputSpec, cam: activation.GradCam, number: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yields {title: picture} of each frame or segment: the plain one, then its map."""
    for view in views:
        heat = cam(view, number)
        if not heat.any():
            print(f"{NAME}: {spec.stream}: no place speaks for the class", file=sys.stderr)
        yield from activation.panels(view, heat, spec)


def _arranged(panels: tuple[dict[str, np.ndarray], ...]) -> dict[str, np.ndarray]:
    """Returns the panels of one stream; of two their maps, then the flow."""
    if len(panels) == 1:
        return panels[0]
    both = panels[0] | panels[1]
    return {title: both[title] for title in ("activation of RGB", "activation of flow", "flow")}


if __name__ == "__main__":
    sys.exit(main(sys.argv))

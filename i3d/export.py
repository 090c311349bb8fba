"""Exports a network, with its preprocessing inside, to a file that other runtimes run.

    python -m i3d.export --checkpoint=demo_rgb --format=onnx --out=net.onnx
    python -m i3d.export --checkpoint=demo_rgb --format=saved_model --out=served
    python -m i3d.export --checkpoint=demo_rgb --format=litert --precision=int8 --out=net.tflite
    python -m i3d.export --checkpoint=demo_rgb --format=openvino --out=net --output=features
    python -m i3d.export ... --input=frames --output=probabilities --verify=my.mp4

The input is uint8: clips [batch, frames, height, width, channels] as crops of the network, or with
--input=frames pictures of any size, which the file resizes and crops in the centre. What comes out
is float32 [batch, K]: logits, probabilities, or features. Class names and the way that clips are
sampled are in the file, as JSON.

Before it gets its name, the file is run by its own runtime beside the network that it was made of:
the largest difference, in standard deviations of the network's output, its size and the seconds of
one clip are printed. --verify does so on the clips of a video, with the best classes of both. A
file in float32 that differs by more than 0.001 is not kept.
"""

import dataclasses
import math
import sys
from pathlib import Path
from typing import NamedTuple

from absl import flags

from i3d import spec as input_spec
from i3d.exports.formats import FORMATS, PRECISIONS, Format
from i3d.inference import classes, options
from i3d.inference.text import Text
from i3d.runtime import command, files
from i3d.runtime.command import UserError
from i3d.training import config
from i3d.video import frames
from i3d.weights import find
from i3d.weights.cards import Card

NAME = "export"
_OUTPUTS = ["logits", "probabilities", "features"]
_CLIPS = 10  # of a network that is tested on whole videos, whose length a file does not leave free
_MOST = 1e-3  # standard deviations that float32 may differ by
_TOP = 5


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      card: of the network, which takes clips of a fixed number of frames.
      text: labels of a model with a text tower.
      names: of the classes.
      format: that is written.
      options: parsed flags.
    """

    card: Card
    text: Text
    names: tuple[str, ...]
    format: Format
    options: flags.FlagValues


def main(argv: list[str]) -> int:
    """Writes the export; returns the exit status."""
    memory = "close other programs"
    return command.run(argv, NAME, __doc__, defined_flags, checked, work, out_of_memory=memory)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    options.define_networks(own)
    classes.define(own, "those of the training")
    text, one_of = flags.DEFINE_string, flags.DEFINE_enum
    one_of("format", None, list(FORMATS), "format that is written", flag_values=own)
    out = "new file, .onnx or .tflite, or new folder, of saved_model and openvino"
    text("out", None, out, flag_values=own)
    one_of("output", "logits", _OUTPUTS, "what comes out", flag_values=own)
    given = "what goes in: clips, cropped, or frames: whole pictures of any size"
    one_of("input", "clips", ["clips", "frames"], given, flag_values=own)
    clips = "clips (or segments) per video, of --verify; segments are what the file takes at a time"
    flags.DEFINE_integer("clips", None, clips, 1, flag_values=own)
    stored = "of the weights in the file; float16 and int8 are of litert"
    one_of("precision", "float32", list(PRECISIONS), stored, flag_values=own)
    text("verify", None, "video that the network and the file both see", flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: what was asked for cannot be.
    """
    settings, words = config.parsed(own, argv)
    command.refuse_words(words)
    if not (own.format and own.out):
        missing = "out" if own.format else "format"
        raise UserError(f"--{missing} is needed")
    chosen = FORMATS[own.format]
    chosen.check(own.out, own.precision)
    text = classes.of_flags(own)
    _check_video(own)
    if not own.checkpoint:
        raise UserError(f"--checkpoint is needed: a path, or one of {find.offered('videos')}")
    if (count := own["checkpoint"].present) > 1:
        raise UserError(f"--checkpoint: a file holds one network, got {count}")
    names = [own.model] if own.model else []
    (card,) = options.cards_of([own.checkpoint], names, settings, own.clips)
    if own.input == "frames" and card.spec.stream == "flow":
        raise UserError("--input=frames: a network of flow takes clips of levels of flow")
    if card.spec.whole:
        card = dataclasses.replace(card, spec=input_spec.asked(card.spec, _CLIPS))
    if own.output == "features":
        return Job(card, text, (), chosen, own)
    classes.check(own, [card], text)
    found = classes.names(own, [card], text)
    return Job(card, text, found, chosen, own)


def _check_video(own):
    if not own.verify:
        return
    if own.output == "features":
        raise UserError("--verify shows classes, and goes with --output=logits or probabilities")
    files.check_there(own.verify, "verify")
    frames.stated(own.verify)


def work(job: Job) -> None:
    """Writes, compares and names the export.

    Raises:
      UserError: the weights cannot be used, the format cannot hold the network, or the export
        differs from it.
    """
    from i3d.exports.check import Both

    own = job.options
    source, graph = _graphs(job)
    print(job.card.described())
    with files.new_path(own.out) as path:
        job.format.write(graph, path, own.precision)
        both = Both(source, job.format.runner(path))
        _compare(job, graph, both, path)
        if own.verify:
            _verify(job, both)


def _graphs(job):
    """Returns the Graph of the network as it is, and as it is exported."""
    import keras

    from i3d.exports import graph, images
    from i3d.inference import network

    if keras.backend.backend() != "tensorflow":
        raise UserError(f"exports need KERAS_BACKEND=tensorflow, got {keras.backend.backend()}")
    own, text = job.options, dataclasses.replace(job.text, labels=job.names)
    endpoint = "features" if own.output == "features" else "Logits"
    net = network.load(job.card, endpoint=endpoint, text=text)
    source = graph.of_network(net, own.output, own.input, job.names)
    batch = job.format.batch
    if batch is None:
        return source, source
    return source, graph.of_network(net, own.output, own.input, job.names, images.as_images, batch)


def _compare(job, graph, both, path):
    """Prints what was written, and how it compares on noise."""
    own, count = job.options, job.format.batch or 2
    shape = [job.format.batch or "batch", *(n or "any" for n in graph.shape)]
    outputs = graph.model.outputs[0].shape[1]
    print(f"input: {graph.input}, uint8 [{', '.join(map(str, shape))}]")
    print(f"output: {graph.output}, float32 [{shape[0]}, {outputs}]")
    print(f"file: {own.out}, {own.precision}, {_size(path) / 1e6:.1f} MB")
    difference = both.difference(both.noise(count))
    print(f"difference: {difference:.1e} of the deviation of the {own.output}, on noise")
    _check_close(own, difference)
    source, export = both.seconds(both.noise(1))
    print(f"latency: {export:.3f} s a clip, {source:.3f} s in Keras (medians)", flush=True)


def _check_close(own, difference):
    """Raises UserError where the file is not the network."""
    exact = own.precision == "float32"
    if not math.isfinite(difference) or (exact and difference > _MOST):
        raise UserError(
            f"--format={own.format}: what was written gives other {own.output}: they differ by "
            f"{difference:.1e} of their deviation; it is not kept"
        )


def _verify(job, both):
    """Prints the best classes of the video by the network and by the file."""
    import numpy as np

    own, found = job.options, both.of_video(job.options.verify)
    print(f"{own.verify}: {found.views} view(s), difference {found.difference:.1e}")
    columns = []
    for scores in found.scores:
        best = np.argsort(-scores, kind="stable")[:_TOP]
        columns.append([f"{scores[i]:.4f} {job.names[i]}" for i in best])
    width = max(map(len, columns[0]))
    print(f"   {'network':{width}}   {own.format}")
    for rank, (one, other) in enumerate(zip(*columns, strict=True), 1):
        print(f"{rank}  {one:{width}}   {other}", flush=True)
    _check_close(own, found.difference)


def _size(path):
    """Returns the bytes of a file, or of all files below a folder."""
    inside = [path] if path.is_file() else Path(path).rglob("*")
    return sum(each.stat().st_size for each in inside if each.is_file())


if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""Converts a checkpoint of any kind that `i3d.weights.load` reads into a Keras .weights.h5 file.

python -m i3d.weights convert --model=tsn_r50_1x1x3 --source=tsn.pth --out=tsn.weights.h5
python -m i3d.weights convert --model=inception_i3d --source=flow_imagenet.pt --out=flow.weights.h5
"""

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from absl import flags

from i3d.runtime import command, files
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.weights.cards import Card

if TYPE_CHECKING:
    import keras

_SUFFIX = ".weights.h5"


def convert(
    model_name: str,
    source: str | os.PathLike,
    out: str | os.PathLike,
    num_classes: int | None = None,
    channels: int | None = None,
    averages: bool = False,
) -> "keras.Model":
    """Writes the weights of `source` to `out`, which gets its name only when whole.

    Args:
      model_name: in the catalogue of `i3d.models`.
      source: as for `i3d.weights.load`.
      out: path ending in .weights.h5, not there yet.
      num_classes: of the checkpoint; None reads it from its head.
      channels: of the input; None is the model's own number, for inception_i3d the checkpoint's.
      averages: True for the moving averages of the weights that were saved beside them.

    Returns:
      the model, with the weights.

    Raises:
      UserError: `out` is there or cannot be written, there is no such model, or `source` cannot be
        used as i3d.weights.load says.
    """
    from i3d import models  # with Keras, imported late, so that a wrong call is reported at once
    from i3d.inference import checkpoint, network
    from i3d.weights.clip_zoo import takes_text
    from i3d.weights.localization_zoo import gives_proposals
    from i3d.weights.start import head_classes

    files.check_new(out, _SUFFIX)
    spec = InputSpec()  # of RGB clips
    with contextlib.suppress(UserError):  # a model of pictures
        spec = checkpoint.spec_of(model_name, source)
    card = Card(str(source), str(source), model_name, spec)
    keywords: dict[str, Any] = {} if channels is None else {"channels": channels}
    if model_name not in models.names():
        network.build(model_name, spec, 1)  # says which there are, before the source is read
    headless = takes_text(model_name) or gives_proposals(model_name)
    classes = num_classes or (1 if headless else head_classes(source, model_name))
    model = network.loaded(card, classes, averages=averages, **keywords)
    with files.new_path(out) as path:
        model.save_weights(path)
    return model


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit status."""
    return command.run(argv, "convert", __doc__, defined_flags, check, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    flags.DEFINE_string("model", None, "name in the catalogue of models", flag_values=own)
    flags.DEFINE_string(
        "source",
        None,
        "TF1 prefix, .pth, .pt, .safetensors, .weights.h5 or .h5 file, or a folder of Hugging "
        "Face's CLIP",
        flag_values=own,
    )
    flags.DEFINE_string(
        "out", None, "file to write, ending in .weights.h5; never replaced", flag_values=own
    )
    flags.DEFINE_integer(
        "num_classes", None, "classes; default: those of the checkpoint's head", 1, flag_values=own
    )
    flags.DEFINE_integer(
        "channels",
        None,
        "channels of the input; default: the model's own, for inception_i3d the checkpoint's",
        1,
        flag_values=own,
    )
    flags.DEFINE_boolean(
        "averages",
        False,
        "whether the moving averages of the weights are taken, which TF1 and PyTorch programs save "
        "beside them",
        flag_values=own,
    )
    own.set_gnu_getopt(True)  # flags may stand after the command
    return own


def check(options: flags.FlagValues, argv: list[str]) -> flags.FlagValues:
    """Returns the flags, parsed."""
    words = options(argv)[1:]
    if words != ["convert"] or not (options.model and options.source and options.out):
        raise UserError(
            "usage: python -m i3d.weights convert --model=NAME --source=FILE "
            f"--out=FILE{_SUFFIX} [--num_classes=N] [--channels=N] [--averages]"
        )
    files.check_new(options.out, _SUFFIX)
    return options


def work(options: flags.FlagValues) -> None:
    """Converts."""
    model = convert(
        options.model,
        options.source,
        options.out,
        options.num_classes,
        options.channels,
        options.averages,
    )
    count = f"{model.count_params():,}"
    print(f"{options.out}: {options.model}, {count} parameters from {options.source}")


if __name__ == "__main__":
    sys.exit(main(sys.argv))

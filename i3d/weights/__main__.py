"""Turns a checkpoint of any kind that `i3d.weights.load` reads into a Keras .weights.h5 file.

python -m i3d.weights convert --model=tsn_r50_1x1x3 --source=tsn.pth --out=tsn.weights.h5
python -m i3d.weights convert --model=inception_i3d --channels=2 \
    --source=checkpoints/flow_imagenet/model.ckpt --out=flow.weights.h5
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

from absl import app, flags

import i3d.weights
from i3d import models
from i3d.weights.start import head_classes

_SUFFIX = ".weights.h5"


def convert(model_name, source, out, num_classes=None, channels=None):
    """Writes the weights of `source` to `out`, which gets its name only when whole.

    Args:
      model_name: in the catalogue of `i3d.models`.
      source: as for `i3d.weights.load`.
      out: path ending in .weights.h5, not there yet.
      num_classes: of the checkpoint; None reads it from its head.
      channels: of the input; None is the model's own number.

    Returns:
      the model, with the weights.

    Raises:
      FileExistsError: `out` is there.
      FileNotFoundError, ValueError: as `i3d.weights.load` and `i3d.models.build`.
      OSError: `out` cannot be written.
    """
    out = Path(out)
    if not out.name.endswith(_SUFFIX):
        raise ValueError(f"--out: expected a name ending in {_SUFFIX}, got {out}")
    if out.exists():
        raise FileExistsError(f"{out} is there already; move it away or choose another name")
    if model_name not in models.names():
        models.build(model_name)  # says which names there are, before the source is read
    keywords = {} if channels is None else {"channels": channels}
    model = models.build(model_name, num_classes=num_classes or head_classes(source), **keywords)
    i3d.weights.load(model, source)
    partial = out.with_name(f"tmp-{out.name}")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        model.save_weights(partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return model


def main(argv):
    """Runs the command; a user's mistake is one line on stderr and exit status 1 (usage: 2)."""
    flag = flags.FLAGS
    if argv[1:] != ["convert"] or not (flag.model and flag.source and flag.out):
        print(
            "usage: python -m i3d.weights convert --model=NAME --source=FILE "
            f"--out=FILE{_SUFFIX} [--num_classes=N] [--channels=N]",
            file=sys.stderr,
        )
        return 2
    try:
        model = convert(flag.model, flag.source, flag.out, flag.num_classes, flag.channels)
    except (ValueError, OSError) as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    print(f"{flag.out}: {flag.model}, {model.count_params():,} parameters from {flag.source}")
    return 0


if __name__ == "__main__":  # only here: other commands define flags of the same names
    flags.DEFINE_string("model", None, "name in the catalogue of models")
    flags.DEFINE_string("source", None, "TF1 prefix, or .pth, .pt, .safetensors, .weights.h5 file")
    flags.DEFINE_string("out", None, "file to write, ending in .weights.h5; never replaced")
    flags.DEFINE_integer("num_classes", None, "of the checkpoint; default: what its head has", 1)
    flags.DEFINE_integer("channels", None, "of the input; default: the model's own", 1)
    flags.FLAGS.set_gnu_getopt(True)  # flags may stand after the command
    app.run(main)

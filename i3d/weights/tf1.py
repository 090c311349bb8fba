"""DeepMind's published TF1 I3D checkpoints into the Keras model.

    load_tf1(model, "checkpoints/rgb_imagenet/model.ckpt")

A layer `Mixed_3b-Branch_0-Conv3d_0a_1x1-conv_3d` holds what the checkpoint calls
`RGB/inception_i3d/Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w`; the Kinetics-600 checkpoint
has the same names without the first two scopes and with Momentum slots, which are ignored.
"""

from i3d.weights.errors import Misfit, WeightsError, listed

SCOPES = ("RGB/inception_i3d/", "Flow/inception_i3d/", "")


def load_tf1(model, prefix):
    """Loads a TF1 checkpoint into an Inception I3D model, whole or not at all.

    Args:
      model: `i3d.models.inception_i3d(...)` up to Logits or Predictions, not folded.
      prefix: path before `.index` and `.data-00000-of-00001`.

    Raises:
      WeightsError: the file cannot be read, or a variable is missing, left over or misshapen.

    Source: variable names and shapes of the five published checkpoints. Batch normalisation
    is stored as [C] in four of them and as [1, 1, 1, 1, C] in the Kinetics-600 one.
    """
    shapes, read = _open(prefix)
    scope = next((s for s in SCOPES if any(name.startswith(s) for name in shapes)), "")
    stored = {name for name in shapes if not name.endswith("/Momentum")}
    wanted = {scope + name: variable for name, variable in variables(model).items()}
    missing = sorted(wanted.keys() - stored)
    extra = sorted(stored - wanted.keys())
    misshapen = [
        f"{name} {tuple(shapes[name])}, the model's is {tuple(wanted[name].shape)}"
        for name in sorted(wanted.keys() & stored)
        if not _same_shape(name, shapes[name], wanted[name].shape)
    ]
    problems = listed("missing", missing) + listed("left over", extra)
    problems += listed("of another shape", misshapen)
    if problems:
        raise Misfit(f"{prefix} does not fit {model.name}: " + "; ".join(problems))
    values = {name: read(name) for name in wanted}  # all read before any is assigned
    for name, variable in wanted.items():
        variable.assign(values[name].reshape(variable.shape))


def _open(prefix):
    """Returns ({name: shape}, function reading one variable) of the checkpoint."""
    import tensorflow as tf  # here, so that i3d.weights imports without it

    def checked(action, *arguments):
        try:
            return action(*arguments)
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{prefix}: not a whole TF1 checkpoint: {reason}") from error

    reader = checked(tf.train.load_checkpoint, str(prefix))
    return reader.get_variable_to_shape_map(), lambda name: checked(reader.get_tensor, name)


def variables(model):
    """Returns {checkpoint name without scope: Keras variable}."""
    names = {}
    for layer in model.layers:
        path = "Logits/Conv3d_0c_1x1/conv_3d" if layer.name == "Logits" else None
        path = path or layer.name.replace("-", "/")
        if path.endswith("/conv_3d"):
            names[f"{path}/w"] = layer.kernel
            if layer.use_bias:
                names[f"{path}/b"] = layer.bias
        elif path.endswith("/batch_norm") and layer.weights:
            names[f"{path}/beta"] = layer.beta
            names[f"{path}/moving_mean"] = layer.moving_mean
            names[f"{path}/moving_variance"] = layer.moving_variance
    return names


def _same_shape(name, stored, wanted):
    """Compares shapes; the head's and the batch normalisation's leading ones do not count."""
    stored, wanted = tuple(stored), tuple(wanted)
    loose = "/batch_norm/" in name or "Logits/" in name
    return stored == wanted or (loose and stored == (1,) * (5 - len(wanted)) + wanted)

"""Batch normalisation folded into the layers before it, for faster inference.

fast = fold_batch_norm(model)      # same outputs and layer names; each conv gains a bias
"""

import keras
from keras import layers, ops


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Returns a copy of `model` whose BatchNormalization layers are merged.

    The copy is for inference: outputs equal the model's with training=False up to rounding
    (about 1e-6 of the largest value). Layer names and endpoints stay, but each merged
    BatchNormalization is gone, its scale and offset moved into the kernel and bias before it,
    which are stored in the precision that they are used in.

    Args:
      model: functional keras.Model. A BatchNormalization that does not directly follow a
        convolution or dense layer used by it alone is kept as it is.
    """
    norms = _foldable(model)
    convs = {conv.name for conv in norms.values()}

    def clone(layer):
        config = layer.get_config()
        if layer.name in convs:
            config |= {"use_bias": True, "dtype": layer.compute_dtype}
        if "kernel_initializer" in config:  # its weights are set below
            config["kernel_initializer"] = "zeros"
        return layer.__class__.from_config(config)

    def call(layer, *arguments, **keywords):
        return arguments[0] if layer.name in norms else layer(*arguments, **keywords)

    folded = keras.models.clone_model(model, clone_function=clone, call_function=call)
    by_conv = {conv.name: model.get_layer(norm) for norm, conv in norms.items()}
    for target in folded.layers:
        if not target.weights:  # an unnamed input gets a new name in the copy
            continue
        layer = model.get_layer(target.name)
        norm = by_conv.get(layer.name)
        target.set_weights(_merged(layer, norm) if norm else layer.get_weights())
    return folded


def _foldable(model):
    """Returns {name of BatchNormalization: the linear layer that it alone follows}."""
    pairs = {}
    for norm in model.layers:
        if not isinstance(norm, layers.BatchNormalization) or len(norm._inbound_nodes) != 1:
            continue
        source = norm.input._keras_history.operation
        if _is_linear(source) and len(source._outbound_nodes) == 1:
            pairs[norm.name] = source
    return pairs


def _is_linear(layer):
    kinds = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense)
    return isinstance(layer, kinds) and layer.activation is keras.activations.linear


def _merged(conv, norm):
    """Returns [kernel, bias] of the linear layer with the normalisation in it."""
    scale = ops.rsqrt(ops.cast(norm.moving_variance, "float64") + norm.epsilon)
    scale = scale * ops.cast(norm.gamma, "float64") if norm.scale else scale
    shift = -ops.cast(norm.moving_mean, "float64")
    shift = shift + ops.cast(conv.bias, "float64") if conv.use_bias else shift
    bias = shift * scale
    bias = bias + ops.cast(norm.beta, "float64") if norm.center else bias
    kernel = ops.cast(conv.kernel, "float64") * scale
    return [ops.convert_to_numpy(kernel), ops.convert_to_numpy(bias)]

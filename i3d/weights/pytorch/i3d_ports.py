"""Layer names of three PyTorch ports of Inception I3D, and the scale of their normalisations.

    piergiaj("Mixed_3b-Branch_1-Conv3d_0b_3x3-conv_3d")     # "Mixed_3b.b1b.conv3d"
    hassony2("Mixed_3b-Branch_1-Conv3d_0b_3x3-conv_3d")     # "mixed_3b.branch_1.1.conv3d"
    dlpbc("Mixed_3b-Branch_1-Conv3d_0b_3x3-conv_3d")        # "Conv3d_3b_1b_3x3_conv"

Source: github.com/piergiaj/pytorch-i3d at 05783d11, hassony2/kinetics_i3d_pytorch at 786fbae0
(PyTorch), dlpbc/keras-kinetics-i3d at 53c03eb9 (Keras).
"""

# Branch and kernel of a unit of an Inception module -> which it is.
_UNITS = {
    ("0", "1x1"): "0a",
    ("1", "1x1"): "1a",
    ("1", "3x3"): "1b",
    ("2", "1x1"): "2a",
    ("2", "3x3"): "2b",
    ("3", "1x1"): "3b",  # after a pooling
}
_HASSONY2 = {"0a": "0", "1a": "1.0", "1b": "1.1", "2a": "2.0", "2b": "2.1", "3b": "3.1"}


def piergiaj(layer):
    """Returns what the port of piergiaj calls a layer of `inception_i3d`."""
    if layer == "Logits":
        return "logits.conv3d"
    module, unit, _, kind = _parts(layer)
    kind = {"conv_3d": "conv3d", "batch_norm": "bn"}[kind]
    return f"{module}.{'b0' if unit == '0a' else 'b' + unit}.{kind}" if unit else f"{module}.{kind}"


def hassony2(layer):
    """Returns what the port of hassony2 calls a layer of `inception_i3d`."""
    if layer == "Logits":
        return "conv3d_0c_1x1.conv3d"
    module, unit, _, kind = _parts(layer)
    kind = {"conv_3d": "conv3d", "batch_norm": "batch3d"}[kind]
    return f"{module.lower()}.{f'branch_{_HASSONY2[unit]}.' if unit else ''}{kind}"


def dlpbc(layer):
    """Returns what the port of dlpbc calls a layer of `inception_i3d`."""
    if layer == "Logits":
        return "Conv3d_6a_1x1_conv"
    module, unit, kernel, kind = _parts(layer)
    kind = {"conv_3d": "conv", "batch_norm": "bn"}[kind]
    if not unit:
        return f"{module}_{kind}"
    return f"{module.replace('Mixed', 'Conv3d')}_{unit}_{kernel}_{kind}"


def _parts(layer):
    """Returns (module, unit, kernel, kind) of a layer's name; unit and kernel may be ""."""
    module, *branch, kind = layer.split("-")
    if not branch:
        return module, "", "", kind
    kernel = branch[1].rpartition("_")[2]
    return module, _UNITS[branch[0].removeprefix("Branch_"), kernel], kernel, kind


def absorb_scale(arrays, conv, norm, names=("weight", "weight", "running_mean"), last=False):
    """Returns arrays whose batch normalisations need no scale.

    y = scale * (conv(x) - mean) / deviation + offset is the same function with the scale in the
    kernel and the mean instead. It holds while mean and deviation are kept: a training that
    takes them from its batches begins with the scale's sign alone.

    Args:
      arrays: {"<unit><conv><kernel>": array, "<unit><norm><scale>": array, ...}.
      conv, norm: what stands between a unit's name and the names of its arrays.
      names: of kernel, scale and mean.
      last: whether the output channel is a kernel's last axis (TensorFlow) or its first.
    """
    kernel, scale, mean = (conv + names[0], norm + names[1], norm + names[2])
    arrays = dict(arrays)
    for key in [key for key in arrays if key.endswith(scale)]:
        unit, factor = key.removesuffix(scale), arrays[key]
        weights, means = arrays.get(unit + kernel), arrays.get(unit + mean)
        if weights is None or means is None or not factor.shape == means.shape:
            continue
        axis = -1 if last else 0
        if weights.ndim and weights.shape[axis] == factor.size:
            shape = [1] * weights.ndim
            shape[axis] = -1
            arrays[unit + kernel] = weights * arrays.pop(key).reshape(shape)
            arrays[unit + mean] = means * factor
    return arrays

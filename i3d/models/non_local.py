"""Non-local blocks: self-attention over all space-time positions of a clip.

    x = non_local(x, "dot_product", "layer2-1-non_local_block")

Source: Wang et al. 2018, "Non-local Neural Networks" (arXiv:1711.07971).
"""

import keras
from keras import layers, ops

from i3d.models import resnet_blocks

KINDS = ("gaussian", "embedded_gaussian", "scaled_gaussian", "dot_product")


def non_local(x, kind, name, end=None):
    """Adds to each position what it gathers from the others; new, the block is the identity.

    Args:
      x: clips [B, T, H, W, C], H and W at least 2.
      kind: one of KINDS. "gaussian" compares the inputs themselves, the others linear
        embeddings of half the channels; "dot_product" divides by the number of positions where
        the others take a softmax; "scaled_gaussian" is "embedded_gaussian" with products divided
        by the root of the number of channels, as in MMAction2's AVA models.
      name: prefix of the layers' names.
      end: name of the output layer; None is `name`.

    Raises:
      ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"non-local kind: expected one of {KINDS}, got {kind!r}")
    half = max(1, x.shape[-1] // 2)

    def linear(y, layer):
        return resnet_blocks.conv(y, half, (1, 1, 1), (1, 1, 1), f"{name}-{layer}-conv", True)

    def pool(y, layer):
        return resnet_blocks.max_pool(y, (1, 2, 2), (1, 2, 2), f"{name}-{layer}-1")

    if kind == "gaussian":
        theta, phi = x, pool(x, "phi")
    else:
        theta, phi = linear(x, "theta"), pool(linear(x, "phi-0"), "phi")
    g = pool(linear(x, "g-0"), "g")
    scale = half**-0.5 if kind == "scaled_gaussian" else 1.0
    y = Gather(softmax=kind != "dot_product", scale=scale, name=f"{name}-gather")([theta, phi, g])
    one = (1, 1, 1)
    y = resnet_blocks.conv_norm(y, x.shape[-1], one, one, f"{name}-conv_out", gamma="zeros")
    return layers.Add(name=end or name)([x, y])


@keras.saving.register_keras_serializable("i3d")
class Gather(layers.Layer):
    """Sums g over positions, weighted by how well theta and phi agree."""

    def __init__(self, softmax, scale=1.0, **keywords):
        """Keeps its arguments.

        Args:
          softmax: True takes it over the positions of phi, False divides by their number.
          scale: of the products of theta and phi.
        """
        super().__init__(**keywords)
        self.softmax, self.scale = softmax, scale

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "softmax": self.softmax, "scale": self.scale}

    def compute_output_shape(self, shapes):
        """Returns theta's shape with g's channels."""
        return (*shapes[0][:-1], shapes[2][-1])

    def call(self, inputs):
        """Takes theta [B, T, H, W, C], phi [B, T, h, w, C], g [B, T, h, w, D]."""
        theta, phi, g = (ops.reshape(x, (ops.shape(x)[0], -1, x.shape[-1])) for x in inputs)
        if self.softmax:  # in float32: bfloat16 is off by some units where products are large
            theta, phi = ops.cast(theta, "float32"), ops.cast(phi, "float32")
        theta = theta * self.scale if self.scale != 1 else theta
        weights = ops.matmul(theta, ops.transpose(phi, (0, 2, 1)))
        if self.softmax:
            weights = ops.softmax(weights)
        else:
            weights = weights / ops.cast(ops.shape(phi)[1], weights.dtype)
        gathered = ops.matmul(ops.cast(weights, g.dtype), g)
        return ops.reshape(gathered, (*ops.shape(inputs[0])[:-1], g.shape[-1]))

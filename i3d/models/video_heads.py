"""Heads over time of ActionCLIP: features of T frames -> features of the video.

    video = head(image, "Transf", sizes)            # [B, T, D] -> [B, D]

All compute in float32, and all but Transf_cls add their input to what they make of it and take the
mean over time.

Source: sallymmx/ActionCLIP, modules/Visual_Prompt.py (section 3.3 of arXiv:2109.08472).
"""

from typing import Any

import keras
from keras import layers, ops

from i3d.models.clip_towers import HEAD_WIDTH, hub

HEADS = ("meanP", "Conv_1D", "LSTM", "Transf", "Transf_cls")
MOST_FRAMES = 77  # rows of the table of frame positions, CLIP's context
LAYERS = 6  # blocks of a transformer over time
_CLS_HEADS, _CLS_WIDTH = 8, 2048  # attention heads and inner width of Transf_cls, at any D


def head(image: Any, kind: str, sizes: Any, dropout: float = 0.1) -> Any:
    """Returns the features of videos, float32 [B, D].

    Args:
      image: keras tensor [B, T, D], features of the frames.
      kind: one of HEADS.
      sizes: actionclip.Arch.
      dropout: of Transf_cls, in training.
    """
    if kind == "meanP":
        return ops.mean(image, axis=1)
    if kind == "Transf_cls":
        return _class_token_transformer(image, dropout)
    if kind == "Conv_1D":
        x = _convolved(image)
    elif kind == "LSTM":
        x = layers.LSTM(sizes.dim, return_sequences=True, dtype="float32", name="fusion_lstm")(
            image
        )
    else:
        x = _transformer(image, sizes)
    return ops.mean(x + image, axis=1)


@keras.saving.register_keras_serializable("i3d")
def quick_gelu(x: Any) -> Any:
    """Returns x * sigmoid(1.702 x), CLIP's activation."""
    return x * ops.sigmoid(1.702 * x)


def _transformer(image, sizes):
    """Pre-norm blocks with quick GELU. Their layer normalisation has epsilon 1e-12, as BERT's."""
    x = FramePositions(MOST_FRAMES, dtype="float32", name="fusion_positions")(image)
    for i in range(LAYERS):
        x = hub().layers.TransformerEncoder(
            4 * sizes.dim,
            sizes.text_width // HEAD_WIDTH,
            activation=quick_gelu,
            layer_norm_epsilon=1e-12,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
            normalize_first=True,
            dtype="float32",
            name=f"fusion_block_{i}",
        )(x)
    return x


def _class_token_transformer(image, dropout):
    """Blocks as torch.nn.TransformerEncoderLayer has them: post-norm, ReLU; the class token's."""
    x = ClassToken(dtype="float32", name="fusion_token")(image)
    x = FramePositions(image.shape[1] + 1, dtype="float32", name="fusion_positions")(x)
    for i in range(LAYERS):
        x = hub().layers.TransformerEncoder(
            _CLS_WIDTH,
            _CLS_HEADS,
            dropout=dropout,
            activation="relu",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
            dtype="float32",
            name=f"fusion_block_{i}",
        )(x)
    return layers.LayerNormalization(epsilon=1e-5, dtype="float32", name="fusion_norm")(x[:, 0])


def _convolved(image):
    """A depthwise convolution over [B, T, D] whose numbers are read as [B, D, T].

    The published code reinterprets the array where a transpose was meant, so that time and channels
    are mixed; trained checkpoints carry that.
    """
    _, frames, dim = image.shape
    x = ops.transpose(ops.reshape(image, (-1, dim, frames)), (0, 2, 1))
    return layers.DepthwiseConv1D(
        3,
        padding="same",
        use_bias=False,
        depthwise_initializer=shift_kernel,
        dtype="float32",
        name="fusion_shift",
    )(x)


@keras.saving.register_keras_serializable("i3d")
def shift_kernel(shape: tuple[int, ...], dtype: str | None = None) -> Any:
    """Returns the kernel [3, D, 1] that Conv_1D begins with: a quarter of the channels each way."""
    dim = shape[1]
    tap = ops.concatenate(
        [ops.full((n,), i) for i, n in enumerate((dim // 4, dim - 2 * (dim // 4), dim // 4))]
    )
    return ops.cast(ops.arange(3)[:, None] == ops.cast(tap, "int32")[None], dtype)[..., None]


@keras.saving.register_keras_serializable("i3d")
class FramePositions(layers.Layer):
    """Adds a learned vector for each position: [B, T, D] -> [B, T, D]."""

    def __init__(self, rows, **keywords):
        """Keeps the number of positions that have a vector; T may be less."""
        super().__init__(**keywords)
        self.rows = rows

    def build(self, shape):
        """Makes the table, [rows, D]."""
        start = keras.initializers.RandomNormal(stddev=0.02)
        self.table = self.add_weight(
            shape=(self.rows, shape[-1]), initializer=start, name="positions"
        )

    def get_config(self):
        """Returns what the constructor takes."""
        return super().get_config() | {"rows": self.rows}

    def call(self, x):
        """Returns the sum."""
        return x + self.table[: x.shape[1]]


@keras.saving.register_keras_serializable("i3d")
class ClassToken(layers.Layer):
    """Puts a learned vector before the frames: [B, T, D] -> [B, 1 + T, D]."""

    def build(self, shape):
        """Makes the vector, [D]."""
        start = keras.initializers.RandomNormal(stddev=0.02)
        self.token = self.add_weight(shape=(shape[-1],), initializer=start, name="token")

    def compute_output_shape(self, shape):
        """Returns [B, 1 + T, D]."""
        return shape[0], shape[1] + 1, shape[2]

    def call(self, x):
        """Returns the frames after the token."""
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([token, x], axis=1)

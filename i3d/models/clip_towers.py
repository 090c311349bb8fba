"""CLIP's image and text transformers, out of the layers of keras-hub's encoders.

    image = visual_tower(clips, sizes)          # [B, T, H, W, 3] -> [B, T, D]
    text = text_tower(tokens, sizes)            # int32 [N, L] -> [N, D]

The encoders' layers are walked here rather than the encoders called, so that frames may look at
each other between blocks (tsm, joint), and every layer is one of the whole model's.
"""

import importlib
from typing import Any

import keras
from keras import layers, ops

VOCABULARY = 49408
CONTEXT = 77  # tokens of a text, at most
HEAD_WIDTH = 64  # channels of an attention head
_EPSILON = 1e-5  # of OpenAI's layer normalisation; keras-hub's last one of texts has 1e-6
_SHIFTED = 8  # tsm: a channel in so many comes from the next frame, and one from the last


def hub() -> Any:
    """Returns the module keras_hub; ValueError as `of_extra`."""
    return of_extra("keras_hub")


def of_extra(name: str) -> Any:
    """Returns a module of the extra `clip`.

    Raises:
      ValueError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"CLIP needs the extra clip: pip install 'i3d[clip]' ({name} is not installed)"
        ) from error


def visual_tower(clips: Any, sizes: Any, tsm: bool = False, joint: bool = False) -> Any:
    """Returns features of each frame, float32 [B, T, D]; of joint ones [B, 1, D].

    Args:
      clips: keras tensor [B, T, H, W, 3].
      sizes: actionclip.Arch.
      tsm, joint: as for `actionclip.actionclip`.
    """
    _, frames, height, width, channels = clips.shape
    encoder = hub().models.CLIPVisionEncoder(
        patch_size=sizes.patch,
        hidden_dim=sizes.visual_width,
        num_layers=sizes.visual_layers,
        num_heads=sizes.visual_width // HEAD_WIDTH,
        intermediate_dim=4 * sizes.visual_width,
        image_shape=(height, width, channels),
        data_format="channels_last",
        name="visual",
    )
    x = encoder.embedding(ops.reshape(clips, (-1, height, width, channels)))
    if joint:
        x = JointSpaceTime(frames, name="visual_time")(x)
    x = encoder.pre_layer_norm(x)
    for block in encoder.encoder_layers:
        x = block(_shifted(x, frames) if tsm else x)
    x = encoder.layer_norm(x[:, 0])
    x = layers.Dense(sizes.dim, use_bias=False, name="visual_projection")(x)
    return ops.reshape(ops.cast(x, "float32"), (-1, 1 if joint else frames, sizes.dim))


def text_tower(tokens: Any, sizes: Any) -> Any:
    """Returns features of each text, float32 [N, D]: the output at its end token, projected.

    A token is looked at by those after it alone, so what follows the end token does not matter.

    Args:
      tokens: keras tensor int32 [N, L], L up to CONTEXT; the end token is the largest.
      sizes: actionclip.Arch.
    """
    encoder = hub().models.CLIPTextEncoder(
        vocabulary_size=VOCABULARY,
        embedding_dim=sizes.text_width,
        hidden_dim=sizes.text_width,
        num_layers=sizes.text_layers,
        num_heads=sizes.text_width // HEAD_WIDTH,
        intermediate_dim=4 * sizes.text_width,
        max_sequence_length=CONTEXT,
        name="text",
    )
    encoder.layer_norm.epsilon = _EPSILON
    x = encoder.embedding(tokens)
    for block in encoder.encoder_layers:
        x = block(x)
    end = ops.argmax(tokens, axis=-1)[:, None, None]
    x = ops.squeeze(ops.take_along_axis(encoder.layer_norm(x), end, axis=1), axis=1)
    x = layers.Dense(sizes.dim, use_bias=False, name="text_projection")(x)
    return layers.Identity(dtype="float32", name="text")(x)


def _shifted(x, frames):
    """Returns tokens [B * T, 1 + P, C], some channels of patches taken from the frames beside.

    Source: modules/temporal_shift.py of ActionCLIP, which shifts what enters a block, the
    residual path too; Lin et al. 2019 (arXiv:1811.08383) shift the residual branch.
    """
    _, count, width = x.shape
    fold = width // _SHIFTED
    x = ops.reshape(x, (-1, frames, count, width))
    patches = x[:, :, 1:]
    zeros = ops.zeros_like(patches[:, :1, :, :fold])
    following = ops.concatenate([patches[:, 1:, :, :fold], zeros], axis=1)
    before = ops.concatenate([zeros, patches[:, :-1, :, fold : 2 * fold]], axis=1)
    patches = ops.concatenate([following, before, patches[..., 2 * fold :]], axis=-1)
    return ops.reshape(ops.concatenate([x[:, :, :1], patches], axis=2), (-1, count, width))


@keras.saving.register_keras_serializable("i3d")
class JointSpaceTime(layers.Layer):
    """Tokens of T frames [B * T, 1 + P, C] -> of a clip [B, 1 + P * T, C], for one attention.

    A learned embedding of each frame is added to its patches, whose order is patch by patch, then
    frame by frame. ActionCLIP's own code of it stops with a NameError; this is what it writes down,
    with the three names that are missing.
    """

    def __init__(self, frames, **keywords):
        """Keeps T."""
        super().__init__(**keywords)
        self.frames = frames

    def build(self, shape):
        """Makes the embedding of frames, [T, C]."""
        width = shape[-1]
        start = keras.initializers.RandomNormal(stddev=width**-0.5)
        self.time_embedding = self.add_weight(
            shape=(self.frames, width), initializer=start, name="time_embedding"
        )

    def get_config(self):
        """Returns what the constructor takes."""
        return super().get_config() | {"frames": self.frames}

    def compute_output_shape(self, shape):
        """Returns [B, 1 + P * T, C]."""
        clips = shape[0] and shape[0] // self.frames
        return clips, 1 + (shape[1] - 1) * self.frames, shape[2]

    def call(self, x):
        """Returns the tokens of clips."""
        _, count, width = x.shape
        x = ops.reshape(x, (-1, self.frames, count, width))
        patches = ops.transpose(x[:, :, 1:], (0, 2, 1, 3)) + ops.cast(self.time_embedding, x.dtype)
        patches = ops.reshape(patches, (-1, (count - 1) * self.frames, width))
        return ops.concatenate([x[:, 0, :1], patches], axis=1)

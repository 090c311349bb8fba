"""ActionCLIP and CLIP: a video tower and a text tower whose features are compared by their cosine.

    model = actionclip("actionclip_b16_8f")           # ViT-B/16, head Transf, 8 frames
    found = model({"frames": frames, "tokens": tokens})
    found["logits"]                                   # [B, N], 100 x cosine of videos and texts

    video_part(model)(frames), text_part(model)(tokens)          # [B, D], [N, D]

The towers are keras-hub's CLIP encoders (extra `clip`), the heads over time are in `video_heads`,
tokens come from `tokenizer`. Layers begin with "visual_", "text_" and "fusion_"; "features" is the
feature vector of the video, "text" that of each text, neither of unit length.

Sources: Radford et al. 2021 (arXiv:2103.00020); Wang, Xing & Liu 2021, ActionCLIP
(arXiv:2109.08472), and its code (sallymmx/ActionCLIP, clip/model.py).
"""

import math
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from i3d.models import video_heads
from i3d.models.clip_towers import text_tower, visual_tower

SCALE = 100.0  # of the cosine in a test; in training it is learned


class Arch(NamedTuple):
    """Sizes of a CLIP; both towers have width / 64 attention heads.

    Attributes:
      visual_width, visual_layers: of the image transformer.
      patch, size: sides of a patch and of a picture, pixels.
      text_width, text_layers: of the text transformer.
      dim: D, of the features that both are projected to.
    """

    visual_width: int
    visual_layers: int
    patch: int
    size: int
    text_width: int
    text_layers: int
    dim: int


ARCHS = {  # Radford et al. 2021, table 20; "tiny" is our own, for tests
    "tiny": Arch(192, 3, 8, 32, 128, 2, 64),
    "ViT-B/32": Arch(768, 12, 32, 224, 512, 12, 512),
    "ViT-B/16": Arch(768, 12, 16, 224, 512, 12, 512),
    "ViT-L/14": Arch(1024, 24, 14, 224, 768, 12, 768),
}


class Configuration(NamedTuple):
    """What a name in the catalogue stands for."""

    arch: str
    head: str
    frames: int


_HEADS = {"lstm": "LSTM", "conv_1d": "Conv_1D", "transf_cls": "Transf_cls"}
CONFIGS = {  # MODEL_ZOO.md of ActionCLIP; clip_*: CLIP on each frame, features averaged
    "actionclip": Configuration("ViT-B/16", "Transf", 8),
    "actionclip_tiny_8f": Configuration("tiny", "Transf", 8),
    "actionclip_b32_8f": Configuration("ViT-B/32", "Transf", 8),
    "actionclip_b16_8f": Configuration("ViT-B/16", "Transf", 8),
    "actionclip_b16_16f": Configuration("ViT-B/16", "Transf", 16),
    "actionclip_b16_32f": Configuration("ViT-B/16", "Transf", 32),
    "actionclip_l14_8f": Configuration("ViT-L/14", "Transf", 8),
    "clip_tiny": Configuration("tiny", "meanP", 8),
    "clip_b32": Configuration("ViT-B/32", "meanP", 8),
    "clip_b16": Configuration("ViT-B/16", "meanP", 8),
    "clip_l14": Configuration("ViT-L/14", "meanP", 8),
}
CONFIGS |= {  # the other heads over time of the paper, section 4.3
    f"actionclip_{size}_8f_{name}": Configuration(arch, head, 8)
    for size, arch in (("tiny", "tiny"), ("b32", "ViT-B/32"), ("b16", "ViT-B/16"))
    for name, head in _HEADS.items()
}


def actionclip(
    name: str = "actionclip",
    *,
    arch: str | None = None,
    head: str | None = None,
    frames: int | None = None,
    tsm: bool = False,
    joint: bool = False,
    dropout: float = 0.1,
    size: int | None = None,
    channels: int = 3,
    width: float = 1.0,
    num_classes: int | None = None,
) -> keras.Model:
    """Returns the keras.Model of a row of CONFIGS, with random weights.

    It takes {"frames": float32 [B, T, H, W, 3], normalised, "tokens": int32 [N, L], L up to 77}
    and returns float32 {"image": [B, T, D], "video": [B, D], "text": [N, D], "logits": [B, N]}.

    Args:
      name: one of CONFIGS.
      arch: one of ARCHS; None takes that of the row, as for head and frames.
      head: one of video_heads.HEADS: how the features of T frames become those of the video.
      frames: T.
      tsm: shifts an eighth of the channels of patches by a frame each way before each block.
      joint: one attention over the patches of all frames; goes with the head meanP, and "image" is
        [B, 1, D]. The published code of it cannot run; see `clip_towers.JointSpaceTime`.
      dropout: of the head Transf_cls in training; the others have none.
      size: pixels; None, or that of the arch.
      channels: 3.
      width: 1.0; CLIP's widths are those of its arch.
      num_classes: not read, as texts are the classes.

    Raises:
      ValueError: an argument is out of its range, or keras-hub (extra `clip`) is not installed;
        one line.
    """
    row = CONFIGS[name]
    arch, head = arch or row.arch, head or row.head
    frames = row.frames if frames is None else frames
    _check(arch, head, frames, joint, size, channels, width)
    sizes = ARCHS[arch]
    clips = keras.Input((frames, sizes.size, sizes.size, 3), name="frames")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    image = visual_tower(clips, sizes, tsm=tsm, joint=joint)
    video = video_heads.head(image, head, sizes, dropout)
    video = layers.Identity(dtype="float32", name="features")(video)
    text = text_tower(tokens, sizes)
    logits = Similarity(dtype="float32", name="logit_scale")([video, text])
    outputs = {"image": image, "video": video, "text": text, "logits": logits}
    model = keras.Model({"frames": clips, "tokens": tokens}, outputs, name=name)
    # keras-hub's positions are a weight, which begins with zeros.
    embedding = model.get_layer("visual_embedding")
    embedding.position_ids.assign(ops.arange(embedding.num_positions)[None])
    return model


def _check(arch, head, frames, joint, size, channels, width):
    for what, value, known in (("arch", arch, ARCHS), ("head", head, video_heads.HEADS)):
        if value not in known:
            raise ValueError(f"{what}: expected one of {', '.join(known)}, got {value!r}")
    if not 1 <= frames <= video_heads.MOST_FRAMES:
        most = video_heads.MOST_FRAMES
        raise ValueError(f"frames: expected 1 to {most}, got {frames}")
    if joint and head != "meanP":
        raise ValueError(f"joint: gives one feature vector a video: expected meanP, got {head!r}")
    own = ARCHS[arch].size
    if (size or own, channels, width) != (own, 3, 1.0):
        raise ValueError(
            f"{arch}: expected 3 channels of {own} x {own} pixels and width 1, got {channels} of "
            f"{size} and width {width:g}"
        )


def video_part(model: keras.Model) -> keras.Model:
    """Returns the keras.Model from frames to the video's features [B, D]; weights are shared."""
    output = model.get_layer("features").output
    return keras.Model(model.input["frames"], output, name=model.name)


def text_part(model: keras.Model) -> keras.Model:
    """Returns the keras.Model from tokens [N, L] to features [N, D]; weights are shared."""
    return keras.Model(model.input["tokens"], model.get_layer("text").output, name=model.name)


def log_scale(model: keras.Model) -> Any:
    """Returns the keras.Variable whose exponential is the learned scale of the cosine, a scalar."""
    return model.get_layer("logit_scale").log_scale


def group_of(variable: Any) -> str:
    """Returns "visual", "fusion" or "text" (with the scale): what ActionCLIP gives a rate each."""
    group = variable.path.partition("_")[0]
    return group if group in ("visual", "fusion") else "text"


@keras.saving.register_keras_serializable("i3d")
class Similarity(layers.Layer):
    """[features [B, D], features [N, D]] -> SCALE x their cosines, [B, N].

    It holds the learned scale, which a test of ActionCLIP does not read.
    """

    def build(self, shapes):
        """Makes the scale, 1 / 0.07 as CLIP begins."""
        start = keras.initializers.Constant(math.log(1 / 0.07))
        self.log_scale = self.add_weight(shape=(), initializer=start, name="log_scale")

    def compute_output_shape(self, shapes):
        """Returns [B, N]."""
        return shapes[0][0], shapes[1][0]

    def call(self, both):
        """Returns the scaled cosines."""
        video, text = (ops.normalize(x, axis=-1) for x in both)
        return SCALE * ops.matmul(video, ops.transpose(text))

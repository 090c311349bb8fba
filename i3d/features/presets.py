"""Which windows of a video rows of features are made of: named presets, or the flags' own.

    preset = PRESETS["thumos_i3d"]
    preset.windows.window, preset.windows.stride          # 16, 4 frames
    cards = preset.cards([rgb_card, flow_card], crops=None)

TensorFlow is not imported here.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from absl import flags

from i3d.inference import dense_views
from i3d.runtime.command import UserError
from i3d.weights.cards import Card


@dataclass(frozen=True)
class Windows:
    """Windows of frames that slide over a video; row r is of the frames from r * stride on.

    Attributes:
      window, stride: frames.
      fps: that videos are resampled to; 0: each keeps its own.
      keep_crops: whether rows are [T, crops, C]; else crops are averaged.
      pooled: rows that a video is pooled to, in a CSV file; 0: all are kept.
    """

    window: int
    stride: int
    fps: float = 0.0
    keep_crops: bool = False
    pooled: int = 0

    def described(self) -> str:
        """Returns a phrase on the windows."""
        rate = f"at {self.fps:g} fps" if self.fps else "at the video's own rate"
        crops = ", crops kept apart" if self.keep_crops else ""
        pooled = f", pooled to {self.pooled} rows" if self.pooled else ""
        return f"windows of {self.window} frames, stride {self.stride}, {rate}{crops}{pooled}"


@dataclass(frozen=True)
class Preset:
    """Features as published ones were made.

    Attributes:
      windows: Windows.
      model: what names of models begin with; "" for any of clips.
      endpoint: layer whose output is taken.
      crops: of each window; the first is the default.
      squeezed: whether frames are squeezed to 340 x 256 first, as published crops of 224 pixels
        were made; else the crop is as high as the frame.
      what: a phrase for help and messages.
    """

    windows: Windows
    model: str
    endpoint: str = "features"
    crops: tuple[int, ...] = (1,)
    squeezed: bool = True
    what: str = ""

    def cards(self, cards: Sequence[Card], crops: int | None, name: str) -> list[Card]:
        """Returns the Cards with frames, crops and views of the preset.

        Args:
          cards: with the InputSpecs of their published tests.
          crops: None for the default.
          name: of the preset, for messages.

        Raises:
          UserError: a model is of another kind, or the preset has no such crops.
        """
        if crops is not None and crops not in self.crops:
            known = " or ".join(map(str, self.crops))
            raise UserError(f"--crops: --preset={name} takes {known}, got {crops}")
        return [self._card(card, crops or self.crops[0], name) for card in cards]

    def _card(self, card, crops, name):
        of_clips = not card.spec.segments
        if not (card.model.startswith(self.model) if self.model else of_clips):
            expected = f"a model {self.model}..." if self.model else "a model of clips"
            raise UserError(f"--preset={name}: expected {expected}, {card.file} is of {card.model}")
        side = card.spec.resize if isinstance(card.spec.resize, int) else card.spec.resize[0]
        resize = (side, round(side * 340 / 256)) if self.squeezed else side
        crop = card.spec.crop if self.squeezed else side
        spec = dataclasses.replace(card.spec, resize=resize, crop=crop, crops=crops)
        return dense_views.windowed(dataclasses.replace(card, spec=spec))


_MOST_FPS = 1000
_OF_PRESETS = ("window", "stride", "fps", "window_s", "stride_s", "clips", "endpoint")
I3D = "inception_i3d"
# Sources. THUMOS14: Finspire13/pytorch-i3d-feature-extraction, as used by ActionFormer, which
# averages ten crops. ActivityNet: ActionFormer's features. CUHK: Xiong et al. 2016
# (arXiv:1608.00797), as MMAction2 makes them. Ten crops: Sultani et al. 2018 (arXiv:1801.04264) and
# its successors on I3D.
PRESETS = {
    "thumos_i3d": Preset(
        Windows(16, 4), I3D, crops=(1, 10), what="I3D, window 16, stride 4, own frame rate"
    ),
    "activitynet_i3d": Preset(
        Windows(16, 16, 25.0), I3D, crops=(1, 10), what="I3D, window 16, stride 16, 25 fps"
    ),
    "cuhk_tsn": Preset(
        Windows(16, 16, pooled=100),
        "tsn_",
        "Logits",
        squeezed=False,
        what="class scores of TSN every 16 frames, pooled to a CSV of 100 rows",
    ),
    "ten_crop": Preset(
        Windows(16, 16, keep_crops=True),
        "",
        crops=(10,),
        what="ten crops kept apart [T, 10, C], window 16, stride 16",
    ),
}


def help_of_presets() -> str:
    """Returns the help of --preset."""
    each = "; ".join(f"{name}: {preset.what}" for name, preset in PRESETS.items())
    return f"features for localization and anomaly detection: {each}"


def check_flags(own: flags.FlagValues) -> None:
    """Makes sure that flags on windows of frames agree.

    Raises:
      UserError: they contradict each other.
    """
    if own.window and own.window_s:
        raise UserError("expected --window in frames or --window_s in seconds, got both")
    for name in ("stride", "fps"):
        if own[name].value is not None and not (own.window or own.preset):
            raise UserError(f"--{name} needs --window")
    if own.window and own.clips:
        raise UserError("--clips goes with --window_s; of a window of frames one clip is seen")
    if own.fps is not None and not 0 <= own.fps <= _MOST_FPS:
        raise UserError(f"--fps: expected a number from 0 to {_MOST_FPS}, got {own.fps:g}")
    for name in _OF_PRESETS if own.preset else ():
        if own[name].present:
            shape = ", which keeps the shape of frames" if PRESETS[own.preset].squeezed else ""
            raise UserError(
                f"--preset={own.preset} decides this ({PRESETS[own.preset].what}): leave --{name} "
                f"out, or give --window, --stride and --fps{shape}, in place of --preset"
            )
    pooled = own.preset and PRESETS[own.preset].windows.pooled
    if pooled and Path(own.out).suffix:
        raise UserError(
            f"--out: --preset={own.preset} writes a CSV file for each video: expected a folder, "
            f"got {Path(own.out).name!r}"
        )


def windows_of(own: flags.FlagValues, cards: Sequence[Card]) -> Windows | None:
    """Returns the Windows of frames that flags ask for, None for others.

    Raises:
      UserError: the networks have different frame rates, and no flag says which to take.
    """
    if own.preset:
        return PRESETS[own.preset].windows
    if not own.window:
        return None
    if own.fps is not None:
        return Windows(own.window, own.stride or own.window, own.fps)
    rates = {0.0 if card.spec.steps_at_fps else card.spec.fps for card in cards}
    if len(rates) > 1:
        raise UserError(
            f"--fps: the networks were trained at {' and '.join(f'{r:g}' for r in sorted(rates))} "
            "frames per second; give the one to take, 0 for each video's own"
        )
    return Windows(own.window, own.stride or own.window, rates.pop())


def cards_of(own: flags.FlagValues, cards: Sequence[Card]) -> list[Card]:
    """Returns the Cards of networks that are given windows; UserError as Preset.cards."""
    crops = own.crops and int(own.crops)
    if own.preset:
        return PRESETS[own.preset].cards(cards, crops, own.preset)
    return [dense_views.windowed(card) for card in cards]


def endpoint_of(own: flags.FlagValues) -> str:
    """Returns the name of the layer whose output is taken."""
    return PRESETS[own.preset].endpoint if own.preset else own.endpoint


def check_streams(cards: Sequence[Card]) -> None:
    """Makes sure that networks whose features lie side by side are RGB, flow, or both in order.

    Raises:
      UserError: they are not.
    """
    streams = [card.spec.stream for card in cards]
    if len(streams) == 1 or streams == ["rgb", "flow"]:
        return
    if streams == ["flow", "rgb"]:
        raise UserError(
            f"--checkpoint: expected RGB first, then flow, got flow first ({cards[0].file}); "
            "features lie side by side in this order"
        )
    raise UserError(
        f"--checkpoint: expected one of RGB and one of flow, got {' and '.join(streams)}"
    )

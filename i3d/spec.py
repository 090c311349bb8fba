"""InputSpec: what a network sees of a video. Configurations, runs and weight cards hold one each.

    spec = InputSpec("rgb", frames=64, clips=WHOLE, longest=250, fps=25.0, range=(-1.0, 1.0))
    spec = asked(spec, clips=3, crops=1)                    # other views than the published ones
    spec = of_settings(settings, short_side=256, fps=25.0)  # of a training run

Neither NumPy nor TensorFlow is imported here.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from i3d.runtime.command import UserError

WHOLE = 0  # for `clips`: the whole video
FPS = 25.0  # frames per second of I3D's videos and of stored ones
SHORT_SIDE = 256  # pixels, the shorter side of their frames
CROPS = (1, 3, 10)
CHANNELS = {"rgb": 3, "flow": 2}
ACTIVATIONS = ("softmax", "sigmoid")
INTERPOLATIONS = ("bilinear", "bicubic")
FRAMES_OF_SEGMENT = ("middle", "lower_middle")

MOST_NUMBERS = 2**30  # of a view; 64 frames of 224 x 224 have 2**23
_MOST_PIXELS = 8192  # of a side
_WHOLE_NUMBERS = {  # the least and the most
    "frames": (1, 10_000),
    "stride": (1, 10_000),
    "segments": (0, 1000),
    "clips": (0, 10_000),
    "longest": (0, 10**9),
    "min_frames": (0, 10_000),
    "crop": (0, _MOST_PIXELS),
}
# In JSON only where they are not the default, so that the words of runs and of work in progress
# are those from before there was another choice.
_LATER = ("activation", "interpolation", "frame_of_segment")
_CHOICES = {
    "stream": tuple(CHANNELS),
    "crops": CROPS,
    "average": ("prob", "logits"),
    "activation": ACTIVATIONS,
    "interpolation": INTERPOLATIONS,
    "frame_of_segment": FRAMES_OF_SEGMENT,
    "fixed_segments": (False, True),
    "twice": (False, True),
    "steps_at_fps": (False, True),
}


@dataclass(frozen=True)
class InputSpec:
    """Which frames and pixels of a video make the views of a network, and how views are averaged.

    A view is one clip (or all segments of a video) under one crop. It enters the network as
    uint8 [N, H, W, C]: RGB 0..255, or levels of flow, 128 + round(127 * motion / bound).

    Attributes:
      stream: "rgb" or "flow".
      frames: of a clip, or of each segment, whose frames are stacked in the channels.
      stride: distance from one frame of a clip to the next.
      segments: number of segments that the network sees together as one view; 0: it sees clips.
      fixed_segments: whether the weights take this number of segments and no other (TSM).
      clips: spread evenly over the video; WHOLE: all of the video. Not read with segments.
      longest: WHOLE: a video of more steps is cut into the fewest clips of equal length that
        have at most this many, lengths differing by at most one; 0: never cut.
      min_frames: the shortest clip that the network takes; shorter videos are looped.
      twice: clips are taken at two sets of places.
      crops: of each clip. 1: the centre. 3: left, middle and right squares as high as the picture
        (of tall pictures from top to bottom). 10: the corners and the centre, each also mirrored.
      fps: frame rate that videos are resampled to; 0: each keeps its own.
      steps_at_fps: videos keep their frame rate, and the stride is scaled to last as long as in a
        video of `fps` frames per second (X3D).
      resize: pixels of the short side before cropping, or (height, width).
      crop: height and width of a crop, pixels; 0: the whole picture, where actions of people in
        boxes are scored.
      range: (low, high) of the input; None: mean and std count.
      mean, std: of the levels 0..255 of each channel, subtracted and divided by.
      flow_method: a name in i3d.flow.methods.METHODS, "" for RGB.
      flow_bound_px: pixels per frame at which flow is clipped, 0 for RGB.
      average: of the views of a video: "prob" (of the probabilities of each) or "logits".
      activation: what makes probabilities of logits: "softmax", or "sigmoid" where a video may
        have several labels.
      interpolation: of the resize: "bilinear" (OpenCV's, as MMAction2), or "bicubic": Pillow's,
        antialiased, with the sizes and the centre crop of torchvision's Resize and CenterCrop
        (the long side is cut to a whole number, halves of the offset go to the even one).
      frame_of_segment: which frame of a segment of n / T frames a test takes: "middle"
        (MMAction2's), or "lower_middle": int(i * n / T + (n / T - 1) / 2) of segment i; of a video
        of at most T frames i * n // T, and n // 2 where T is 1 (TSN's and ActionCLIP's).
    """

    stream: str = "rgb"
    frames: int = 1
    stride: int = 1
    segments: int = 0
    fixed_segments: bool = False
    clips: int = 10
    longest: int = 0
    min_frames: int = 1
    twice: bool = False
    crops: int = 1
    fps: float = 0.0
    steps_at_fps: bool = False
    resize: int | tuple[int, int] = 256
    crop: int = 224
    range: tuple[float, float] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    flow_method: str = ""
    flow_bound_px: float = 0.0
    average: str = "prob"
    activation: str = "softmax"
    interpolation: str = "bilinear"
    frame_of_segment: str = "middle"

    def __post_init__(self) -> None:
        """Raises UserError where a field is of another type or out of range.

        A config.json may come from anyone, so that sizes have an end.
        """
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                got = repr(getattr(self, name))
                raise UserError(f"{name}: expected one of {choices}, got {got:.80}")
        for name, (least, most) in _WHOLE_NUMBERS.items():
            _check_numbers(name, (getattr(self, name),), least, most, (int,))
        for name in ("fps", "flow_bound_px"):
            _check_numbers(name, (getattr(self, name),), 0, 1000)
        _check_numbers("resize", self._resized, 1, _MOST_PIXELS, (int,), (1, 2))
        _check_numbers("mean", self.mean, -1e4, 1e4, lengths=(0, CHANNELS[self.stream]))
        _check_numbers("std", self.std, 1e-4, 1e4, lengths=(len(self.mean),))
        _check_numbers("range", self.range or (), -1e4, 1e4, lengths=(0, 2))
        if not isinstance(self.flow_method, str):
            raise UserError(f"flow_method: expected a name, got {self.flow_method!r:.80}")
        if self.interpolation == "bicubic" and self.stream != "rgb":
            raise UserError("interpolation: 'bicubic' is of pictures, and the stream is 'flow'")
        single = self.segments and self.frames == 1 and not self.twice
        if self.frame_of_segment == "lower_middle" and not single:
            raise UserError(
                "frame_of_segment: 'lower_middle' expects segments of 1 frame, taken once, got "
                f"segments={self.segments}, frames={self.frames}, twice={self.twice}"
            )
        if not self.crop and (self.crops > 1 or self.segments or not isinstance(self.resize, int)):
            raise UserError(
                "crop: 0, the whole picture, expects clips, one crop and a resize of the short "
                f"side, got crops={self.crops}, segments={self.segments}, resize={self.resize}"
            )
        side = self.crop or max(self._resized)
        numbers = self.frames * max(1, self.segments) * side**2 * CHANNELS[self.stream]
        if numbers > MOST_NUMBERS:
            raise UserError(
                f"expected views of at most {MOST_NUMBERS:,} numbers, got {self.frames} frames x "
                f"{max(1, self.segments)} x {side} x {side} pixels"
            )

    @property
    def _resized(self) -> tuple[int, ...]:
        return self.resize if isinstance(self.resize, tuple) else (self.resize,)

    @property
    def whole(self) -> bool:
        """Whether views are the whole video, cut where it is long."""
        return self.clips == WHOLE and not self.segments

    @property
    def channels(self) -> int:
        """Channels that the network takes: those of all frames of a segment together."""
        return CHANNELS[self.stream] * (self.frames if self.segments else 1)

    @property
    def length(self) -> int | None:
        """T that the network takes: segments, or frames of a clip; None for whole videos."""
        return self.segments or (None if self.whole else self.frames)

    @property
    def num_views(self) -> int:
        """Views of a video; of a whole video, of each of its clips."""
        clips = 1 if self.segments or self.whole else self.clips
        return self.crops * (1 + self.twice) * clips

    @property
    def view_shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C) of a view as it enters; of whole videos, N of the longest clip.

        H and W are 0 where whole pictures enter.
        """
        frames = self.frames * max(1, self.segments)
        longest = self.longest if self.whole else 0
        return longest or frames, self.crop, self.crop, CHANNELS[self.stream]

    @property
    def crop_side(self) -> int | tuple[int, int]:
        """What pictures are resized to before they are cropped: three crops are as high as they."""
        return self.crop if self.crops == 3 else self.resize

    def described(self) -> str:
        """Returns one line on the views of a video."""
        unit = "segment" if self.segments else "clip"
        count = (self.segments or self.clips) * (1 + self.twice)
        each = f" of {self.frames} {'fields' if self.stream == 'flow' else 'frames'}"
        taken = f"{count} {unit}(s){each if self.frames > 1 else ''}"
        if self.whole:
            cut = f" in equal clips of at most {self.longest} frames" if self.longest else ""
            taken = f"the whole video{cut}"
        rate = f"{self.fps:g} fps" if self.fps else "own frame rate"
        means = {"prob": "mean of probabilities", "logits": "mean of logits"}[self.average]
        means += " (sigmoids)" if self.activation == "sigmoid" else ""
        over = "its views" if self.whole else f"{self.num_views} view(s)"
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        crops = f"{self.crops} crop(s) of {self.crop} px"
        crops = crops if self.crop else f"whole pictures of short side {self.resize} px"
        crops += ", bicubic" if self.interpolation == "bicubic" else ""
        return f"{taken}{stride} x {crops}, {rate}; {means} over {over}"

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON has them: tuples become lists.

        "activation", "interpolation" and "frame_of_segment" are there where they are not the
        default.
        """
        fields = dataclasses.asdict(self)
        for name in _LATER:
            if fields[name] == getattr(type(self), name):
                del fields[name]
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in fields.items()
        }


def _check_numbers(name, values, least, most, kinds=(int, float), lengths=(1,)):
    """Raises UserError unless values are so many numbers of these types in this range."""
    fits = isinstance(values, tuple) and len(values) in lengths
    if not fits or not all(type(v) in kinds and least <= v <= most for v in values):
        got = values[0] if fits and len(values) == 1 else values
        what = "a whole number" if kinds == (int,) else "a number"
        if lengths != (1,):
            what = f"{' or '.join(map(str, dict.fromkeys(lengths)))} numbers"
        raise UserError(f"{name}: expected {what} from {least:g} to {most:g}, got {got!r:.80}")


def from_json(fields: dict[str, Any]) -> InputSpec:
    """Returns the InputSpec of what `to_json` gave.

    Raises:
      UserError: a field is not known, or a value out of range.
    """
    if not isinstance(fields, dict):
        raise UserError(f"input: expected an object of JSON, got {fields!r:.80}")
    known = {field.name for field in dataclasses.fields(InputSpec)}
    if unknown := sorted(fields.keys() - known):
        raise UserError(f"input: {unknown[0]!r} is not known; it was written by a later version")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return InputSpec(**values)


def asked(spec: InputSpec, clips: int | None = None, crops: int | None = None) -> InputSpec:
    """Returns the InputSpec with other clips (or segments) and crops; None keeps its own.

    Whole videos that were not asked for by the spec are looped up to the frames of a clip.

    Raises:
      UserError: the network takes no other number of segments.
    """
    if clips is not None:
        own = "segments" if spec.segments else "clips"
        same = clips == getattr(spec, own)
        if clips == WHOLE and spec.segments:
            raise UserError("--whole_video: the network sees segments, which are spread")
        if spec.fixed_segments and not same:
            raise UserError(f"--clips: these weights take {spec.segments} segments, no others")
        shortest = spec.frames if clips == WHOLE and not spec.whole else spec.min_frames
        changed: dict[str, Any] = {own: clips, "min_frames": shortest}
        changed["twice"] = spec.twice and same
        spec = dataclasses.replace(spec, **changed)
    return spec if crops is None else dataclasses.replace(spec, crops=crops)


def of_settings(
    settings: dict[str, Any], short_side: int, fps: float, multi_label: bool = False
) -> InputSpec:
    """Returns the InputSpec of a training run: ten clips, or its segments, centre crop.

    Args:
      settings: {"data.size": 224, ...} as i3d.training.config.flat gives and config.json holds.
      short_side, fps: of the records that were trained on. Pictures are resized to this side; with
        "data.interpolation" "bicubic" to 256 / 224 of the crop, as CLIP's tests of videos do.
      multi_label: whether they have several labels; decides where the settings name no loss.

    Raises:
      UserError: a key is missing.
    """
    try:
        stream, segments = settings["data.stream"], settings.get("data.segments", 0)
        mean, std = (tuple(settings.get(f"data.{key}", ())) for key in ("mean", "std"))
        interpolation, size = settings.get("data.interpolation", "bilinear"), settings["data.size"]
        return InputSpec(
            stream=stream,
            frames=settings["data.frames"],
            stride=settings["data.stride"],
            segments=segments,
            fps=fps,
            resize=size * 256 // 224 if interpolation == "bicubic" else short_side,
            crop=size,
            range=None if mean else (-1.0, 1.0),
            mean=mean,
            std=std,
            flow_method=(settings["data.flow_method"] or "tvl1") if stream == "flow" else "",
            flow_bound_px=20.0 if stream == "flow" else 0.0,
            average="logits",
            activation=settings.get("loss") or ("sigmoid" if multi_label else "softmax"),
            interpolation=interpolation,
            frame_of_segment=settings.get("data.frame_of_segment", "middle"),
        )
    except KeyError as error:
        raise UserError(f"not the configuration of a training run: no {error.args[0]}") from error

"""Checks the flags of `python -m i3d.extract_features` before any work, without TensorFlow.

job = checked(options, settings)        # of extract_features.defined_flags, parsed
job.entries, job.cards, job.plan()
"""

import dataclasses
import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from i3d.data.build_settings import settings_of
from i3d.features import complete, files, forms, presets, videos
from i3d.features.presets import Windows
from i3d.inference import dense_views
from i3d.inference import options as network_options
from i3d.runtime.command import UserError
from i3d.runtime.files import sha256
from i3d.spec import asked
from i3d.video import images
from i3d.weights.cards import Card

WORKERS = 8  # at most, if not asked for: each holds the frames of a video


@dataclasses.dataclass(frozen=True)
class Job:
    """All that is asked for.

    Attributes:
      entries: list of videos.Entry.
      cards: Card of each network, RGB before flow, whose InputSpec is that of each video's views,
        or each window's.
      settings: flat settings of --config, None without it.
      precision: "float32" or "bfloat16".
      engine: what runs the networks, see i3d.inference.engine.
      endpoint, out, window_s, stride_s, workers, replicas: the flags.
      windows: Windows of frames, None without.
      beam_options: Beam's own options where its workers do the work, else None.
      batch_size: views on each device; None with `windows`: by their size.
      is_complete: whether the output is there, with all videos.
    """

    entries: list
    cards: list[Card]
    settings: dict[str, Any] | None
    precision: str
    endpoint: str
    out: str
    window_s: float | None
    stride_s: float | None
    workers: int
    batch_size: int | None
    replicas: int
    windows: Windows | None = None
    engine: str = "keras"
    is_complete: bool = False
    beam_options: list[str] | None = None

    @property
    def part(self) -> str:
        """What the progress within a video counts."""
        return "row" if self.windows else "clip" if self.window_s is None else "window"

    @property
    def form(self) -> str:
        """What is told of a video, see `forms`."""
        if self.windows:
            return forms.FRAMES
        return forms.VECTORS if self.window_s is None else forms.WINDOWS

    def plan(self) -> dict[str, Any]:
        """Returns {key: text or number}: all that decides the numbers."""
        names = "\n".join(_named(entry) for entry in self.entries)
        own = (self.settings or {}).items()
        model = [(k.removeprefix("model."), v) for k, v in own if k.startswith("model.")]
        plan = {name: getattr(self, name) for name in ("endpoint", "window_s", "stride_s")}
        if self.windows:
            plan["windows"] = dataclasses.asdict(self.windows)
        if self.engine != "keras":  # which plans of before have no word of
            plan["engine"] = self.engine
        views = [card.spec.to_json() for card in self.cards]
        return plan | {
            "model": " + ".join(f"{card.model} {sorted(model)}" for card in self.cards),
            "precision": self.precision,
            "checkpoint": " ".join(digest_of(card.file) for card in self.cards),
            "views": views[0] if len(views) == 1 else views,
            "videos": hashlib.sha256(names.encode()).hexdigest(),
            "output": Path(self.out).suffix,
        }

    def older_views(self) -> str:
        """Returns "views" of a plan of version 0.1.0, "" where its numbers were others."""
        card = self.cards[0]
        spec = card.spec
        if (
            self.windows
            or len(self.cards) > 1
            or spec.whole
            or (spec.stream == "flow" and spec.crops == 3)
        ):
            return ""
        fields = {
            "frames": spec.frames,
            "stride": spec.stride,
            "clips": spec.segments or spec.clips,
            "crops": spec.crops,
            "resize": spec.crop_side,
            "crop": spec.crop,
            "mean": spec.mean or (123.675, 116.28, 103.53),
            "std": spec.std or (58.395, 57.12, 57.375),
            "fps": spec.fps,
            "twice": spec.twice,
            "model": card.model,
            "stream": spec.stream,
            "segments": spec.segments > 0,
            "range": spec.range,
            "steps_at_fps": spec.steps_at_fps,
            "flow_method": spec.flow_method,
            "average": spec.average,
            "width": card.width,
            "labels": card.labels if isinstance(card.labels, str) else "",
        }
        text = ", ".join(f"{name}={value!r}" for name, value in fields.items())
        return f"Recipe({text})"

    def described(self) -> str:
        """Returns a line on what is taken of each video."""
        if self.windows is None:
            cards = " + ".join(card.described() for card in self.cards)
            what = "video" if self.window_s is None else f"window of {self.window_s:g} s"
            return f"{cards}; {self.endpoint} of each {what}"
        window, stride = self.windows.window, self.windows.stride
        seen = [
            (card, dense_views.layout_of(card, window, stride).described(card))
            for card in self.cards
        ]
        cards = " + ".join(f"{card.name} ({card.model}): {views}" for card, views in seen)
        shared = stride >= window or all(map(dense_views.is_of_frames, self.cards))
        apart = "; each window is computed by itself, as padding at its ends reaches all of it"
        return f"{cards}; {self.endpoint} of {self.windows.described()}{'' if shared else apart}"


def checked(
    own: flags.FlagValues,
    settings: dict[str, Any] | None,
    words: Sequence[str] = (),
    beam_options: list[str] | None = None,
) -> Job:
    """Returns the Job of parsed flags.

    Args:
      own: flags, parsed.
      settings: flat settings of --config, None without it.
      words: paths of videos, in place of --video_list.
      beam_options: Beam's own options; None without --runner=beam.

    Raises:
      UserError: one line on what is wrong with them, with the videos or with the output.
    """
    for name in ("checkpoint", "out"):
        if not own[name].value:
            raise UserError(f"--{name} is needed; see --help")
    if os.environ.get("TF_CONFIG", "").strip():
        raise UserError("TF_CONFIG: this runs on one machine; give each a part of the list")
    _check_windows(own)
    presets.check_flags(own)
    entries = _entries(own, words)
    if not os.path.exists(own.out):
        files.check_output(own.out)
    cards = _cards(own, settings)
    windows = presets.windows_of(own, cards)
    if windows:
        cards = presets.cards_of(own, cards)
        dense_views.DenseViews.of(cards, windows.window, windows.stride, windows.fps)
    if not Path(own.out).suffix:
        videos.file_names(entries)
    job = Job(
        entries=entries,
        cards=cards,
        settings=settings,
        precision=settings["precision"] if settings else own.precision,
        endpoint=presets.endpoint_of(own),
        out=own.out,
        window_s=own.window_s,
        stride_s=own.stride_s or own.window_s,
        workers=own.workers or min(WORKERS, len(os.sched_getaffinity(0))),
        batch_size=own.batch_size if windows else network_options.batch_size(own, cards),
        replicas=own.replicas,
        windows=windows,
        engine=own.engine,
        beam_options=beam_options,
    )
    if complete.is_marked(job.out, job.plan()):
        return dataclasses.replace(job, is_complete=True)
    files.check_output(job.out)
    return job


def _entries(own, words):
    """Returns the videos.Entry of each file of the command line, of the list, or of records."""
    given = [bool(words), bool(own.video_list), bool(own.records)]
    if sum(given) != 1:
        got = "both" if words and own.video_list else "more" if any(given) else "neither"
        raise UserError(
            f"expected video files, or --video_list=FILE, got {got}"
            if not own.records
            else "expected --records=FOLDER, video files or --video_list=FILE, got several of them"
        )
    if own.records:
        if own.window_s:
            raise UserError("--window_s is of video files; with --records give --window in frames")
        return videos.stored(own.records, own.split)
    if own["split"].present:
        raise UserError("--split goes with --records")
    if not words:
        return videos.read(own.video_list, own.video_root, images.rate(own), own.with_offset)
    for name in ("video_root", "with_offset"):
        if own[name].value is not None:
            raise UserError(f"--{name} goes with --video_list")
    return videos.named(words, images.rate(own))


def _check_windows(own):
    for name in ("window_s", "stride_s"):
        if own[name].value is not None and not 0 < own[name].value < math.inf:
            raise UserError(f"--{name}: expected seconds above 0, got {own[name].value}")
    if own.stride_s and not own.window_s:
        raise UserError("--stride_s needs --window_s")


def _cards(own, settings):
    """Returns the Cards of the networks; in windows they see one clip of each, if not asked."""
    if settings is None and own.short_side:
        raise UserError("--short_side goes with --config; a model has its own")
    if settings is not None:
        if len(own.checkpoint) > 1:
            raise UserError(f"--config goes with one --checkpoint, got {len(own.checkpoint)}")
        if own["precision"].present:
            raise UserError("--precision goes with --model; here --config.precision says it")
        records = settings["data.records"]
        if not own.short_side and not (records and settings_of(records)):
            raise UserError(
                f"config.data.records: no data set in {records!r} that tells the shorter side of "
                "the frames trained on; give it by --short_side"
            )
    cards = network_options.cards(own, settings, short_side=own.short_side)
    presets.check_streams(cards)
    if not own.window_s or own.clips:
        return cards
    return [
        card if card.spec.segments else dataclasses.replace(card, spec=asked(card.spec, clips=1))
        for card in cards
    ]


def _named(entry):
    return f"{entry.name} {entry.images.fps}" if entry.images else entry.name


def digest_of(checkpoint: str | os.PathLike) -> str:
    """Returns the SHA-256 of the digests of a checkpoint's files: itself, or those of a prefix."""
    path = Path(str(checkpoint).removesuffix(".index"))
    parts = [path] if path.is_file() else sorted(path.parent.glob(f"{path.name}.*"))
    digest = hashlib.sha256()
    for part in filter(Path.is_file, parts):
        digest.update(bytes.fromhex(sha256(part)))
    return digest.hexdigest()

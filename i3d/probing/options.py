"""What a probe is asked for: one dataclass for the flags of the command and for Python."""

import dataclasses
import os
from pathlib import Path

from i3d.inference import engine
from i3d.runtime import files
from i3d.runtime.command import UserError

HEADS = ("logistic", "knn", "mean")
PRECISIONS = ("float32", "bfloat16")
CLIPS = 2  # of a video, if not asked for; UT-Interaction gets as many right as with more


@dataclasses.dataclass(frozen=True)
class Options:
    """The arguments of `i3d.probe` and the flags of `python -m i3d.probe`, which have one name.

    Attributes: see i3d.probe.probe.
    """

    videos: str | None = None
    video_root: str | None = None
    test_videos: str | None = None
    split: str | None = None
    test_split: str | None = None
    labels: str | None = None
    first_label: int | None = None
    image_fps: float | None = None
    with_offset: bool | None = None
    records: str | None = None
    features: str | None = None
    checkpoint: tuple[str, ...] = ()
    model: tuple[str | None, ...] = ()
    clips: int | None = None
    crops: int | None = None
    precision: str = "float32"
    batch_size: int | None = None
    workers: int | None = None
    head: str = "logistic"
    folds: int = 5
    shots: tuple[int, ...] = ()
    seeds: int = 5
    seed: int = 0
    out: str | None = None
    json: str | None = None
    cache: str | None = None
    engine: str = "keras"

    def check(self) -> None:
        """Looks at what can be seen without reading videos or checkpoints.

        Raises:
          UserError: something is missing, contradicts something else or is there already.
        """
        self._check_sources()
        if self.head not in HEADS:
            raise UserError(f"--head: expected one of {', '.join(HEADS)}, got {self.head!r}")
        if self.precision not in PRECISIONS:
            expected = " or ".join(PRECISIONS)
            raise UserError(f"--precision: expected {expected}, got {self.precision!r}")
        engine.check(self.engine)
        for name, least in (("folds", 2), ("seeds", 1), ("clips", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"--{name}: expected at least {least}, got {value}")
        if os.environ.get("TF_CONFIG", "").strip():
            raise UserError("TF_CONFIG: a probe runs on one machine")
        if wrong := [n for n in self.shots if n < 1]:
            raise UserError(f"--shots: expected numbers of videos from 1 on, got {wrong[0]}")
        self._check_outputs()

    def _check_sources(self):
        if self.records and self.videos:
            raise UserError("expected --videos or --records, got both")
        if self.features and self.records:
            raise UserError("expected --features or --records, got both")
        if not (self.videos or self.records or self.features):
            raise UserError(
                "--videos is needed: a folder with a folder of videos for each class, or a list; "
                "--demo shows a probe without any"
            )
        if self.test_videos and not self.videos:
            raise UserError("--test_videos goes with --videos")
        if self.features and self.checkpoint:
            raise UserError("expected --features or --checkpoint, got both")
        if not (self.features or self.checkpoint):
            raise UserError(
                "--checkpoint is needed, a path or a name, such as rgb_scratch; repeat it to put "
                "features of several networks side by side"
            )

    def _check_outputs(self):
        if self.out and self.features:
            raise UserError(
                "--out: the network of --features is not known; give --videos and --checkpoint"
            )
        if self.out and self.head == "knn":
            raise UserError(
                "--out: nearest neighbours have no weights to save; give another --head"
            )
        if self.json:
            files.check_new(self.json, ".json")
        if self.out and (path := Path(self.out)).exists():
            if not path.is_dir() or any(path.iterdir()):
                raise UserError(f"--out: {path} is there already; remove it or choose another name")
        elif self.out:
            files.check_new(self.out)

    def cache_folder(self) -> Path:
        """Returns the folder of features: --cache, or i3d/features in the user's cache folder."""
        if self.cache:
            return Path(self.cache)
        return files.user_cache("features")

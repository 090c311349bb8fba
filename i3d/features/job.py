"""What `python -m i3d.extract_features` is asked for, checked before any work. No TensorFlow here.

job = checked(options)                  # of extract_features.defined_flags, parsed
job.entries, job.recipe, job.plan()
"""

import dataclasses
import hashlib
import os
from pathlib import Path

from data_prep import dataset
from i3d.features import files, videos
from i3d.inference import checkpoint as inference_checkpoint
from i3d.inference import views
from i3d.inference.recipes import recipe_of_run
from i3d.training import config

WORKERS = 8  # at most, if not asked for: each holds the frames of a video


@dataclasses.dataclass(frozen=True)
class Job:
    """All that is asked for.

    Attributes:
      entries: list of feature_list.Entry.
      recipe: video_views.Recipe of each video's views, or of each window's.
      settings: ConfigDict of --config, None with --model.
      precision: key of streams.PRECISIONS.
      checkpoint, endpoint, out, window_s, stride_s, workers, batch_size, replicas: the flags.
    """

    entries: list
    recipe: views.Recipe
    settings: object
    precision: str
    checkpoint: str
    endpoint: str
    out: str
    window_s: float | None
    stride_s: float | None
    workers: int
    batch_size: int
    replicas: int

    def plan(self):
        """Returns {key: text or number}: all that decides the numbers."""
        names = "\n".join(entry.name for entry in self.entries)
        model = {} if self.settings is None else config.flat(self.settings.model)
        plan = {name: getattr(self, name) for name in ("endpoint", "window_s", "stride_s")}
        return plan | {
            "model": f"{self.recipe.model} {sorted(model.items())}",
            "precision": self.precision,
            "checkpoint": _digest(self.checkpoint),
            "views": repr(self.recipe),
            "videos": hashlib.sha256(names.encode()).hexdigest(),
            "output": Path(self.out).suffix,
        }

    def described(self):
        """Returns a line on what is taken of each video."""
        recipe = self.recipe
        segments = f"{recipe.clips} segments" if recipe.segments else f"{recipe.clips} clip(s)"
        rate = f"{recipe.fps:g} fps" if recipe.fps else "the frame rate of the video"
        what = "video" if self.window_s is None else f"window of {self.window_s:g} s"
        return (
            f"{recipe.model}, {recipe.stream}, {self.endpoint}; a {what}: {segments} of "
            f"{recipe.frames} frame(s), stride {recipe.stride}, {rate}, {recipe.crops} crop(s) of "
            f"{recipe.crop} px, resized to {recipe.resize}"
        )


def checked(options):
    """Returns the Job of parsed flags.

    Raises:
      ValueError, OSError: one line on what is wrong with them, with the list or with the output.
    """
    for name in ("checkpoint", "video_list", "out"):
        if not options[name].value:
            raise ValueError(f"--{name} is needed; see --help")
    settings = options.config
    if settings is not None and options.model:
        raise ValueError("expected either --model=NAME or --config=FILE.py, got both")
    if "TF_CONFIG" in os.environ:
        raise ValueError("TF_CONFIG: this runs on one machine; give each a part of the list")
    _check_windows(options)
    entries = videos.read(options.video_list, options.video_root)
    files.check_output(options.out)
    if not Path(options.out).suffix:
        videos.file_names(entries)
    _check_checkpoint(options.checkpoint)
    return Job(
        entries=entries,
        recipe=_views_asked(_recipe(options), options),
        settings=settings,
        precision=settings.precision if settings is not None else options.precision,
        checkpoint=options.checkpoint,
        endpoint=options.endpoint,
        out=options.out,
        window_s=options.window_s,
        stride_s=options.stride_s or options.window_s,
        workers=options.workers or min(WORKERS, len(os.sched_getaffinity(0))),
        batch_size=options.batch_size,
        replicas=options.replicas,
    )


def _check_windows(options):
    for name in ("window_s", "stride_s"):
        if options[name].value is not None and not 0 < options[name].value < float("inf"):
            raise ValueError(f"--{name}: expected seconds above 0, got {options[name].value}")
    if options.stride_s and not options.window_s:
        raise ValueError("--stride_s needs --window_s")


def _check_checkpoint(checkpoint):
    if not _files(checkpoint):
        raise FileNotFoundError(
            f"--checkpoint: {checkpoint}: no such file; expected a .weights.h5, .pth or "
            ".safetensors file, or the prefix of a TF1 checkpoint"
        )


def _files(checkpoint):
    """Returns the files of a checkpoint: itself, or those of a prefix."""
    path = Path(str(checkpoint).removesuffix(".index"))
    if path.is_file():
        return [path]
    return sorted(file for file in path.parent.glob(f"{path.name}.*") if file.is_file())


def _digest(checkpoint):
    digest = hashlib.sha256()
    for path in _files(checkpoint):
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _recipe(options):
    """Returns the Recipe of the model's card or protocol, or of the training run."""
    if options.config is None:
        if options.short_side:
            raise ValueError("--short_side goes with --config; a model has its own")
        return inference_checkpoint.choice_of(options.model, options.checkpoint).recipe
    if options["precision"].present:
        raise ValueError("--precision goes with --model; here --config.precision says it")
    records = options.config.data.records
    built = dataset.description(records).get("recipe", {}) if records else {}
    short_side = options.short_side or built.get("short_side")
    if not short_side:
        raise ValueError(
            f"config.data.records: no data set in {records!r} that tells the shorter side of the "
            "frames trained on; give it by --short_side"
        )
    return recipe_of_run(config.flat(options.config), short_side)


def _views_asked(recipe, options):
    """Returns the Recipe with the clips and crops that the flags ask for."""
    clips, crops = options.clips, options.crops and int(options.crops)
    if options.window_s and not recipe.segments:
        clips = clips or 1  # windows are what is spread over the video
    recipe = inference_checkpoint.with_views(recipe, clips, crops)
    return dataclasses.replace(recipe, twice=False) if clips else recipe

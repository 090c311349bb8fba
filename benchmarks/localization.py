"""What happens when? mAP of localizers on drawn untrimmed videos, by their features.

    python -m benchmarks.localization                             # into localization/, hours
    python -m benchmarks.localization --out=DIR --train=8 --test=4 --seeds=1 --steps=20

Draws untrimmed videos to train on and others to test on, extracts feature rows of the demo networks
once, trains the recipe configs/actionformer/figures.py on both streams, on RGB alone and on flow
alone, with several seeds, and prints the mean average precision at a tIoU of 0.5 (protocol of
ActionFormer) with the mean and the range over the seeds. Beside it: what grouping the windows of
the demo classifiers gives, without a localizer, and what the demo localizer reaches. Videos,
features and runs are made once; a second call uses them.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.commands import run
from i3d.data.feature_files import FeatureFiles
from i3d.inference import average, checkpoint, dense, load
from i3d.inference.dense import DenseRows
from i3d.inference.dense_views import windowed
from i3d.localization import annotations, metrics, windows
from i3d.localization.localizer import Localizer
from i3d.localization.segments import Segment
from i3d.runtime.progress import tracked
from i3d.visual.figures.writing import TEST_SEED

FIRST = {"train": 0, "test": TEST_SEED + 1000}  # seeds of the first videos
NETWORKS = ("demo_rgb", "demo_flow")
STREAMS = {"RGB and flow": slice(0, 512), "RGB": slice(0, 256), "flow": slice(256, 512)}
TIOU = (0.5,)
PROTOCOL = "actionformer"


def main(argv: list[str]) -> int:
    """Prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.localization", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, default=Path("localization"), help="folder to write to")
    parser.add_argument("--train", type=int, default=120, help="videos to train on")
    parser.add_argument("--test", type=int, default=45, help="videos to test on")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--steps", type=int, default=400, help="updates of each training")
    asked = parser.parse_args(argv[1:])
    begin = time.monotonic()
    for part, count in (("train", asked.train), ("test", asked.test)):
        prepare(asked.out / part, FIRST[part], count)
    truth = annotations.read(asked.out / "test" / "annotations.json")
    demo = localized(Localizer(checkpoint.card_of(None, "demo_localizer", takes="features")),
                     asked.out / "test" / "RGB_and_flow", truth)  # fmt: skip
    print(f"demo localizer: {100 * score(truth, demo):.1f}", flush=True)
    for name, found in grouped(asked.out / "test", truth).items():
        print(f"windows of {name}, grouped: {100 * score(truth, found):.1f}", flush=True)
    for name in STREAMS:
        found = [trained(asked.out, name, seed, asked.steps, truth) for seed in range(asked.seeds)]
        print(described(f"localizer on {name}", found), flush=True)
    print(f"{(time.monotonic() - begin) / 60:.1f} minutes")
    return 0


def prepare(folder: Path, seed: int, videos: int) -> None:
    """Draws untrimmed videos and writes their feature rows, of both streams and of each."""
    words = ["--classes=untrimmed", f"--out={folder}", f"--videos_per_class={videos}"]
    run("data_prep", "figures", *words, f"--seed={seed}")
    paths = sorted((folder / "videos").glob("*.mp4"))
    missing = [path for path in paths if not _rows_file(folder, "flow", path.stem).exists()]
    if not missing:
        return
    spec = checkpoint.card_of(None, "demo_localizer", takes="features").spec
    cards = [checkpoint.card_of(None, name) for name in NETWORKS]
    rows = dense.load(cards, spec.window, spec.stride, spec.fps)
    for path in tracked(missing, len(missing), unit="video", what="features"):
        found = rows.of_video(str(path))
        for name, columns in STREAMS.items():
            file = _rows_file(folder, name, path.stem)
            file.parent.mkdir(exist_ok=True)
            np.savez(file, features=found.features[:, columns], start_s=found.start_s,
                     end_s=found.end_s)  # fmt: skip


def _rows_file(folder, name, video):
    return folder / name.replace(" ", "_") / f"{video}.npz"


def trained(out: Path, name: str, seed: int, steps: int, truth: dict) -> float:
    """Trains a localizer unless it is there; returns its mean average precision."""
    folder, columns = out / "runs" / f"{name.replace(' ', '_')}_{seed}", STREAMS[name]
    best = folder / "best.weights.h5"
    if not best.exists():
        streams = NETWORKS if name not in ("RGB", "flow") else (f"demo_{name.lower()}",)
        config = {
            "data.records": out / "train" / name.replace(" ", "_"),
            "segments.annotations": out / "train" / "annotations.json",
            "segments.channels": columns.stop - columns.start,
            "segments.extractors": ",".join(streams),
            "seed": seed,
            "steps": steps,
        }
        words = [f"--config.{key}={value}" for key, value in config.items()]
        run("i3d.train", "--config=actionformer/figures", f"--workdir={folder}", *words)
    card = checkpoint.card_of(None, str(best), takes="features")
    found = localized(Localizer(card), out / "test" / name.replace(" ", "_"), truth)
    return score(truth, found)


def localized(localizer: Localizer, features: Path, truth: dict) -> list[Segment]:
    """Returns the segments that a localizer finds in all videos."""
    files, found = FeatureFiles(features, localizer.spec), []
    for name, known in truth.items():
        rows, grid = files.read(name, known.fps, known.duration_s)
        found += localizer(rows, grid, known.duration_s, name)
    return found


def grouped(folder: Path, truth: dict) -> dict[str, list[Segment]]:
    """Returns {name of the classifiers: segments} of grouped windows, without a localizer."""
    cards = [windowed(checkpoint.card_of(None, name), 1) for name in NETWORKS]
    predictor = load.of_cards(cards)
    rows = DenseRows(predictor.networks, 48, 12, 25.0)  # as i3d.localize by default
    found: dict[str, list[Segment]] = {name: [] for name in STREAMS}
    classes = len(predictor.class_names)
    for video in tracked(truth, len(truth), unit="video", what="windows"):
        scored = rows.of_video(str(folder / "videos" / f"{video}.mp4"))
        rgb, flow = scored.features[:, :classes], scored.features[:, classes:]
        for name, logits in zip(STREAMS, (rgb + flow, rgb, flow), strict=True):
            scores = average.probabilities(logits, "softmax")
            over = windows.over_time(scored.start_s, scored.end_s, scores)
            found[name] += windows.grouped(over, predictor.class_names, video, 0.02)
    return found


def score(truth: dict, found: list[Segment]) -> float:
    """Returns the mean average precision at TIOU, in [0, 1]."""
    segments = [segment for known in truth.values() for segment in known.segments]
    return float(metrics.mean_ap(segments, found, TIOU, PROTOCOL).mean[0])


def described(name: str, shares: list[float]) -> str:
    """Returns a line: the mean and the range, percent."""
    percents = [100 * share for share in shares]
    each = ", ".join(f"{one:.1f}" for one in percents)
    return f"{name}: mean {statistics.mean(percents):.1f} ({each})"


if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""What do several people do? Frame mAP of the demo network on drawn scenes, and chance.

    python -m benchmarks.detection                                # into detection/, three test sets
    python -m benchmarks.detection --out=DIR --sets=1 --scenes=5 --checkpoint=runs/x/best.weights.h5

Draws test sets of scenes that were not trained on, stores their key frames, and prints the frame
mAP at an overlap of 0.5 (official protocol) with the true boxes of the people and with those that
OpenCV's HOG detector finds, the part of the people that it finds, and what chance is: the same
boxes, with the scores of each class dealt out anew among them. Drawing and key frames are made
once; a second call uses them.
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
from i3d.data import keyframes
from i3d.detection import boxes, keyframe_scores, metrics
from i3d.detection.keyframe_scores import Row
from i3d.detection.people import Hog
from i3d.detection.proposals import Proposals
from i3d.inference import checkpoint, network
from i3d.video.sampled import wanted_frames
from i3d.visual.figures.writing import TEST_SEED

FIRST = TEST_SEED + 1000  # seed of the first test set; training validates on earlier ones
APART = 1000  # from the first seed of a set to that of the next


def main(argv: list[str]) -> int:
    """Prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, default=Path("detection"), help="folder to write to")
    parser.add_argument("--sets", type=int, default=3, help="number of test sets")
    parser.add_argument("--scenes", type=int, default=20, help="scenes of each")
    parser.add_argument("--checkpoint", default="demo_detection", help="weights: a card or a file")
    asked = parser.parse_args(argv[1:])
    begin = time.monotonic()
    card = checkpoint.card_of(None, asked.checkpoint, takes="boxes")
    net, rows = network.load_with_boxes(card), []
    for number in range(asked.sets):
        folder = prepare(asked.out, number, asked.scenes, net.spec.resize)
        rows.append(tested(net, folder))
        print(described(f"set {number}", rows[-1]), flush=True)
    for name, of in (("mean", statistics.mean), ("deviation", statistics.stdev)):
        if len(rows) > 1:
            print(described(name, {key: of([row[key] for row in rows]) for key in rows[0]}))
    print(f"{(time.monotonic() - begin) / 60:.1f} minutes")
    return 0


def prepare(out: Path, number: int, scenes: int, short_side: int) -> Path:
    """Draws a test set and stores its key frames; returns its folder."""
    folder = out / f"set{number}"
    drawn, seed = folder / "scenes", FIRST + number * APART
    words = ["--classes=scenes", f"--out={drawn}", f"--videos_per_class={scenes}"]
    run("data_prep", "figures", *words, f"--seed={seed}")
    words = [f"--videos={drawn / 'videos'}", f"--annotations={drawn / 'annotations.csv'}"]
    words += [f"--label_map={drawn / 'label_map.txt'}", f"--out={folder / 'records'}"]
    run("data_prep", "build_detection", *words, "--split=test", f"--short_side={short_side}")
    return folder


def tested(net: network.Network, folder: Path) -> dict[str, float]:
    """Returns {what: share} of a test set."""
    records = keyframes.opened(folder / "records", "test")
    truth = keyframe_scores.truth(records)
    hog = found_by_hog(folder / "scenes" / "videos", records)
    row = {"people found by HOG": recall(records, hog)}
    for name, people in (("true boxes", "truth"), ("HOG boxes", hog)):
        found = keyframe_scores.detections(net, records, people, 0.0, progress=False)
        for kind, rows in (("", found), (", chance", shuffled(found))):
            row[name + kind] = metrics.frame_map(truth, rows, records.label_map).mean
    return row


def found_by_hog(videos: Path, records: keyframes.KeyFrames) -> Proposals:
    """Returns the people that HOG finds on the key frames of all videos, of score 1."""
    find, seconds = Hog(), {}
    for one in keyframes.truths(records):
        seconds.setdefault(one.video, []).append(one.second)
    found = {}
    for video, of_video in seconds.items():
        numbers = {round(second * records.fps): second for second in of_video}
        path = str(videos / f"{video}.mp4")
        pictures = wanted_frames(path, lambda count, n=numbers: set(n), records.fps).pictures
        for number, second in numbers.items():
            people, _ = find(pictures[number], second)
            found[video, second] = np.insert(people, 4, 1, axis=1).astype(np.float32)
    return found


def recall(records: keyframes.KeyFrames, found: Proposals) -> float:
    """Returns the share of the people that a box overlaps by 0.5."""
    best = [
        boxes.iou(one.boxes, found[one.video, one.second][:, :4]).max(axis=1, initial=0)
        for one in keyframes.truths(records)
    ]
    return float(np.mean(np.concatenate(best) >= 0.5))


def shuffled(rows: list[Row], seed: int = 0) -> list[Row]:
    """Returns detections whose scores are dealt out anew among the boxes, within each class."""
    rng, found = np.random.default_rng(seed), list(rows)
    for action in {row[6] for row in rows}:
        places = [place for place, row in enumerate(rows) if row[6] == action]
        for place, other in zip(places, rng.permutation(places), strict=True):
            found[place] = (*rows[place][:7], rows[other][7])
    return found


def described(name: str, row: dict[str, float]) -> str:
    """Returns a row of the table."""
    return f"{name:9}" + "".join(f"  {key} {100 * value:5.1f}" for key, value in row.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv))

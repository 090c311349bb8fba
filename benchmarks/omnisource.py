"""Do filtered web videos and images help a small labelled set? Three seeds, on drawn videos.

    python -m benchmarks.omnisource                               # into omnisource/
    python -m benchmarks.omnisource --out=DIR --seeds=1 --config.steps=20

Draws 6 actions before a plain wall: a few labelled videos of each; "web" videos without labels,
a quarter of which show something else; "photos" that were searched by the names of the classes,
each a frame of another video, a quarter of them of a wrong class; and videos to test on. For each
seed a network is trained on the few alone (i3d/configs/omnisource/figures.py). As the teacher it
filters web and photos (`i3d filter`, a pseudo label for the web videos), and a second network is
trained on all three, from random weights, with as many updates of the few; a third one on the few
alone with as many updates as that one has of all. Prints their accuracies on the test videos, and
how right the labels of the material were that was kept.
Run again after a stop, it does what is missing. Other flags (--config.KEY) go to i3d.train.
"""

import argparse
import csv
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2

from benchmarks.commands import run
from i3d.configs.omnisource import figures
from i3d.evaluation import results
from i3d.video import frames
from i3d.visual.figures import compositions, difficulty, render

FEW, WEB, PHOTOS, TEST = 6, 24, 24, 20  # videos of each class
ACTIONS = ("bowing", "jumping_jacks", "kicking", "squats", "walking_left", "waving")
SIDE = 72  # pixels of the videos
THRESHOLD = 0.5
SEEDS = {"few": 0, "web": 1_000, "photos": 2_000, "test": render.TEST_SEED}


def main(argv: list[str]) -> int:
    """Prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.omnisource", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, default=Path("omnisource"), help="folder to write to")
    parser.add_argument("--seeds", type=int, default=3, help="number of trainings of each kind")
    asked, others = parser.parse_known_args(argv[1:])
    begin = time.monotonic()
    prepare(asked.out)
    alone, longer, joint = [], [], []
    for seed in range(asked.seeds):
        folder = asked.out / f"seed{seed}"
        alone.append(trained(asked.out, folder / "few", seed, others))
        sources = filtered(asked.out, folder)
        joint.append(trained(asked.out, folder / "all", seed, [*sources, *others]))
        words = [f"--config.steps={3 * figures.get_config().steps}", *others]
        longer.append(trained(asked.out, folder / "longer", seed, words))
        print(
            f"seed {seed}: few {alone[-1]:.1%}, three times as long {longer[-1]:.1%}, "
            f"with web and photos {joint[-1]:.1%}",
            flush=True,
        )
    gains = [both - max(ones) for *ones, both in zip(alone, longer, joint, strict=True)]
    few, long, both = map(statistics.mean, (alone, longer, joint))
    print(f"mean: few {few:.1%}, three times as long {long:.1%}, with web and photos {both:.1%}")
    print(
        f"gain over the better one {statistics.mean(gains):+.1%} ({min(gains):+.1%} to "
        f"{max(gains):+.1%}) on {TEST * len(ACTIONS)} videos, chance {1 / len(ACTIONS):.1%}"
    )
    print(f"{(time.monotonic() - begin) / 60:.1f} minutes")
    return 0


def prepare(out: Path) -> None:
    """Draws OUT/videos/few, web (no classes), test and OUT/photos; builds OUT/few of two."""
    for name, count in (("few", FEW), ("test", TEST)):
        draw(out / "videos" / name, count, SEEDS[name])
        split = "train" if name == "few" else "test"
        build(out / "videos" / name, out / "few", split)
    web = out / "videos" / "web"
    if not web.is_dir():
        drawn = draw(out / "drawn" / "web", WEB, SEEDS["web"])
        noise = draw(out / "drawn" / "noise", WEB, SEEDS["web"], compositions.HELD_OUT[:4])
        web.mkdir(parents=True)
        for path in [*drawn, *noise]:  # a folder without classes
            os.link(path, web / path.name.replace(" ", "_"))
    photos = out / "photos"
    if not photos.is_dir():
        draw(out / "drawn" / "photos", PHOTOS, SEEDS["photos"])
        write_photos(out / "drawn" / "photos", photos)


def draw(folder, count, seed, actions=ACTIONS):
    own = {"height": SIDE, "width": SIDE + 24, "difficulty": difficulty.PLAIN, "workers": 2}
    return render.write_videos(folder, count, seed, actions=actions, **own)


def write_photos(videos: Path, out: Path) -> None:
    """Writes the middle frame of each video; every fourth into the folder of the next class."""
    actions = ACTIONS
    for place, action in enumerate(actions):
        for number, path in enumerate(sorted((videos / action).glob("*.mp4"))):
            pictures = list(frames.read_frames(str(path), None, None))
            named = actions[(place + (number % 4 == 3)) % len(actions)]
            (out / named).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(
                str(out / named / f"{path.stem}.jpg"), pictures[len(pictures) // 2][..., ::-1]
            )


def build(videos, out, split, *flags):
    words = [f"--videos={videos}", f"--out={out}", f"--split={split}", f"--short_side={SIDE}"]
    run("data_prep", "build", *words, "--streams=rgb", *flags)


def trained(out, workdir, seed, words):
    """Returns the accuracy on the test videos of a network, trained where that is not done yet."""
    words = [f"--config.data.records={out / 'few'}", f"--config.seed={seed}", *words]
    run("i3d.train", "--config=omnisource/figures", f"--workdir={workdir}", *words)
    file = workdir / "test.npz"
    if not file.exists():
        words = [f"--checkpoint={last(workdir)}", f"--records={out / 'few'}", f"--out={file}"]
        run("i3d.evaluate", *words, "--split=test")
    found = results.load(file)
    return float((found.logits.argmax(axis=1) == found.labels).mean())


def last(workdir):
    return max(workdir.glob("step-*")) / "model.weights.h5"


def filtered(out, folder):
    """Filters web and photos with the network of the few; returns the flags of both sources."""
    for name, material in (("web", out / "videos" / "web"), ("photos", out / "photos")):
        rows = out / f"{folder.name}_{name}.csv"  # above the material: its paths are below
        words = [str(material), f"--checkpoint={last(folder / 'few')}", f"--out={rows}"]
        if not rows.exists():
            run("i3d.filter", *words, f"--threshold={THRESHOLD}")
        with open(rows, newline="") as file:
            kept = list(csv.DictReader(file))
        right = sum(is_right(row) for row in kept)
        print(f"  {name}: {len(kept)} kept, {right / max(len(kept), 1):.0%} of them of that class")
        labels = f"--labels={out / f'{folder.name}_{name}_scores.json'}"
        build(rows, folder / name, "train", labels, *(["--images"] if name == "photos" else []))
    names = ",".join(str(folder / name) for name in ("web", "photos"))
    return [f"--config.sources.records={names}"]


def is_right(row):
    """Returns whether a video or photo shows the action that it was kept as: its name tells."""
    return Path(row["path"]).stem.rpartition("_")[0] == row["label"]


if __name__ == "__main__":
    sys.exit(main(sys.argv))

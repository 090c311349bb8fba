"""Does training on captions name new ones? A small ActionCLIP, from random weights, zero-shot.

    python -m benchmarks.zero_shot                                # into zero_shot/, three seeds
    python -m benchmarks.zero_shot --out=DIR --seeds=1 --config.steps=20

Draws the figures, trains i3d/configs/actionclip/figures.py on 21 captions of several words ("waving
the left arm slowly") for each seed, and tests on videos of 7 others, whose words were all learned
in other captions. Accuracy among the 7 that were held out, against chance; among all 28, where each
is one word away from learned ones; and of each word where the choice is among all 28.
Run again after a stop, it does what is missing. Other flags (--config.KEY) go to i3d.train.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.commands import run
from i3d.evaluation import results
from i3d.visual.figures.compositions import HELD_OUT, WORDS, Words

TRAINING, TEST = 40, 20  # videos of each caption
SIDE = 36  # pixels of the videos


def main(argv: list[str]) -> int:
    """Prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zero_shot", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, default=Path("zero_shot"), help="folder to write to")
    parser.add_argument("--seeds", type=int, default=3, help="number of trainings")
    asked, others = parser.parse_known_args(argv[1:])
    begin = time.monotonic()
    prepare(asked.out)
    rows = []
    for seed in range(asked.seeds):
        rows.append(tested(asked.out, seed, others))
        print(described(f"seed {seed}", rows[-1]), flush=True)
    for name, of in (("mean", statistics.mean), ("deviation", statistics.stdev)):
        if len(rows) > 1:
            print(described(name, {key: of([row[key] for row in rows]) for key in rows[0]}))
    print(described("chance", chances()))
    used = sum(
        sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"{(time.monotonic() - begin) / 60:.1f} minutes, {used / 60:.1f} minutes of a processor")
    return 0


def prepare(out: Path) -> None:
    """Draws the videos and builds the data sets OUT/learned, OUT/held_out and OUT/all."""
    sets = (("learned", "train", ["learned"]), ("held_out", "test", ["held_out"]))
    for name, split, halves in (*sets, ("all", "test", ["learned", "held_out"])):
        videos = out / "videos" / name
        for half in halves:
            words = [f"--out={videos}", f"--classes={half}", f"--height={SIDE}", f"--width={SIDE}"]
            count = TRAINING if split == "train" else TEST
            words += [f"--videos_per_class={count}", *(["--test"] if split == "test" else [])]
            run("data_prep", "figures", *words)
        words = [f"--videos={videos}", f"--out={out / name}", f"--split={split}"]
        run("data_prep", "build", *words, "--streams=rgb", f"--short_side={SIDE}")


def tested(out: Path, seed: int, others: list[str]) -> dict[str, float]:
    """Returns the accuracies of a seed, trained where that is not done yet."""
    workdir = out / "runs" / str(seed)
    words = [f"--config.data.records={out / 'learned'}", f"--config.seed={seed}", *others]
    run("i3d.train", "--config=actionclip/figures", f"--workdir={workdir}", *words)
    checkpoint = max(workdir.glob("step-*")) / "model.weights.h5"
    found = {}
    for name in ("held_out", "all"):
        file = workdir / f"{name}-{checkpoint.parent.name}.npz"
        if not file.exists():
            words = [f"--checkpoint={checkpoint}", f"--records={out / name}", f"--out={file}"]
            run("i3d.evaluate", *words)
        found[name] = results.load(file)
    return accuracies(found["held_out"], found["all"])


def accuracies(held_out: results.Result, both: results.Result) -> dict[str, float]:
    """Returns {what: share of the videos} of Results on captions held out, and on all of them.

    Words are those of videos of captions held out, by the most probable of all captions.
    """
    truth, best = named(held_out)
    row = {"held out": float(np.mean(truth == best))}
    truth, best = named(both)
    new = np.isin(truth, HELD_OUT)
    row["held out of all"] = float(np.mean((truth == best)[new]))
    row["learned of all"] = float(np.mean((truth == best)[~new]))
    for place, word in enumerate(Words._fields):
        pairs = [
            (WORDS[t][place], WORDS[b][place]) for t, b in zip(truth[new], best[new], strict=True)
        ]
        row[word] = statistics.mean(a == b for a, b in pairs if a)
    return row


def named(result: results.Result) -> tuple[np.ndarray, np.ndarray]:
    """Returns captions [N]: those of the videos, and the most probable ones."""
    names = np.asarray(result.class_names)
    return names[result.labels], names[result.scores.argmax(axis=-1)]


def chances() -> dict[str, float]:
    """Returns what a caption drawn by chance gets in each column."""
    every = 1 / len(WORDS)
    row = {"held out": 1 / len(HELD_OUT), "held out of all": every, "learned of all": every}
    for place, word in enumerate(Words._fields):
        said = [WORDS[caption][place] for caption in HELD_OUT if WORDS[caption][place]]
        drawn = [words[place] for words in WORDS.values()]
        row[word] = statistics.mean(drawn.count(word) for word in said) / len(drawn)
    return row


def described(name: str, row: dict[str, float]) -> str:
    """Returns a row of the table."""
    return f"{name:10}" + "".join(f"  {key} {100 * value:5.1f}" for key, value in row.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv))

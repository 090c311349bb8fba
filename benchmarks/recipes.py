"""Time and memory of one update of each fine-tuning recipe on videos, at its own sizes.

    python -m benchmarks.recipes                                  # all
    python -m benchmarks.recipes i3d/finetune_cpu tsn/finetune

Random weights, synthetic videos. A recipe that gathers gradients over several batches is measured
on one of them. The second of two updates is timed, as the first one traces the graph.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from data_prep import build as data_prep_build
from i3d.data.build_settings import BuildSettings
from i3d.video import inputs
from i3d.visual.figures import render

OTHER_DATA = ("ava", "actionformer", "bmn")  # families that take boxes, or rows of features
RECIPES = [
    f"{path.parent.name}/{path.stem}"
    for path in sorted(Path(render.__file__).parents[2].glob("configs/*/finetune*.py"))
    if path.parent.name not in OTHER_DATA
]


def main(argv: list[str]) -> int:
    """Prints a row for each recipe; returns the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        data = built(Path(folder))
        print(f"{'recipe':24} {'clips/s':>8} {'s per update':>13} {'peak GB':>8}")
        for name in argv[1:] or RECIPES:
            print(row(name, data, Path(folder, name.replace("/", "_"))), flush=True)
    return 0


def built(folder: Path) -> Path:
    """Returns the folder of a data set of four synthetic videos, RGB and flow."""
    render.write_videos(folder / "videos", 2, actions=("kicking", "waving"), height=256, width=320)
    items, names = inputs.read(folder / "videos")
    settings = BuildSettings(flow_method="dis")
    build = data_prep_build.Build(folder / "set", "train", tuple(items), tuple(names), settings)
    data_prep_build.run(build)
    return folder / "set"


def row(name: str, data: Path, workdir: Path) -> str:
    """Returns the row of a recipe."""
    keys = {"data.records": data, "data.validation": "", "data.flow_method": "", "model.start": ""}
    keys |= {"model.inflate": "false", "steps": 2, "batch.accumulate": 1, "log_every": 1}
    keys |= {"schedule.name": "piecewise", "schedule.boundaries": "()", "schedule.warmup_steps": 0}
    keys["schedule.begin"] = 0
    flags = [f"--config.{key}={value}" for key, value in keys.items()]
    line = [sys.executable, "-m", "i3d.train", f"--config={name}", f"--workdir={workdir}", *flags]
    begin = time.monotonic()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read()  # type: ignore[union-attr]
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        return f"{name:24} failed after {time.monotonic() - begin:.0f} s: {errors.strip()[-200:]}"
    last = json.loads((workdir / "log.jsonl").read_text().splitlines()[-1])
    settings = json.loads((workdir / "config.json").read_text())
    rate = last["clips_per_s"]
    clips = settings["batch.per_replica"] * accumulated(name)
    return f"{name:24} {rate:8.2f} {clips / rate:13.1f} {usage.ru_maxrss / 1e6:8.1f}"


def accumulated(name: str) -> int:
    """Returns how many batches a recipe gathers for one update."""
    recipe = importlib.import_module(f"i3d.configs.{name.replace('/', '.')}")
    return recipe.get_config().batch.accumulate


if __name__ == "__main__":
    sys.exit(main(sys.argv))

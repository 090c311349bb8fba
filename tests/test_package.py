"""The wheel, installed into an environment of its own, from an empty folder."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import i3d
from tests.helpers.processes import ROOT
from tests.helpers.videos import write_folder

pytestmark = pytest.mark.slow
MOST_MB = 15


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of what is in the tree, so that nothing is left in it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("i3d", "data_prep"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.suffix in (".cfg", ".toml", ".in", ".md", ".cff") or path.name == "LICENSE":
            shutil.copy(path, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out, source]
    try:
        import setuptools  # noqa: F401 - built with it; else pip fetches one

        build.append("--no-build-isolation")
    except ImportError:
        pass
    subprocess.run(build, check=True)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A function that runs a script or python of an environment with the wheel, elsewhere."""
    root, elsewhere = tmp_path_factory.mktemp("venv"), tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
    python = root / "bin/python"
    install = ["pip", "--python", python, "install", "--quiet", "--no-deps", wheel]
    subprocess.run([sys.executable, "-m", *install], check=True)
    (packages,) = root.glob("lib/python*/site-packages")
    # What it depends on: the installed ones. Not their .pth files, which name the checkout.
    (packages / "others.pth").write_text(str(Path(np.__file__).parents[1]) + "\n")
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "I3D_CHECKPOINTS")}
    kept["XDG_CACHE_HOME"] = str(elsewhere / "cache")

    def run(name, *words, status=0):
        line = [root / "bin" / name, *map(str, words)]
        done = subprocess.run(line, cwd=elsewhere, env=kept, capture_output=True, text=True)
        assert done.returncode == status, done.stderr[-3000:]
        return done.stdout + done.stderr

    assert str(root) in run("python", "-c", "import i3d; print(i3d.__file__)")
    return run


def test_the_wheel_holds_what_a_user_needs_and_no_more(wheel):
    assert wheel.stat().st_size < MOST_MB * 2**20
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        metadata = next(name for name in names if name.endswith("METADATA"))
        text = file.read(metadata).decode()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"i3d", "data_prep", f"i3d-{i3d.__version__}.dist-info"}
    assert not [name for name in names if "test" in name or "benchmark" in name]
    for recipe in i3d.config.names():
        assert f"i3d/configs/{recipe}.py" in names
    data = ("weights/demo/rgb.weights.h5", "weights/labels/kinetics400.json", "web/static/page.js")
    for name in ("py.typed", *data):
        assert f"i3d/{name}" in names
    assert "\nAuthor: the i3d contributors\n" in text
    assert not re.search(r"^(Author-email|Maintainer|Home-page|Project-URL)", text, re.MULTILINE)


def test_commands_from_an_empty_folder(installed, tmp_path):
    assert installed("i3d", "--version") == f"i3d {i3d.__version__}\n"
    for command in ("predict", "detect", "train", "evaluate", "fuse", "extract_features", "probe"):
        assert "flags:" in installed("i3d", command, "--help")
    assert "tsn/finetune" in installed("i3d", "train", "--help")
    (video,) = write_folder(tmp_path, ("walk",), 1).rglob("*.mp4")
    assert video.name in installed("i3d", "predict", "--checkpoint=demo_rgb", video)
    assert "Top classes" in installed(
        "i3d", "evaluate_sample", "--weights=demo", f"--video={video}", "--eval_type=rgb"
    )
    for name in ("i3d/figures", "configs/i3d/figures.py"):
        line = installed("i3d", "train", f"--config={name}", "--workdir=run", status=2)
        assert line.startswith("train: ") and "data/figures" in line


def test_data_is_made_from_an_empty_folder(installed, tmp_path):
    out = tmp_path / "figures"
    installed("python", "-m", "data_prep", "figures", f"--out={out}", "--videos_per_class=1")
    assert len(list(out.rglob("*.mp4"))) == 13
    assert "figures" in installed("data_prep", "figures", "--help")


def test_the_face_from_python(installed):
    code = """
import i3d, i3d.evaluate
from i3d.configs.tsn import finetune
settings = i3d.config.load("tsn/finetune", {"data.records": "mine"})
assert settings.steps == finetune.get_config().steps and settings.data.records == "mine"
predictor = i3d.load("demo_flow")
print(predictor, len(i3d.cards()), i3d.evaluate)
"""
    assert "<Predictor of 13 classes: inception_i3d" in installed("python", "-c", code)

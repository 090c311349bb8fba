"""Which module may import which, read from the imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODELS = {path.stem for path in (ROOT / "i3d/models").glob("*.py")}
# folder -> what its modules may import of ours (prefixes)
ALLOWED = {
    "i3d/models": tuple(f"i3d.models.{name}" for name in MODELS),
    "i3d/weights": ("i3d.weights", "i3d.models"),
    "i3d/data": ("i3d.data",),
    "data_prep": ("data_prep", "i3d.data.schema"),
}


def imported(path):
    """Returns the full names that a module imports, `from a import b` as both a and a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("folder", ALLOWED)
def test_modules_import_only_what_the_design_allows(folder):
    for path in (ROOT / folder).glob("*.py"):
        for name in imported(path):
            if name.split(".")[0] in ("i3d", "data_prep", "evaluate_sample", "tests"):
                assert name.startswith(ALLOWED[folder]), f"{path}: {name}"


def test_models_use_keras_alone():
    for path in (ROOT / "i3d/models").glob("*.py"):
        roots = {name.split(".")[0] for name in imported(path)}
        assert roots <= {"i3d", "keras", "math", "typing", "difflib"}, path


def test_video_and_flow_do_not_import_tensorflow():
    """Only what writes or reads records needs it."""
    light = ("video", "flow", "tvl1", "figure", "inputs", "gif", "npy", "progress")
    paths = [p for p in (ROOT / "data_prep").glob("*.py") if p.stem.startswith(light)]
    assert len(paths) >= len(light)
    for path in paths:
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"tensorflow", "keras", "tensorflow_datasets"}, path

"""Which module may import which, read from the imports; those inside functions count too."""

import ast
import graphlib
import subprocess
import sys

import pytest

from tests.helpers.processes import ROOT

# Folders and files of i3d/ from the top to the bottom. Each may import what stands in a row below
# its own, and itself. "commands" are the other files of i3d/.
LEVELS = (
    {"commands"},
    {
        *("training", "evaluation", "features", "probing"),
        *("visual", "web", "exports"),
    },
    {"detection", "localization"},
    {"inference"},
    {"weights"},
    {"models", "data", "video", "flow"},
    {"spec"},
    {"runtime"},
)
FOR_DATA_PREP = {"data_prep", "video", "flow", "data", "visual", "runtime"}
# And these files: the formats of boxes and labels.
ALSO_FOR_DATA_PREP = {f"i3d.detection.{name}" for name in ("ava", "boxes", "proposals")} | {
    f"i3d.localization.{name}" for name in ("annotations", "segments")
}
UNITS = [*(unit for level in LEVELS for unit in sorted(level)), "data_prep"]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("i3d", "data_prep")
    for path in (ROOT / folder).rglob("*.py")
}
# What starts in a second and in workers: without TensorFlow, which takes several and 500 MB each.
LIGHT = (
    "i3d",
    "i3d.spec",
    "i3d.weights.download",
    "i3d.detection.ava",
    "i3d.detection.boxes",
    "i3d.detection.evaluate",
    "i3d.detection.metrics",
    "i3d.detection.proposals",
    "i3d.localization.annotations",
    "i3d.localization.evaluate",
    "i3d.localization.metrics",
    "i3d.localization.nms",
    "i3d.localization.segments",
    "i3d.localization.sliding",
    "i3d.localization.windows",
    "i3d.inference.decoding",
    "i3d.inference.views",
    "i3d.inference.dense_views",
    "i3d.inference.text",
    "i3d.inference.examples",
    "i3d.evaluate",
    "i3d.extract_features",
    "i3d.filter",
    "i3d.predict",
    "i3d.probe",
    "i3d.detect",
    "i3d.localize",
    "i3d.export",
    "i3d.fuse",
    "i3d.fvd",
    "i3d.serve",
    "i3d.web.app",
    "data_prep.__main__",
    "data_prep.build",
    "data_prep.commands.build",
    "data_prep.commands.build_detection",
    "i3d.visual.figures.render",
    "i3d.visual.commands.activation",
    "i3d.visual.commands.batch",
    "i3d.visual.commands.features",
    "i3d.visual.commands.flow",
    "i3d.visual.commands.label",
    "i3d.visual.commands.results",
    "i3d.video.inputs",
    "i3d.evaluate_sample",
)
HEAVY = {"tensorflow", "keras", "tensorflow_datasets"}


def allowed(unit):
    """Returns the units that one may import."""
    if unit == "data_prep":
        return FOR_DATA_PREP
    if unit == "models":
        return {"models"}
    also = {
        "training": {"evaluation"},  # validation is an evaluation
        "visual": {"evaluation", "features"},  # files of results and features are drawn
        "probing": {"features", "evaluation", "visual"},  # metrics; the demo's synthetic videos
        "web": {"visual"},  # flow is drawn
    }.get(unit, set())
    own = next(number for number, level in enumerate(LEVELS) if unit in level)
    return ({unit} | also).union(*LEVELS[own + 1 :])


def unit_of(module):
    """Returns the unit that a module belongs to; "" for i3d/__init__.py, which all may import."""
    first, _, rest = module.partition(".")
    if first == "data_prep" or not rest:
        return first.removeprefix("i3d")
    if module == "i3d.weights.__main__":  # python -m i3d.weights
        return "commands"
    if rest.startswith("visual.commands"):  # python -m i3d.visualize
        return "commands"
    name = rest.split(".")[0]
    return name if any(name in level for level in LEVELS) else "commands"


def imported(path, inside_functions=True):
    """Returns the full names that a module imports, `from a import b` as a.b."""
    nodes = [ast.parse(path.read_text())]
    names = []
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif inside_functions or not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            nodes += ast.iter_child_nodes(node)
    return names


def module_of(name):
    """Returns the module of ours that a full name is in, or is; None for others' names."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


def ours(path, **options):
    """Returns the modules of ours that a module imports."""
    return {module_of(name) for name in imported(path, **options)} - {None}


@pytest.mark.parametrize("unit", UNITS)
def test_modules_import_only_what_is_below(unit):
    wrong = [
        f"{module} imports {target}"
        for module, path in sorted(MODULES.items())
        if unit_of(module) == unit
        for target in sorted(ours(path))
        if unit_of(target) not in allowed(unit) | {""}
        if not (unit == "data_prep" and target in ALSO_FOR_DATA_PREP)
        if not (module == "i3d.__main__" and unit_of(target) == "commands")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circles():
    graph = {
        module: ours(path, inside_functions=False) - {module} for module, path in MODULES.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def roots(path):
    return {name.split(".")[0] for name in imported(path)}


# CLIP's towers and tokenizer stand on the extra `clip`, which is imported where it is needed.
ALSO_OF_MODELS = {"tokenizer.py": {"numpy"}}
# Points of a pyramid and samples of pairs do not depend on what the network sees.
ALSO_OF_MODELS |= dict.fromkeys(("actionformer.py", "bmn.py"), {"numpy"})


def test_models_use_keras_alone():
    others = {"i3d", "keras"} | sys.stdlib_module_names
    for path in (ROOT / "i3d/models").glob("*.py"):
        assert roots(path) <= others | ALSO_OF_MODELS.get(path.name, set()), path


@pytest.mark.parametrize("folder", ["i3d/video", "i3d/flow", "i3d/visual"])
def test_folders_without_tensorflow(folder):
    paths = list((ROOT / folder).rglob("*.py"))
    assert paths
    for path in paths:
        # TV-L1 as a part of models; nothing else in the folder imports it.
        allowed_here = {"keras"} if path.name == "accelerated.py" else set()
        assert not roots(path) & HEAVY - allowed_here, path


def test_light_imports():
    code = "import importlib, sys\n"
    for name in LIGHT:
        code += f"importlib.import_module({name!r})\n"
        code += f"assert not {HEAVY!r} & sys.modules.keys(), {name!r}\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_few_entries_at_the_top():
    entries = [path for path in (ROOT / "i3d").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 35

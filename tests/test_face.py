"""The public face: names, functions that are commands too, annotations and docstrings."""

import importlib
import inspect
import subprocess
import sys

import pytest

import i3d
from tests.helpers.processes import ROOT

FUNCTIONS = ("detect", "evaluate", "localize", "probe")  # modules of commands that can be called


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_command_is_a_function_before_and_after_its_import(name):
    code = f"""
import i3d
before = i3d.{name}
import i3d.{name}
from i3d import {name} as module
from i3d.{name} import main, {name}
import i3d.{name} as again
assert before is i3d.{name} is module is again and callable(i3d.{name})
assert again.main is main and again.{name} is {name}
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_command_that_is_a_function_has_its_signature_and_reports_mistakes(name):
    module = importlib.import_module(f"i3d.{name}")
    function = getattr(module, name)
    assert inspect.signature(getattr(i3d, name)) == inspect.signature(function)
    assert name in module.__dict__ and inspect.ismodule(module)
    importlib.reload(module)
    assert callable(module)


PUBLIC = (
    "i3d", "i3d.__main__", "i3d.spec", "i3d.flow", "i3d.models", "i3d.weights", "i3d.weights.find",
    "i3d.weights.start", "i3d.weights.table", "i3d.inference.checkpoint", "i3d.inference.network",
    "i3d.inference.options", "i3d.inference.predictor", "i3d.inference.load",
    "i3d.inference.average",
    "i3d.inference.records", "i3d.inference.stepping", "i3d.inference.views",
    "i3d.inference.examples", "i3d.inference.few_shot", "i3d.inference.text",
    "i3d.inference.text_cache", "i3d.inference.zero_shot", "i3d.evaluation.repeated",
    "i3d.evaluation.zero_shot",
    "i3d.evaluation.average_precision", "i3d.evaluation.metrics", "i3d.evaluation.report",
    "i3d.evaluation.results", "i3d.evaluation.run", "i3d.training.config", "i3d.training.losses",
    "i3d.training.objectives", "i3d.training.optimizer", "i3d.training.optimizer_base",
    "i3d.training.recipes", "i3d.training.schedules", "i3d.predict",
    "i3d.evaluate", "i3d.evaluate_sample", "i3d.extract_features", "i3d.fuse", "i3d.probe",
    "i3d.filter", "i3d.inference.filtering", "i3d.inference.material", "i3d.inference.score_list",
    "i3d.inference.selection",
    "i3d.train", "i3d.localize", "i3d.localization.job", "i3d.localization.results",
    "i3d.localization.run", "i3d.localization.windows", "i3d.visual.segments",
    "i3d.detect", "i3d.detection.job", "i3d.detection.windowed",
    "i3d.detection.ava", "i3d.detection.boxes", "i3d.detection.evaluate",
    "i3d.detection.keyframe_scores", "i3d.detection.matching", "i3d.detection.metrics",
    "i3d.detection.proposals", "i3d.detection.report", "i3d.detection.rows",
    "i3d.detection.inputs",
    "i3d.detection.people", "i3d.detection.results", "i3d.detection.spatial",
    "i3d.detection.stored", "i3d.detection.tracks", "i3d.detection.windows", "i3d.visual.people",
    "i3d.visual.video", "i3d.video.streamed",
    "i3d.serve", "i3d.web.app", "i3d.web.jobs", "i3d.web.networks", "i3d.web.page",
    "i3d.web.pictures",
)  # fmt: skip


def functions(name):
    """Yields (name, function) of what is public in a module: functions, methods, properties."""
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")])
    for own in names:
        found = getattr(module, own)
        owner = getattr(found, "__module__", "")
        if owner != name and not (hasattr(module, "__all__") and owner.startswith("i3d")):
            continue  # imported, or a constant
        if inspect.isclass(found):
            for member, value in vars(found).items():
                value = value.fget if isinstance(value, property) else value
                value = getattr(value, "__func__", value)  # of a classmethod
                public = not member.startswith("_") or member == "__init__"
                if public and inspect.isfunction(value) and value.__module__ == found.__module__:
                    yield f"{name}.{own}.{member}", value
        elif inspect.isfunction(found):
            yield f"{name}.{own}", found


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_have_annotations_and_docstrings(name):
    lacking = []
    for place, function in functions(name):
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        if parameters and parameters[0].name in ("self", "cls"):
            parameters = parameters[1:]
        lacking += [f"{place}: {p.name}" for p in parameters if p.annotation is p.empty]
        if signature.return_annotation is signature.empty and function.__name__ != "__init__":
            lacking.append(f"{place}: what it returns")
        if not inspect.getdoc(function):
            lacking.append(f"{place}: docstring")
    assert not lacking, "\n".join(lacking)
    assert importlib.import_module(name).__doc__


def test_every_builder_of_the_catalogue_has_annotations():
    builders = {*i3d.models._BUILDERS.values(), *i3d.models._FAMILIES.values()}
    for builder in builders:
        if not builder.__module__.startswith("i3d."):  # a small one of other tests
            continue
        signature = inspect.signature(builder)
        assert all(p.annotation is not p.empty for p in signature.parameters.values()), builder
        assert signature.return_annotation is not signature.empty and builder.__doc__, builder


def test_names_of_the_face():
    assert set(i3d.__all__) <= set(dir(i3d))
    for name in i3d.__all__:
        assert getattr(i3d, name) is getattr(i3d, name)
    with pytest.raises(AttributeError, match="module 'i3d' has no attribute 'lod'"):
        _ = i3d.lod


def test_cards_print_as_a_table():
    table = repr(i3d.cards()).splitlines()
    assert table[0].split()[:3] == ["name", "model", "parameters"]
    (row,) = (line for line in table if line.startswith("rgb_imagenet "))
    for part in ("inception_i3d", "12.7 M", "400", "71.1", "89.3", "Apache-2.0", "whole video"):
        assert part in row
    assert len(table) == 1 + len(i3d.cards())

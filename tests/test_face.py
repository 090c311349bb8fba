"""The public face: names, functions that are commands too, annotations and docstrings."""

import importlib
import inspect
import subprocess
import sys

import pytest

import i3d
from tests.helpers.processes import ROOT

FUNCTIONS = ("evaluate",)  # modules of commands that can be called


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

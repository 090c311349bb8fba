"""What every recipe says: how it is run, on what, how long it takes, and whether it was tried."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import i3d.configs

FILES = sorted(path for folder in i3d.configs.__path__ for path in Path(folder).glob("*/*.py"))
LINES = ("Command", "Hardware", "CPU", "GPU", "Run")


def test_there_are_recipes():
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recipe_says_what_it_takes_and_whether_it_was_run(path):
    text = ast.get_docstring(ast.parse(path.read_text()))
    for name in LINES:
        assert re.search(rf"^{name}: \S", text, re.MULTILINE), name
    for name in ("CPU", "GPU"):
        (words,) = re.findall(rf"^{name}: (.*)", text, re.MULTILINE)
        assert re.search(r"\d+ (s|minutes|hours)|not measured", words), words
    assert re.search(r"^Run: (yes|no)\b", text, re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_recipe_chooses_on_the_split_it_is_tested_on(path):
    recipe = importlib.import_module(f"i3d.configs.{path.parent.name}.{path.stem}")
    data = recipe.get_config().data
    assert data.validation in ("", "validation") or (
        data.validation == data.train and 0 < data.validation_share < 1
    )

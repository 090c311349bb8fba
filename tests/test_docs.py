"""README.md and docs/: flags of every command, links, pictures. test_docs_run.py runs them."""

import ast
import configparser
import re
import sys

import pytest

from docs import arrows
from docs import models as zoo_page
from i3d import models
from i3d.runtime import command
from i3d.training import config
from tests.helpers import documents
from tests.helpers.processes import ROOT

COMMANDS = [
    each
    for page in documents.PAGES
    if page != "docs/mistakes.md"  # test_docs_run.py compares what these are answered
    for each in documents.commands(page)
]


@pytest.mark.parametrize("page", documents.PAGES)
def test_blocks_are_of_known_languages(page):
    for block in documents.blocks(page):
        assert block.language in documents.LANGUAGES, f"{page}:{block.line}"
    assert not re.search(r"^    (python|i3d|make|pip) ", documents.prose(page), re.M), "fence it"


@pytest.mark.parametrize("each", COMMANDS, ids=str)
def test_command_is_understood(each, monkeypatch, tmp_path):
    words = list(each.words)
    if words[0] in ("pip", "make", "jupyter", ".venv/bin/pre-commit", "docs/first_hour.sh"):
        return _KINDS[words[0]](words)
    if words[:1] == ["./dist_extract_features.sh"]:
        words = ["i3d", "extract_features", f"--model={words[1]}", f"--checkpoint={words[2]}"]
        words += [f"--replicas={each.words[3]}", *each.words[4:]]
    elif words[0].startswith("./"):
        assert (ROOT / words[0]).exists()
        words = ["i3d", "evaluate_sample", *words[1:]]
    if words[0] == "i3d":
        words = ["python", "-m", f"i3d.{words[1]}", *words[2:]]
    if words[1] == "evaluate_sample.py":
        words = ["python", "-m", "i3d.evaluate_sample", *words[2:]]
    if words[1] != "-m":
        words[1:2] = ["-m", words[1].removesuffix(".py").replace("/", ".")]
    monkeypatch.chdir(tmp_path)
    documents.write_files(tmp_path)
    _check_module(words[2], words[3:], monkeypatch)


def _check_module(module, words, monkeypatch):
    """Raises unless the flags of a module understand the words."""
    if module == "pytest":
        assert all((ROOT / word).exists() for word in words)
    elif module.startswith(("benchmarks.", "docs.")):
        known = _defined(ROOT / f"{module.replace('.', '/')}.py")
        used = {word.partition("=")[0].lstrip("-") for word in words}
        assert used <= known, f"unknown flags: {used - known}"
    else:
        parsed = []
        run = lambda argv, name, page, define, *_, **__: parsed.append(_parsed(argv, define))  # noqa: E731
        monkeypatch.setattr(command, "run", run)
        name = "i3d.weights.__main__" if module == "i3d.weights" else module
        name = "data_prep.__main__" if module == "data_prep" else name
        __import__(name)
        sys.modules[name].main([module, *words])
        assert parsed


def _parsed(argv, define):
    """Returns what is no flag of a command line; an unknown flag or key raises."""
    own = define(argv)
    own.unparse_flags()
    if any(word.startswith("--config=") for word in argv):
        return config.parse_flags(argv, own)
    return own(argv)


def _defined(path):
    """Returns the names of the flags that a script defines."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return {
        call.args[0].value.lstrip("-")
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr.startswith(("DEFINE_", "add_argument"))
    }


def _pip(words):
    (extra,) = re.findall(r"\[(\w+)\]", words[-1]) or [None]
    assert words[:2] == ["pip", "install"] and words[-1].startswith(".")
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert extra is None or extra in setup["options.extras_require"]


def _make(words):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    variables = re.findall(r"^(\w+) \??=", (ROOT / "Makefile").read_text(), re.M)
    assert words[1] in targets
    assert all(word.partition("=")[0] in variables for word in words[2:])


def _file(words):
    paths = [word for word in words if word.endswith((".sh", ".ipynb"))]
    assert all((ROOT / path).exists() for path in paths)


_KINDS = {
    "pip": _pip,
    "make": _make,
    "jupyter": _file,
    ".venv/bin/pre-commit": _file,
    "docs/first_hour.sh": _file,
}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page):  # those between the pages of docs/: mkdocs build --strict
    links = re.findall(r"\]\(([^)\s]+)\)", documents.prose(page))
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = path or page
        assert (ROOT / target).exists(), link
        assert not anchor or anchor in _anchors(target), link


def _anchors(page):
    titles = re.findall(r"^#+ (.*)$", documents.prose(page), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def test_picture_of_the_arrows_is_what_its_command_draws():
    assert (ROOT / "docs/arrows.svg").read_text() == arrows.drawn()


def test_zoo_is_what_its_command_writes():
    page = (ROOT / "docs/models.md").read_text()
    assert page == zoo_page.filled(page)
    zoo = page.partition(zoo_page.BEGIN)[2]
    missing = [name for name in models.names() if f"| `{name}` |" not in zoo]
    assert missing in ([], ["tiny"])  # which other tests bring


def test_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="expected the markers"):
        zoo_page.filled(f"# Models\n{zoo_page.END}\n")

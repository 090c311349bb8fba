"""The commands and snippets of README.md and the pages under docs/, and how each is checked.

A page holds fenced blocks of the languages in LANGUAGES alone. A line of a bash block, and inline
code that begins like a command, is a command.
"""

import re
import shlex
from typing import NamedTuple

from tests.helpers.processes import ROOT

LANGUAGES = {"bash", "console", "python", "text", "csv"}  # console: run by docs/first_hour.sh
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{p.name}" for p in sorted(ROOT.glob("docs/*.md"))),
)
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:python|i3d|make|pip|jupyter|docs/|\./)")
_INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")


class Block(NamedTuple):
    """A fenced block of a page, or one command in the text."""

    page: str
    line: int
    language: str  # "inline" for code in the text
    text: str


class Command(NamedTuple):
    """One command line of a page."""

    place: str  # PAGE:LINE
    words: tuple  # NAME=VALUE in front are left out
    output: str  # text block that follows, "" without one
    inline: bool

    def __str__(self):
        return f"{self.place}: {shlex.join(self.words)}"


def blocks(page):
    """Returns the fenced blocks of a page, in order."""
    found, begin, lines = [], None, (ROOT / page).read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("```") and begin is None:
            begin = number
        elif line == "```":
            text = "\n".join(lines[begin : number - 1])
            found.append(Block(page, begin, lines[begin - 1][3:], text))
            begin = None
    assert begin is None, f"{page}:{begin}: the block has no end"
    return found


def prose(page):
    """Returns the text of a page with its fenced blocks blanked."""
    text = (ROOT / page).read_text()
    return re.sub(r"^```.*?^```$", lambda m: "\n" * m[0].count("\n"), text, flags=re.M | re.S)


def commands(page):
    """Returns the commands of a page, in the order of the page."""
    found, parts = [], blocks(page)
    for block, after in zip(parts, [*parts[1:], None], strict=False):
        if block.language == "bash":
            lines = [x for x in re.sub(r" *\\\n *", " ", block.text).splitlines() if x.strip()]
            for line in lines:
                output = after.text if after and after.language == "text" else ""
                output = output if line is lines[-1] else ""
                found.append(command_of(f"{page}:{block.line}", line, output, False))
    text = prose(page)
    for match in _INLINE.finditer(text):
        code = " ".join(match[1].split())
        if _COMMAND.match(code) and " " in code:
            place = f"{page}:{text[: match.start()].count(chr(10)) + 1}"
            found.append(command_of(place, code, "", True))
    return found


def write_files(folder):
    """Writes the Python files that pages name in the first line of a block."""
    for block in (block for page in PAGES for block in blocks(page)):
        if name := re.match(r"# (\w+\.py)\n", block.text):
            (folder / name[1]).write_text(block.text)


def command_of(place, line, output="", inline=False):
    """Returns the Command of a line."""
    words = shlex.split(line, comments=True)
    while re.match(r"[A-Z_]+=", words[0]):
        del words[0]
    return Command(place, tuple(words), output, inline)

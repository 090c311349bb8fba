"""Writes the zoo of docs/models.md, between its markers, from the cards and the catalogue.

python -m docs.models
"""

import sys
from collections.abc import Iterable

from absl import app

from docs import gflop
from i3d.weights import arithmetic, parameters, table, verified
from i3d.weights.cards import Card
from tests.helpers.processes import ROOT

PAGE = ROOT / "docs/models.md"
BEGIN = "<!-- python -m docs.models writes what follows -->"
END = "<!-- until here -->"
FAMILIES = {  # module of the builder: title of its section
    "inception_i3d": "Inception I3D",
    "tsn": "TSN",
    "tsm": "TSM",
    "resnet3d": "SlowOnly, I3D-ResNet and C2D",
    "omni": "OmniSource",
    "slowfast": "SlowFast",
    "r2plus1d": "R(2+1)D, R3D and MC3",
    "csn": "CSN",
    "x3d": "X3D",
    "s3d": "S3D",
    "c3d": "C3D",
    "deep_video": "DeepVideo",
    "two_stream": "Two-stream network",
    "cnn_lstm": "CNN + LSTM",
    "actionclip": "CLIP and ActionCLIP",
    "ava": "SlowOnly and SlowFast of AVA",
    "actionformer": "ActionFormer and TemporalMaxer",
    "bmn": "BMN",
}
_CLASSES = {"ava": 81, "actionformer": 20}  # of rows of networks; the others 400


def main(argv: list[str]) -> None:
    """Writes the part of the page."""
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def filled(page: str) -> str:
    """Returns a page with the zoo of now between its markers.

    Raises:
      ValueError: a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"expected the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{zoo()}\n{END}{after}"


def zoo() -> str:
    """Returns the sections of all families, in Markdown."""
    members: dict[str, list[str]] = {family: [] for family in FAMILIES}
    for name, module in gflop.builders().items():
        members[module].append(name)
    return "\n".join(_section(family, names) for family, names in members.items())


def _section(family, names):
    cards = [card for card in table.cards() if card.model in names]
    parts = [f"### {FAMILIES[family]}\n", _networks(family, names)]
    if cards:
        commands = "\n".join(filter(None, map(table.test_command, cards)))
        parts += [_checkpoints(cards), f"```bash\n{commands}\n```\n"]
    else:
        parts.append("No published checkpoint is known.\n")
    return "\n".join(parts)


def _networks(family, names):
    head = ("network", "parameters", "GFLOP/view", "a view", "compared with the original", "speed")
    rows = []
    for name in names:
        view = gflop.default_view(name)
        channels = str(view.channels) if family == "bmn" else "rgb"
        count = parameters.count(name, _CLASSES.get(family, 400), channels)
        rows.append(
            (
                f"`{name}`",
                f"{count / 1e6:.1f} M" if count else "not counted",
                table.gflop_text(arithmetic.gflop(view)).replace("-", "not counted"),
                _seen(view),
                _linked(verified.parity(name)) or _not_compared(name),
                _linked(verified.SPEED.get(name, "")) or "not measured",
            )
        )
    return _table(head, rows)


def _not_compared(name):
    """Returns so, and which compared network is of the same code."""
    other = verified.BUILT_AS.get(name)
    return "not compared" + f"; built as `{other}`" * bool(other)


def _seen(view):
    """Returns the shape of a view in words."""
    if not view.size:
        return f"{view.length} rows x {view.channels}"
    return f"{view.length} x {view.size} px" + (
        f", {view.channels} channels" * (view.channels != 3)
    )


def _linked(path):
    """Returns the name of a file, as a link where it is a page."""
    if path == "docs/models.md":
        return "[above](#networks-over-feature-rows)"
    if path == "docs/speed.md":
        return "[measured](speed.md)"
    return f"`{path.removeprefix('tests/')}`" if path else ""


def _checkpoints(cards: Iterable[Card]):
    head = (
        *("checkpoint", "network", "parameters", "GFLOP/view", "stream", "protocol", "published"),
        *("licence", "from", "verified here"),
    )
    rows = []
    for card in cards:
        facts = table.facts(card)
        rows.append(
            (
                f"`{card.name}`",
                f"`{card.model}`" + f" x {card.width:g}" * (card.width != 1),
                facts["parameters"].replace("-", "not counted"),
                facts["GFLOP/view"].replace("-", "not counted"),
                facts["stream"],
                facts["protocol"],
                _published(card),
                facts["licence"],
                _from(facts["from"]),
                facts["verified"] if facts["verified"] != "-" else "nothing",
            )
        )
    return _table(head, rows)


def _from(source):
    """Returns a repository as a link; a recipe of this project as it is."""
    host, _, path = source.partition("/")
    if not host.endswith(".com"):
        return f"`{source}`"
    return f"[{path}](https://{host}/{'/'.join(path.split('/')[:2])})"


def _published(card):
    return "; ".join(filter(None, (card.score() or "not published", card.note)))


def _table(head, rows):
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n"


if __name__ == "__main__":
    sys.exit(app.run(main))

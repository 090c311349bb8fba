"""What is wrong with a checkpoint, in one line.

raise Misfit("a.pth does not fit tsn: " + "; ".join(listed("missing", names)))
"""

from i3d.runtime.command import BadData

_SHOWN = 8  # variables named before the rest is counted
_LONGEST_NAME = 200  # characters


class WeightsError(BadData):
    """A checkpoint of an unknown kind, a damaged one, or one that cannot be used as asked."""


class NoCheckpoint(WeightsError, FileNotFoundError):
    """There is no such checkpoint."""


class Misfit(WeightsError):
    """A whole checkpoint of another architecture, or of other sizes."""


class NoHead(WeightsError):
    """A file of a backbone alone: it has no key of a head."""


def listed(problem: str, names: list[str]) -> list[str]:
    """Returns [] without names, else ["3 missing: a, b, c"], the first few of them named."""
    if not names:
        return []
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{len(names)} {problem}: " + ", ".join(map(shown, names[:_SHOWN])) + rest]


def shown(name: str) -> str:
    """Returns a name out of a file as a line can hold it: escaped and cut where need be."""
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    return name if name.isprintable() else ascii(name)


def other_head(theirs: int, ours: int) -> str:
    """Returns what to do about a checkpoint that differs in the number of classes alone."""
    return (
        f"its head has {theirs} classes, the model's {ours}; build with num_classes={theirs}, or "
        "keep the model's own head by i3d.weights.load(model, checkpoint, head=False)"
    )


def of_texts(path: object) -> NoHead:
    """Returns the error of a checkpoint of CLIP that is asked for its number of classes."""
    return NoHead(f"{path}: CLIP has no head of classes: they are given as text (--text)")

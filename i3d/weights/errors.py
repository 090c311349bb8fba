"""The error of a checkpoint that is not the model's.

raise Misfit("a.pth does not fit tsn: " + "; ".join(listed("missing", names)))
"""

_SHOWN = 8  # variables named before the rest is counted


class Misfit(ValueError):
    """A whole checkpoint of another architecture, or of other sizes; one line."""


def listed(problem, names):
    """Returns [] without names, else ["3 missing: a, b, c"], the first few of them named."""
    if not names:
        return []
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{len(names)} {problem}: " + ", ".join(names[:_SHOWN]) + rest]

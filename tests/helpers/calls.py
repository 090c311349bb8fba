"""A command called in this process, and the line that it ends with."""

import contextlib
import io


def refused(main, name, *words, status=2):
    """Returns the line on standard error, `name: ...`, with which main([name, *words]) ends.

    It is the only one of a wrong call (status 2), and the last one of work that failed (1).
    """
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        assert main([name, *map(str, words)]) == status, (words, errors.getvalue())
    lines = errors.getvalue().splitlines()
    assert lines and lines[-1].startswith(f"{name}: "), lines
    assert status != 2 or len(lines) == 1, lines
    return lines[-1]

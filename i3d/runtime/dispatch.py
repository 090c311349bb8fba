"""Chooses the subcommand of a command line by its first argument.

dispatched(sys.argv, "i3d", {"predict": "i3d.predict"}, __doc__)
"""

import difflib
import importlib
from collections.abc import Mapping

from i3d.runtime import command


def dispatched(argv: list[str], program: str, modules: Mapping[str, str], page: str | None) -> int:
    """Runs `main` of the module of argv[1]; returns the exit status.

    Args:
      argv: the command line, the program first.
      program: its name, for messages.
      modules: {subcommand: name of a module with `main(argv)`}.
      page: what is printed for --help, or, with status 2, without a subcommand.
    """
    if argv[1:2] == [] or argv[1] in command.HELP:
        try:
            print(page, flush=True)
        except BrokenPipeError:
            return command.closed_pipe()
        return 0 if argv[1:] else 2
    name = argv[1]
    if name not in modules:
        near = difflib.get_close_matches(name, modules, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return command.told(program, f"expected one of {', '.join(modules)}, got {name!r}{hint}", 2)
    return importlib.import_module(modules[name]).main([f"{program} {name}", *argv[2:]])

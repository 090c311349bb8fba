"""The subcommands of `python -m data_prep`, one file each.

Each has FLAGS, `check` from flags and command line to a job, and `work` from that to an exit
status, as i3d.runtime.command.run takes them.
"""

from absl import flags

from i3d.runtime.command import UserError


def need(options: flags.FlagValues, *names: str) -> None:
    """Raises UserError where one of these flags was not given."""
    for name in names:
        if options[name].value in (None, ""):
            raise UserError(f"--{name} is needed: {options[name].help}")

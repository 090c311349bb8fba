"""The choice of a --task of i3d.evaluate, each of which has flags and a page of its own.

task.define(own)                      # among the flags of each task
task.asked(sys.argv) == task.AVA
"""

from absl import flags

RECOGNITION, AVA, LOCALIZATION = TASKS = ("recognition", "ava", "localization")


def define(own: flags.FlagValues) -> None:
    """Defines --task."""
    told = (
        "what is tested: classes of videos, actions of people in boxes (ava), or segments of "
        f"untrimmed videos (localization); --task=ava --help and --task={LOCALIZATION} --help tell "
        "of the flags of those"
    )
    flags.DEFINE_enum("task", RECOGNITION, TASKS, told, flag_values=own)


def asked(argv: list[str]) -> str:
    """Returns the task that a command line names, RECOGNITION where it names none or is wrong."""
    own = flags.FlagValues()
    define(own)
    try:
        own(argv, known_only=True)
    except flags.Error:  # told where all flags are parsed
        return RECOGNITION
    return own.task

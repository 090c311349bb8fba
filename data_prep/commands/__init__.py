"""The subcommands of `python -m data_prep`; one file each, with its FLAGS and its main."""


class CallError(Exception):
    """A wrong call, exit status 2; the message is one line."""


class FailedError(Exception):
    """A call that was right but could not be carried out, exit status 1; one line."""


def refuse_words(words):
    """Raises CallError where words are left over that are no flags."""
    if words:
        raise CallError(f"unexpected argument {words[0]!r}; flags are written --name=value")

"""Formats errors of a configuration, as absl and ml_collections raise them, in one line.

except config_errors.KINDS as error:
    raise UserError(config_errors.one_line(error, {"batch.per_replica": "int", ...}))
"""

import re

from absl import flags

# What reading a command line and a file can raise, and no more.
KINDS = (
    AttributeError, ImportError, KeyError, OSError, SyntaxError, TypeError, ValueError, flags.Error
)  # fmt: skip


def one_line(error: Exception, types: dict[str, str]) -> str:
    """Returns what went wrong, and where in the config file, without traceback.

    Args:
      error: one of KINDS.
      types: {"batch.per_replica": "int"}: the name of each key's type.
    """
    text = str(error)
    if isinstance(error, flags.IllegalFlagValueError) and "\n" not in text:
        if match := re.match(r"flag --(config\.([\w.]+))=(.*?): ", text):
            return f"{match[1]}: expected {types[match[2]]}, got {match[3]!r}"
        return text
    error = _root(error)
    text = str(error)
    if text[:1] in ("'", '"') and text[-1:] == text[:1]:  # a KeyError's text is quoted
        text = text[1:-1].replace("\\n", "\n").replace("\\'", "'")
    lines = text.splitlines() or [repr(error)]
    if isinstance(error, OSError):  # the last attempt to read the file
        return f"--config: {lines[-1].strip()}; expected a Python file or the name of a recipe"
    if isinstance(error, ImportError):
        return f"--config: {text}; recipes of this package are imported as i3d.configs.FAMILY.NAME"
    if text.endswith("has no attribute 'get_config'"):
        return "--config: the file has no get_config(), which returns the configuration"
    text = lines[0].split(" Other fields present")[0]
    if len(lines) > 1 and lines[-1].startswith("Did you mean"):
        text += " " + lines[-1]
    place = _place(error)
    return f"{place}: {text}" if place else text


def _root(error):
    """Returns the error that was raised first, of the config file if one was raised there."""
    chain = [error]
    while error := error.__cause__ or error.__context__:  # ml_collections wraps what was raised
        chain.append(error)
    return next((e for e in reversed(chain) if _place(e)), chain[-1])


def _place(error):
    """Returns "FILE:LINE" of the config file that raised the error, or None."""
    place, trace = None, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_name == "get_config":
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place

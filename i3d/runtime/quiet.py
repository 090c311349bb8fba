"""TensorFlow imported without the lines that look like errors on a machine that has no GPU.

    tf = quiet.import_tensorflow()

It writes them to file descriptor 2 before any log level counts. All other lines pass.
"""

import contextlib
import os
import sys
import tempfile

_NOISE = (
    b"All log messages before absl::InitializeLog()",
    b"oneDNN custom operations are on",
    b"Could not find cuda drivers on your machine",
    b"Failed call to cuInit: UNKNOWN ERROR (303)",  # no driver at all; others are real failures
)


def import_tensorflow():
    """Returns the module tensorflow; it has looked for devices already."""
    with _filtered_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()
    return tf


@contextlib.contextmanager
def _filtered_stderr():
    """Holds back what is written to file descriptor 2, and gives it out without the noise."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held:
                if not any(noise in line for noise in _NOISE):
                    os.write(2, line)

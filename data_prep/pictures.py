"""Checks stored pictures.

check("frame", [jpeg, jpeg], (256, 341, 3))
"""

from collections.abc import Iterable

from i3d.data import read


def check(kind: str, jpegs: Iterable[bytes], shape: tuple[int, ...]) -> None:
    """Makes sure that JPEG files are whole and of a shape.

    Args:
      kind: what they are, for the message.
      jpegs: the files.
      shape: (H, W, 3), or (H, W) of grey ones.

    Raises:
      read.ReadError: one is not; it says which.
    """
    colour = "colour" if shape[2:] else "grey"
    for index, jpeg in enumerate(jpegs):
        try:
            came = read.picture(jpeg).shape
        except read.ReadError as error:
            raise read.ReadError(f"{kind} {index}: {error}") from None
        if came != shape:
            raise read.ReadError(
                f"{kind} {index}: expected {shape[0]} x {shape[1]} {colour}, got "
                f"{came[0]} x {came[1]} {'colour' if came[2:] else 'grey'}"
            )

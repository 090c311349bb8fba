"""Divides whole videos into clips: long ones into equal parts, short ones are looped.

for clip in whole_clips(pictures, spec, count=lambda: 262):      # of 131 pictures each
    ...
"""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from i3d.spec import InputSpec


def equal_lengths(count: int, longest: int) -> list[int]:
    """Returns the lengths of the fewest clips of at most `longest` that make up `count` steps.

    They differ by at most one. `longest` 0 is no limit.
    """
    parts = -(-count // longest) if longest else 1
    return [count * (i + 1) // parts - count * i // parts for i in range(parts)]


def whole_clips(
    pictures: Iterable[np.ndarray],
    spec: InputSpec,
    count: Callable[[], int],
    looped: Callable[[int], object] = lambda steps: None,
) -> Iterator[list[np.ndarray]]:
    """Yields the pictures of each clip of a whole video; holds one clip at a time.

    Every `stride`-th picture is taken. Videos of fewer than `min_frames` steps are looped.

    Args:
      pictures: of all frames, or of all fields of flow, in order.
      spec: InputSpec with clips=WHOLE.
      count: returns how many pictures there are; called only where one clip does not hold them.
      looped: called with the number of steps of a video that is too short.
    """
    steps = itertools.islice(pictures, 0, None, spec.stride)
    held = list(itertools.islice(steps, spec.longest + 1 if spec.longest else None))
    if not spec.longest or len(held) <= spec.longest:
        if 0 < len(held) < spec.min_frames:
            looped(len(held))
        if held:
            yield [held[i % len(held)] for i in range(max(len(held), spec.min_frames))]
        return
    for length in equal_lengths(-(-count() // spec.stride), spec.longest):
        held += itertools.islice(steps, max(0, length - len(held)))
        yield held[:length]
        held = held[length:]

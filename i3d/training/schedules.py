"""Learning rate schedules: functions of the step, computed on the host in Python floats.

    piecewise(98_000, (97_000, 108_000), (0.1, 0.01, 0.001))              # 0.01, I3D's RGB stream
    warmup(step, 340) * cosine(step // 10, linear_scaling(0.1, 64, 64), 256)
    multi_step(step // steps_per_epoch, 0.01, (40, 80))                   # changes between epochs
    cosine(held(step, 10), 0.1, 1000)                                     # at every tenth step

A step counts from 0 and is whatever unit the other numbers are in: iterations, or epochs for a
rate that changes only between epochs. `warmup` is a factor, so it goes with any of the others.
"""

import bisect
import math
from collections.abc import Sequence


def piecewise(step: int, boundaries: Sequence[int], rates: Sequence[float]) -> float:
    """Returns rates[i] of the i boundaries that are at or below `step`: a table of rates.

    Args:
      step: from 0.
      boundaries: increasing steps at which the next rate begins.
      rates: one more than boundaries.

    Raises:
      ValueError: numbers of boundaries and rates do not fit, or boundaries do not increase.

    Source: the steps of kinetics-i3d's README; as tf.train.piecewise_constant, except that there
    the old rate is still used at the boundary itself.
    """
    if len(rates) != len(boundaries) + 1:
        raise ValueError(
            f"expected one rate more than boundaries, got {len(rates)} rates for "
            f"{len(boundaries)} boundaries"
        )
    return float(rates[_passed(step, boundaries)])


def step_decay(step: int, rate: float, every: int, gamma: float = 0.1) -> float:
    """Returns rate * gamma ** (step // every).

    Raises:
      ValueError: `every` is less than 1.
    """
    if every < 1:
        raise ValueError(f"expected every >= 1, got {every}")
    return float(rate * gamma ** (step // every))


def multi_step(step: int, rate: float, milestones: Sequence[int], gamma: float = 0.1) -> float:
    """Returns rate * gamma ** (number of the increasing `milestones` at or below `step`).

    Source: MMAction2's `sgd_100e` (I3D, TSN: epochs 40, 80) and others; a scheduler of it that
    begins at epoch b counts milestones from there: pass step - b.
    """
    return float(rate * gamma ** _passed(step, milestones))


def cosine(step: int, rate: float, num_steps: int, begin: int = 0) -> float:
    """Returns rate until step `begin`, then half a cosine down to 0 at begin + num_steps.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5 without restarts.

    Raises:
      ValueError: num_steps is less than 1.
    """
    if num_steps < 1:
        raise ValueError(f"expected num_steps >= 1, got {num_steps}")
    done = min(max(step - begin, 0) / num_steps, 1.0)
    return float(rate * (1 + math.cos(math.pi * done)) / 2)


def warmup(step: int, num_steps: int, start_factor: float = 0.1) -> float:
    """Returns the factor of a linear warm-up: start_factor at step 0, 1 from num_steps - 1 on.

    A num_steps of 0 or 1 means none. Multiplied with a cosine that runs from step 0, the peak
    stays below the full rate (SlowFast: 0.096 of 0.1), as in the published recipes.

    Source: Goyal et al. 2017, arXiv:1706.02677, 2.2; the ends are those of MMAction2's LinearLR.
    """
    if step >= num_steps - 1:
        return 1.0
    return start_factor + (1 - start_factor) * step / (num_steps - 1)


def held(step: int, every: int, within: int = 0) -> int:
    """Returns the last step up to `step` at which a rate that is held changes.

    Args:
      step: from 0.
      every: the rate changes at the first step, and at each that is the `every`-th, 2 * `every`-th
        and so on of the training; 1 at each.
      within: steps of an epoch, in which the counting begins anew; 0: it never does.

    Raises:
      ValueError: `every` is less than 1.

    Source: sallymmx/ActionCLIP, train.py: at iteration 1 and every tenth of each epoch.
    """
    if every < 1:
        raise ValueError(f"expected every >= 1, got {every}")
    begin = step // within * within if within else 0
    return begin + max(0, (step - begin + 1) // every * every - 1)


def linear_scaling(rate: float, batch_size: int, reference_batch_size: int) -> float:
    """Returns the rate for a total batch, given the rate for another: proportional to the batch.

    Args:
      batch_size: clips per update: per replica x replicas x accumulated steps.
      reference_batch_size: the same of the recipe that `rate` is from.

    Source: Goyal et al. 2017, arXiv:1706.02677, 2.1.
    """
    return float(rate * (batch_size / reference_batch_size))


def _passed(step, boundaries):
    if any(after <= before for before, after in zip(boundaries, boundaries[1:], strict=False)):
        raise ValueError(f"expected increasing steps, got {tuple(boundaries)}")
    return bisect.bisect_right(boundaries, step)

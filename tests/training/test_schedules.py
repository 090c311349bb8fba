"""Learning rates: published tables, and the two recipes of I3D."""

from pathlib import Path

import numpy as np
import pytest

from i3d.training import schedules
from tests.golden import mmaction

GOLDEN = mmaction.read("lr_schedules.json.gz")["schedules"]


def unit(scheduler, iteration, per_epoch):
    """Returns (step, factor) that put a scheduler's numbers, in epochs, into its own steps."""
    by_iteration = scheduler.get("convert_to_iter_based")
    return (iteration, per_epoch) if by_iteration else (iteration // per_epoch, 1)


def rate_of(golden, iteration):
    rate = golden["rate"]
    for scheduler in golden["schedulers"]:
        step, scale = unit(scheduler, iteration, golden["iters_per_epoch"])
        begin = scheduler.get("begin", 0) * scale
        if scheduler["type"] == "LinearLR":
            steps = scheduler["end"] * scale
            rate = rate * schedules.warmup(step, steps, scheduler["start_factor"])
        elif scheduler["type"] == "MultiStepLR":
            milestones = scheduler["milestones"]
            rate = schedules.multi_step(step - begin, rate, milestones, scheduler["gamma"])
        else:
            rate = schedules.cosine(step, rate, scheduler["T_max"] * scale, begin)
    return rate


@pytest.mark.parametrize("name", GOLDEN)
def test_rates_are_the_published_ones(name):
    golden = GOLDEN[name]
    per_epoch = golden["iters_per_epoch"]
    first = [rate_of(golden, epoch * per_epoch) for epoch in range(golden["epochs"])]
    last = [rate_of(golden, (epoch + 1) * per_epoch - 1) for epoch in range(golden["epochs"])]
    np.testing.assert_allclose(first, golden["first"], rtol=1e-9)
    np.testing.assert_allclose(last, golden["last"], rtol=1e-9)
    early = [rate_of(golden, iteration) for iteration in range(2 * per_epoch)]
    np.testing.assert_allclose(early, golden["first_two_epochs"], rtol=1e-12)
    assert isinstance(early[0], float)


def test_every_kind_of_schedule_is_compared():
    kinds = {scheduler["type"] for golden in GOLDEN.values() for scheduler in golden["schedulers"]}
    assert len(GOLDEN) == 19 and kinds == {"LinearLR", "MultiStepLR", "CosineAnnealingLR"}


def test_piecewise_has_the_steps_of_i3d():
    flow = (97_000, 104_500, 115_000, 140_000, 150_000), (0.1, 0.01, 0.001, 0.1, 0.01, 0.001)
    steps = (0, 96_999, 97_000, 104_499, 104_500, 114_999, 115_000, 140_000, 150_000, 154_999)
    found = [schedules.piecewise(step, *flow) for step in steps]
    assert found == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.1, 0.01, 0.001, 0.001]
    assert schedules.piecewise(5, (), (0.3,)) == 0.3


def test_step_decay_and_multi_step():
    assert [schedules.step_decay(s, 1.0, 3, 0.5) for s in range(7)] == [
        1,
        1,
        1,
        0.5,
        0.5,
        0.5,
        0.25,
    ]
    assert [schedules.multi_step(s, 8, (2, 3), 0.5) for s in range(5)] == [8, 8, 4, 2, 2]
    assert schedules.multi_step(-1, 8, (2, 3), 0.5) == 8


def test_cosine_ends_at_zero_and_stays_there():
    found = [schedules.cosine(step, 2, 4, begin=1) for step in range(8)]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found, [2, 2, 1 + half, 1, 1 - half, 0, 0, 0], atol=1e-15)


def test_warmup_of_no_steps_is_none():
    assert [schedules.warmup(step, 5, 0.2) for step in range(6)] == pytest.approx(
        [0.2, 0.4, 0.6, 0.8, 1, 1]
    )
    assert schedules.warmup(0, 0) == schedules.warmup(0, 1) == 1.0


def test_peak_of_slowfast_is_below_its_rate():
    golden = GOLDEN["slowfast_r50_4x16x1_256e"]
    rates = [schedules.warmup(i, 340) * schedules.cosine(i // 10, 0.1, 256) for i in range(2560)]
    assert max(rates) == pytest.approx(max(golden["last"]), rel=1e-9)
    assert max(rates) == pytest.approx(0.09596, abs=5e-6)


def test_a_rate_that_is_held_is_actionclips():
    """Five epochs of warm-up from 0, a cosine to 0, changed at every tenth step of an epoch."""
    with np.load(Path(mmaction.__file__).parent / "actionclip" / "lr_ucf.npz") as arrays:
        golden = arrays["lr_text"]
    epochs, per_epoch = golden.shape
    found = []
    for step in range(golden.size):
        at, begin = schedules.held(step, 10, per_epoch), 5 * per_epoch
        rate = schedules.cosine(at, 5e-6, (epochs - 5) * per_epoch, begin)
        found.append(rate * schedules.warmup(at, begin + 1, 0.0))
    np.testing.assert_allclose(np.reshape(found, golden.shape), golden, rtol=1e-12, atol=0)
    assert golden[0, 8] == 0 < golden[0, 9]


def test_a_rate_is_held_from_the_last_change_on():
    assert [schedules.held(step, 3) for step in range(9)] == [0, 0, 2, 2, 2, 5, 5, 5, 8]
    assert [schedules.held(step, 3, 4) for step in range(9)] == [0, 0, 2, 2, 4, 4, 6, 6, 8]
    assert [schedules.held(step, 1) for step in range(3)] == [0, 1, 2]


def test_linear_scaling():
    assert schedules.linear_scaling(0.1, 24, 384) == 0.00625


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedules.piecewise(0, (5,), (0.1,)), "one rate more than boundaries, got 1"),
        (lambda: schedules.piecewise(0, (5, 5), (1, 2, 3)), r"increasing steps, got \(5, 5\)"),
        (lambda: schedules.multi_step(0, 1, (9, 3)), r"increasing steps, got \(9, 3\)"),
        (lambda: schedules.step_decay(0, 1, 0), "every >= 1, got 0"),
        (lambda: schedules.cosine(0, 1, 0), "num_steps >= 1, got 0"),
        (lambda: schedules.held(0, 0), "every >= 1, got 0"),
    ],
)
def test_tables_that_make_no_sense_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Whole videos cut into equal clips, or looped."""

import numpy as np
import pytest

from i3d.data import view_sampling
from i3d.inference.whole import equal_lengths, whole_clips
from i3d.spec import WHOLE, InputSpec
from i3d.weights.cards import CARDS


def spec(**changes):
    return InputSpec(**{"clips": WHOLE, "longest": 10, "min_frames": 4} | changes)


def never():
    raise AssertionError("the frames were counted")


@pytest.mark.parametrize("longest", [1, 3, 7, 250])
def test_the_fewest_clips_of_equal_length(longest):
    for count in (*range(1, 60), 250, 251, 262, 499, 500, 501, 1000):
        lengths = equal_lengths(count, longest)
        assert sum(lengths) == count and max(lengths) <= longest
        assert len(lengths) == -(-count // longest)  # one fewer could not hold them
        assert max(lengths) - min(lengths) <= 1
    assert equal_lengths(262, 250) == [131, 131]


def test_no_limit_is_one_clip():
    assert equal_lengths(12345, 0) == [12345]


@pytest.mark.parametrize("count", [*range(1, 32), 40, 41])
@pytest.mark.parametrize("stride, longest", [(1, 10), (3, 10), (2, 4), (1, 0), (3, 0)])
def test_clips_hold_every_step_once(count, stride, longest):
    seen = spec(stride=stride, longest=longest)
    steps = list(range(0, count, stride))
    short = not longest or len(steps) <= longest
    clips = list(whole_clips(iter(range(count)), seen, never if short else lambda: count))
    joined = [step for clip in clips for step in clip]
    total = max(len(steps), 4)
    assert joined == [steps[i % len(steps)] for i in range(total)]
    assert [len(clip) for clip in clips] == equal_lengths(total, longest)


@pytest.mark.parametrize("count", [1, 3, 4, 10, 11, 25])
@pytest.mark.parametrize("stride, longest", [(1, 10), (3, 10), (2, 4), (1, 0)])
def test_records_are_cut_alike(count, stride, longest):
    seen = spec(stride=stride, longest=longest)
    indices, lengths = view_sampling.whole_indices(np.int64(count), seen)
    clips = list(whole_clips(iter(range(count)), seen, lambda: count))
    assert [step for clip in clips for step in clip] == np.asarray(indices).tolist()
    assert [len(clip) for clip in clips] == np.asarray(lengths).tolist()


@pytest.mark.parametrize(
    "count, lengths",
    [
        (9, [9]),
        (250, [250]),
        (251, [125, 126]),
        (259, [129, 130]),
        (262, [131, 131]),
        (500, [250, 250]),
        (501, [167, 167, 167]),
    ],
)
def test_a_published_card_divides_a_video_into_equal_clips(count, lengths):
    """The same for files, whose frames come one by one, and for records."""
    seen = CARDS["rgb_imagenet"].spec
    clips = list(whole_clips(iter(range(count)), seen, lambda: count))
    assert [len(clip) for clip in clips] == lengths
    assert [step for clip in clips for step in clip] == list(range(count))
    indices, of_records = view_sampling.whole_indices(np.int64(count), seen)
    assert np.asarray(of_records).tolist() == lengths
    assert np.asarray(indices).tolist() == list(range(count))


def test_the_end_of_a_long_video_is_not_waited_for():
    """A clip is given as soon as it and one picture of the next are there."""
    taken = []

    def pictures():
        for i in range(25):
            taken.append(i)
            yield i

    clips = whole_clips(pictures(), spec(), lambda: 25)
    assert next(clips) == list(range(8)) and len(taken) == 11
    assert next(clips) == list(range(8, 16)) and len(taken) <= 17
    assert [len(clip) for clip in clips] == [9]


def test_nothing_gives_no_clip():
    assert list(whole_clips(iter([]), spec(), never)) == []
    assert list(whole_clips(iter([]), spec(longest=0), never)) == []


def test_a_clip_is_not_changed_after_it_was_given():
    first, *_ = clips = list(whole_clips(iter(range(25)), spec(), lambda: 25))
    assert first == list(range(8)) and len({id(clip) for clip in clips}) == 3

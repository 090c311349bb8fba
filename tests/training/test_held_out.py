"""Videos held out of training: by class, whole sources, the same for a seed."""

from collections import Counter

import pytest

from i3d.training import held_out
from i3d.video.inputs.groups import group_of

UCF = [
    (f"C{label}/v_C{label}_g{group:02}_c{clip:02}", (label,))
    for label in range(5)
    for group in range(1, 26)
    for clip in range(1, 5)
]


def ids(videos, part):
    return {videos[number][0] for number in part.numbers}


@pytest.mark.parametrize("share", [0.04, 0.1, 0.25, 0.5])
def test_by_class_and_whole_sources(share):
    part = held_out.chosen(UCF, share, seed=3)
    held = ids(UCF, part)
    assert not part.divided and not part.without
    counts = Counter(label for id, (label,) in UCF if id in held)
    assert all(abs(count - 100 * share) <= 2 for count in counts.values()) and len(counts) == 5
    groups = {group_of(id) for id in held}
    assert not groups & {group_of(id) for id, _ in UCF if id not in held}


def test_a_seed_decides_and_the_order_of_the_records_does_not():
    first = ids(UCF, held_out.chosen(UCF, 0.1, seed=1))
    assert first == ids(UCF, held_out.chosen(UCF, 0.1, seed=1))
    turned = UCF[::-1]
    assert first == ids(turned, held_out.chosen(turned, 0.1, seed=1))
    assert first != ids(UCF, held_out.chosen(UCF, 0.1, seed=2))


def test_sources_that_are_of_several_classes_stay_together():
    videos = [
        (f"{name}/person{who:02}_{name}_d{scene}", (label,))
        for label, name in enumerate(("boxing", "walking", "running"))
        for who in range(1, 11)
        for scene in range(1, 5)
    ]
    held = ids(videos, held_out.chosen(videos, 0.2, seed=0))
    people = {group_of(id) for id in held}
    assert len(people) == 2 and len(held) == 2 * 12


def test_segments_of_a_long_video_are_one_video():
    videos = [(f"a/{number // 3}", (0,)) for number in range(30)]
    part = held_out.chosen(videos, 0.1, seed=0)
    assert len(part.numbers) == 3 and len(ids(videos, part)) == 1


def test_few_videos():
    one = [("a/1", (0,)), ("b/1", (1,)), ("b/2", (1,)), ("c/film@0-5", (2,)), ("c/film@5-9", (2,))]
    part = held_out.chosen(one, 0.1, seed=0)
    assert part.without == [0] and part.divided == [2]
    assert len(part.numbers) == 2 and part.numbers[0] in (1, 2) and part.numbers[1] in (3, 4)
    assert held_out.chosen([("a/1", (0,)), ("b/1", (1,))], 0.5, seed=0).numbers == []


def test_one_large_source_is_not_held_out_where_there_are_others():
    videos = [(f"a/film@{n}-{n + 1}", (0,)) for n in range(90)]
    videos += [(f"a/v{n}", (0,)) for n in range(10)]
    held = ids(videos, held_out.chosen(videos, 0.1, seed=0))
    assert 8 <= len(held) <= 10 and not any("film" in id for id in held)


def test_several_labels():
    videos = [(f"v{n}", (n % 3, 3)) for n in range(60)]
    part = held_out.chosen(videos, 0.1, seed=0)
    counts = Counter(label for number in part.numbers for label in videos[number][1])
    assert counts == {0: 2, 1: 2, 2: 2, 3: 6}

"""Few videos of each class: by the seed alone, nested, and what is said of classes without."""

import random

import pytest

from i3d.data import shots
from i3d.runtime.command import UserError

VIDEOS = [(f"class {label}/video {n}", (label,)) for label in (0, 1, 3) for n in range(9)]
VIDEOS += [("rare/a", (2,)), ("long", (4,)), ("long", (4,)), ("rare/b", (2,))]


def ids(videos, *arguments):
    return {videos[number][0] for number in shots.chosen(videos, *arguments)}


def test_so_many_of_each_class_are_chosen_in_order():
    numbers = shots.chosen(VIDEOS, 3, 0)
    assert numbers == sorted(set(numbers)) and all(type(number) is int for number in numbers)
    labels = [VIDEOS[number][1][0] for number in numbers]
    assert [labels.count(label) for label in range(5)] == [3, 3, 2, 3, 2]  # both segments


def test_a_list_depends_on_the_seed_and_the_own_class_alone():
    shuffled = list(VIDEOS)
    random.Random(1).shuffle(shuffled)
    assert ids(VIDEOS, 2, 5) == ids(shuffled, 2, 5) != ids(VIDEOS, 2, 6)
    assert ids(VIDEOS[:9], 2, 5) == {id for id in ids(VIDEOS, 2, 5) if id.startswith("class 0")}
    by_class = [{id[-1] for id in ids(VIDEOS, 4, 0) if id.startswith(f"class {n}")} for n in (0, 1)]
    assert by_class[0] != by_class[1]


def test_the_list_of_fewer_is_a_part_of_that_of_more():
    lists = [ids(VIDEOS, count, 3) for count in (1, 2, 4, 8, 16)]
    assert all(few < more for few, more in zip(lists, lists[1:], strict=False))
    assert lists[-1] == {id for id, _ in VIDEOS}


def test_the_list_of_a_seed_stays_as_it_is():
    assert sorted(ids(VIDEOS, 1, 0)) == [
        "class 0/video 0",
        "class 1/video 6",
        "class 3/video 6",
        "long",
        "rare/b",
    ]


def test_classes_with_fewer_are_named():
    names = ["walk", "run", "jump", "sit", "stand"]
    assert shots.lacking(VIDEOS, 1) == {} and shots.lacking(VIDEOS, 3) == {2: 2, 4: 1}
    assert shots.described(VIDEOS, 1, names) == (
        "few shots: 1 video(s) of each of 5 classes, 5 of 30"
    )
    assert shots.described(VIDEOS, 2, names).endswith("9 of 30; 'stand' has only 1")
    assert shots.described(VIDEOS, 4, names).endswith("; 2 classes have fewer: 'jump' has only 2")


def test_several_labels_are_refused():
    with pytest.raises(UserError, match="^b: expected videos of one label each .* got 2 labels"):
        shots.chosen([("a", (0,)), ("b", (0, 1))], 1, 0)

"""Sources of videos, by the names that the public data sets have."""

import pytest

from i3d.video.inputs.groups import group_of


@pytest.mark.parametrize(
    ("id", "group"),
    [
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c02", "v_ApplyEyeMakeup_g01"),
        ("Basketball/v_Basketball_g01_c02.mp4", "v_Basketball_g01"),
        ("kth/person01_handclapping_d1_uncomp.avi", "person01"),
        ("dive/BASE_-_Brilliant_dive_f_cm_np1_le_bad_3", "BASE_-_Brilliant_dive"),
        ("abseiling/-3B32lodo2M_000059_000069", "-3B32lodo2M"),
        ("film@12.5-15", "film"),
        ("a/film@12-", "a/film"),
        ("frames/a@10+32", "frames/a"),
        ("jump/clip01", "jump/clip01"),  # nothing is known of others
        ("jump/clip1.5", "jump/clip1.5"),
        ("jump/me@home", "jump/me@home"),
    ],
)
def test_group_of(id, group):
    assert group_of(id) == group

"""Views that are needed twice are made once where they are few."""

import numpy as np
import pytest

from i3d.inference import decoding, kept_views
from i3d.inference.views import views_of
from tests.helpers import runs
from tests.helpers.videos import texture_frames, write_video

SPECS = runs.spec(), runs.spec("flow", clips=0, longest=6)


@pytest.mark.parametrize("most", [2**20, 30_000])
def test_views_are_the_same_the_second_time(tmp_path, monkeypatch, most):
    video = str(write_video(tmp_path / "a.mp4", texture_frames(20)))
    monkeypatch.setattr(kept_views, "_MOST_BYTES", most)
    views = kept_views.KeptViews(video, SPECS)
    first = [piece for piece in views.decoded() if isinstance(piece, decoding.View)]
    alone = [list(views_of(video, spec)) for spec in SPECS]
    if most == 2**20:  # the file is not needed again
        (tmp_path / "a.mp4").unlink()
    for place, expected in enumerate(alone):
        for found in (views.of(place), [v.pixels for v in first if v.task == place]):
            for own, view in zip(found, expected, strict=True):
                np.testing.assert_array_equal(own, view)

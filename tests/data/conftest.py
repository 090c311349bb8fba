"""Data sets that several tests read."""

import dataclasses

import pytest

from tests.helpers import datasets


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """{"whole": ..., "cut": ...}: folders of 9 videos in one record each, and in several."""
    root = tmp_path_factory.mktemp("built")
    videos = datasets.videos(root / "videos")
    whole = dataclasses.replace(datasets.RECIPE, max_segment_s=60.0)
    return {
        "whole": datasets.build(root / "whole", videos, whole),
        "cut": datasets.build(root / "cut", videos),
    }

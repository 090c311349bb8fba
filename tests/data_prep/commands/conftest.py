"""Fixtures of the commands: videos, a data set of them, and a call in this process."""

import shutil

import pytest

from data_prep import __main__ as program
from tests.helpers import datasets


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    return datasets.videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="session")
def built(videos, tmp_path_factory):
    return datasets.build(tmp_path_factory.mktemp("data") / "set", videos)


@pytest.fixture
def folder(built, tmp_path):
    """A data set that a test may damage."""
    return shutil.copytree(built, tmp_path / "set")


@pytest.fixture
def call(capsys):
    """Runs a command in this process; returns (exit status, output, errors)."""

    def run(name, *words):
        status = program.main(["data_prep", name, *map(str, words)])
        return status, *capsys.readouterr()

    return run

"""Signals that let a step finish."""

import os
import signal

import pytest

from i3d.runtime import stopping


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_is_noted_and_handlers_are_back(kind, capfd):
    before = signal.getsignal(kind)
    with stopping.requests() as asked:
        assert asked == [] and signal.getsignal(kind) != before
        os.kill(os.getpid(), kind)
        assert asked == [kind] and signal.getsignal(kind) == before
    assert "stopping after this step; once more" in capfd.readouterr().err


def test_second_signal_acts_as_ever():
    with pytest.raises(KeyboardInterrupt):
        with stopping.requests() as asked:
            os.kill(os.getpid(), signal.SIGTERM)
            assert asked == [signal.SIGTERM]
            os.kill(os.getpid(), signal.SIGINT)


def test_one_of_several_workers_does_not_listen():
    before = signal.getsignal(signal.SIGINT)
    with stopping.requests(listen=False) as asked:
        assert asked == [] and signal.getsignal(signal.SIGINT) == before


def test_handlers_are_back_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(OSError), stopping.requests():
        raise OSError
    assert signal.getsignal(signal.SIGTERM) == before

"""Spreads work over many machines with Apache Beam (Direct, Flink, Spark, Dataflow, Dask runners).

    words, options = beam.split(argv)                # of a command that has --runner=beam
    beam.check(["--runner=FlinkRunner", "--flink_master=host:8081"])
    beam.each(write_shard, tasks, ["--runner=FlinkRunner", "--flink_master=host:8081"])

Workers must see the files under the same paths, and have this package installed. Options that
follow `--` on a command line are Beam's own.
"""

import argparse
import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags

from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress

_LOOK_EVERY_S = 1.0
_ITEMS = 8  # of an element; what is done twice where a worker is lost


def define(own: flags.FlagValues) -> None:
    """Defines --runner."""
    text = "local processes, or a Beam pipeline, whose own options follow -- at the end"
    flags.DEFINE_enum("runner", "local", ["local", "beam"], text, flag_values=own)


def split(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Returns the words of a command line, and the options of Beam that follow `--` in it.

    Without --runner=beam the options are None and all words are the command's: there `--` ends
    its flags.
    """
    cut = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runner", "-runner")
    if parser.parse_known_args(argv[1:cut])[0].runner != "beam":
        return list(argv), None
    return list(argv[:cut]), list(argv[cut + 1 :])


def check(options: Sequence[str]) -> None:
    """Raises UserError where Beam would not understand an option.

    Args:
      options: Beam's own command-line options.

    Raises:
      UserError: that, or the extra [beam] or what a runner needs is not installed.
    """
    _import_runner(options)
    parsers: list[argparse.ArgumentParser] = []  # Beam hands its parser of all options over
    _pipeline_options([]).get_all_options(add_extra_args_fn=parsers.append)
    parsers[0].exit_on_error = False
    try:
        _, unknown = parsers[0].parse_known_args(options)
    except argparse.ArgumentError as error:
        raise UserError(f"Beam's options after --: {error}") from error
    if unknown:
        raise UserError(f"Beam's options after --: it knows no {' '.join(unknown)}")


def _import_runner(options):
    """Imports a runner that is named in full: the options that it brings are known from then on."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runner", default="")
    module = (parser.parse_known_args(options)[0].runner or "").rpartition(".")[0]
    try:
        if module:
            importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"Beam's options after --: --runner: {error}") from error


def each(function: Callable[[Any], Any], elements: Sequence[Any], options: Sequence[str]) -> None:
    """Calls a function with every element, on the workers of a pipeline.

    Where no runner is named, Beam's FnApiRunner runs them here. DirectRunner, Beam's own choice,
    would first try to fetch another program, which does not heed --direct_num_workers.

    Args:
      function: of a module; what it returns is dropped. An element may be given to it twice,
        where a worker was lost.
      elements: what can be pickled; each may go to another worker.
      options: Beam's own command-line options.

    Raises:
      UserError: the extra [beam] is not installed, or the pipeline failed, as runners tell it.
    """
    pipeline_options = _pipeline_options(["--runner=FnApiRunner", *options])
    import apache_beam

    if not elements:
        return
    try:
        with apache_beam.Pipeline(options=pipeline_options) as pipeline:
            created = pipeline | "elements" >> apache_beam.Create(elements)
            spread = created | "one to a worker" >> apache_beam.Reshuffle()
            _ = spread | "work" >> apache_beam.Map(function)
    except Exception as error:  # runners raise what they like
        reason = (str(error).strip() or repr(error)).splitlines()[-1]  # above it may be a traceback
        raise UserError(f"the Beam pipeline failed: {reason}") from error


def slices(items: Sequence[Any]) -> list[Sequence[Any]]:
    """Returns the items in elements of a few: a worker that loads a network has work for it."""
    return [items[at : at + _ITEMS] for at in range(0, len(items), _ITEMS)]


def _pipeline_options(options):
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise UserError("--runner=beam needs apache-beam: pip install 'i3d[beam]'") from error
    return PipelineOptions(options, save_main_session=False)


@contextlib.contextmanager
def watched(progress: Progress, count: Callable[[], int]) -> Iterator[None]:
    """Context: shows, about every second, how many units the workers have done so far.

    Args:
      progress: of the units.
      count: returns how many are done, such as the number of their files.
    """
    ended, shown = threading.Event(), 0

    def look():
        nonlocal shown
        found = count()
        for _ in range(found - shown):
            progress.add()
        shown = max(shown, found)

    def watch():
        while not ended.wait(_LOOK_EVERY_S):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    with progress:
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            look()

"""Writes the shards in an Apache Beam pipeline (Direct, Flink, Spark, Dataflow runners).

    check(["--runner=FlinkRunner", "--flink_master=host:8081"])
    write_shards(tasks, ["--runner=FlinkRunner", "--flink_master=host:8081"])

Workers must see the videos and the data set's folder under the same paths, and have this
package installed.
"""

import argparse
import importlib

from data_prep import shards as data_prep_shards
from i3d.runtime.command import UserError


def check(options):
    """Raises UserError where Beam would not understand an option.

    Args:
      options: Beam's own command-line options, list of str.

    Raises:
      UserError: that, or the extra [beam] or what a runner needs is not installed.
    """
    _import_runner(options)
    parsers = []  # Beam hands its parser of all options to the function
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


def write_shards(tasks, options):
    """Writes the shards, one element of the pipeline each.

    Where no runner is named, Beam's FnApiRunner runs them here. DirectRunner, Beam's own choice,
    would first try to fetch another program, which does not heed --direct_num_workers.

    Args:
      tasks: list of data_prep.shards.ShardTask.
      options: Beam's own command-line options, list of str.

    Raises:
      UserError: the extra [beam] is not installed.
      Exception: what Beam raises when the pipeline fails; the same command resumes there.
    """
    options = _pipeline_options(["--runner=FnApiRunner", *options])
    import apache_beam as beam

    if not tasks:
        return
    with beam.Pipeline(options=options) as pipeline:
        shards = pipeline | "shards" >> beam.Create(tasks)
        spread = shards | "one shard to a worker" >> beam.Reshuffle()
        _ = spread | "write" >> beam.Map(_write)


def _pipeline_options(options):
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise UserError("--runner=beam needs apache-beam: pip install 'i3d[beam]'") from error
    return PipelineOptions(options, save_main_session=False)


def _write(task):
    import cv2

    cv2.setNumThreads(1)
    return data_prep_shards.write_shard(task)["examples"]

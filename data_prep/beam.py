"""The same shards in an Apache Beam pipeline (Direct, Flink, Spark, Dataflow runners).

    write_shards(tasks, ["--runner=FlinkRunner", "--flink_master=host:8081"])

Workers must see the videos and the data set's folder under the same paths, and have this
package installed.
"""

from data_prep import records


def write_shards(tasks, options):
    """Writes the shards, one element of the pipeline each.

    Args:
      tasks: list of data_prep.records.ShardTask.
      options: Beam's own command-line options, list of str.

    Raises:
      ImportError: the extra [beam] is not installed.
      Exception: what Beam raises when the pipeline fails; the same command goes on from there.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise ImportError("--runner=beam needs apache-beam: pip install 'i3d[beam]'") from error
    if not tasks:
        return
    with beam.Pipeline(options=PipelineOptions(options, save_main_session=False)) as pipeline:
        shards = pipeline | "shards" >> beam.Create(tasks)
        spread = shards | "one shard to a worker" >> beam.Reshuffle()
        _ = spread | "write" >> beam.Map(_write)


def _write(task):
    import cv2

    cv2.setNumThreads(1)
    return records.write_shard(task)["examples"]

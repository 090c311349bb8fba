"""Predictions as text, JSON or CSV, written one video at a time.

with written("json", sys.stdout) as table:
    table.add("jump.mp4", [(7, "high jump", 0.93), (2, "long jump", 0.05)])
"""

import contextlib
import csv
import json
import re
from collections.abc import Iterator
from typing import TextIO

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # they would steer a terminal

FORMATS = ("text", "json", "csv")


@contextlib.contextmanager
def written(form: str, file: TextIO) -> Iterator["_Text"]:
    """Gives the table that `file` holds when the block is left.

    Args:
      form: one of FORMATS. JSON is one list: {"video": ..., "predictions": [{"index": ...,
        "label": ..., "score": ...}]}; CSV has a row for each class of each video.
      file: of text, open for writing.
    """
    table = {"text": _Text, "json": _Json, "csv": _Csv}[form](file)
    yield table
    table.close()
    file.flush()


def _escaped(match):
    return match[0].encode("unicode_escape").decode()


class _Text:
    def __init__(self, file):
        self._file = file

    def add(self, video, rows):
        """Writes the rows (index, name, score) of one video."""
        print(_CONTROLS.sub(_escaped, video), file=self._file)
        for _, name, score in rows:
            print(f"  {score:.4f}  {name}", file=self._file)
        self._file.flush()

    def close(self):
        """Writes nothing more."""


class _Csv(_Text):
    def __init__(self, file):
        super().__init__(file)
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow(["video", "rank", "index", "label", "score"])

    def add(self, video, rows):
        for rank, row in enumerate(rows, 1):
            self._rows.writerow([video, rank, *row])
        self._file.flush()


class _Json(_Text):
    def __init__(self, file):
        super().__init__(file)
        self._before = "[\n"

    def add(self, video, rows):
        found = [dict(zip(("index", "label", "score"), row, strict=True)) for row in rows]
        entry = json.dumps({"video": video, "predictions": found}, ensure_ascii=False)
        self._file.write(self._before + entry)
        self._before = ",\n"

    def close(self):
        self._file.write("\n]\n" if self._before == ",\n" else "[]\n")

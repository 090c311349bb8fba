"""What localization finds in one video, and how it is written.

result = Localized(...)                 # as i3d.localize gives it
for segment in result.segments:
    print(segment.start_s, segment.end_s, segment.label, segment.score)
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from i3d.localization import annotations
from i3d.localization.segments import Segment
from i3d.localization.windows import ScoresOverTime
from i3d.runtime.markup import bar, table
from i3d.runtime.text import counted

FORMATS = ("text", "json", "csv")
_SHOWN = 50  # segments in a notebook
_OF_REPR = 5


@dataclasses.dataclass(frozen=True, repr=False)
class Localized:
    """What happens when in one video.

    Attributes:
      video: its name, without folder and suffix.
      duration_s: of the video, seconds.
      segments: the best first.
      seconds: {stage: seconds that it took}.
      scores: of a classifier, over time; None of a localizer.
      names: of the classes of `scores`.
      note: that the video is one window; the best segment where none is above the threshold.
    """

    video: str
    duration_s: float
    segments: tuple[Segment, ...]
    seconds: dict[str, float]
    scores: ScoresOverTime | None = None
    names: tuple[str, ...] = ()
    note: str = ""

    def __repr__(self) -> str:
        """Returns the segments, without the scores over time."""
        shown = ", ".join(
            f"{one.label or 'proposal'} {one.start_s:.2f} to {one.end_s:.2f} s ({one.score:.2f})"
            for one in self.segments[:_OF_REPR]
        )
        more = ", ..." if len(self.segments) > _OF_REPR else ""
        count = counted(len(self.segments), "segment")
        found = f"{count}: {shown}{more}" if shown else count
        return f"<Localized {self.video}: {self.duration_s:.1f} s, {found}>"

    def _repr_html_(self) -> str:
        """Returns a table of the segments for a notebook, with a bar for each score."""
        rows = [
            (
                f"{one.start_s:.2f}",
                f"{one.end_s:.2f}",
                one.label,
                bar(one.score, f"{one.score:.3f}"),
            )
            for one in in_order(self.segments)[:_SHOWN]
        ]
        count = len(self.segments)
        shown = f"{self.video}: {counted(count, 'segment')} in {self.duration_s:.1f} s"
        shown += f", the first {_SHOWN}" if count > _SHOWN else ""
        return table(("start, s", "end, s", "action", "score"), rows, shown)


def name_of(video: str) -> str:
    """Returns the name of a video in results: that of its file without the suffix."""
    return Path(video).stem


def text(results: Sequence[Localized], form: str) -> str:
    """Returns the results of videos as one of FORMATS.

    JSON is that of ActivityNet's results, CSV has the header video,start_s,end_s,label,score. Text
    has a line for each segment in the order of time, under the name of its video where there are
    several.
    """
    found = [segment for result in results for segment in result.segments]
    if form == "json":
        return annotations.found_as_json(found, [result.video for result in results])
    if form == "csv":
        return annotations.found_as_csv(found)
    rows = []
    for result in results:
        rows += [f"{result.video}:"] * (len(results) > 1)
        rows += lines(result.segments)
    return "".join(f"{row}\n" for row in rows)


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """Returns segments as they follow each other."""
    return sorted(segments, key=lambda one: (one.start_s, one.end_s))


def lines(segments: Iterable[Segment]) -> Iterator[str]:
    """Yields a line for each segment in the order of time: start, end, score, label."""
    for one in in_order(segments):
        label = one.label or "-"
        yield f"{one.start_s:9.2f} s to {one.end_s:9.2f} s  {one.score:.2f}  {label}"


def summary(result: Localized) -> str:
    """Returns two lines: what was found, with the note, and the seconds of each stage."""
    found = counted(len(result.segments), "segment")
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    total = sum(result.seconds.values())
    rate = f"; {result.duration_s / total:.1f} seconds of video a second" if total else ""
    what = "; ".join(filter(None, (found, result.note)))
    return f"{result.video}: {result.duration_s:.1f} s, {what}\n{stages}{rate}"

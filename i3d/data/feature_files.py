"""Reads the feature rows of videos: files of i3d.extract_features, published .npy and CSV files.

    files = FeatureFiles("features", spec)             # a folder, or one .npz of all videos
    rows, grid = files.read("video_test_0000004", fps=30.0, duration_s=33.6)

    .npz    features [T, C], start_s, end_s [T]; of all videos also ids [T]
    .npy    [T, C], as the published features of THUMOS14 and ActivityNet
    .csv    a header, and a row of C numbers a line, as the published "cuhk" features

TensorFlow is not imported here.
"""

import io
import math
import os
from pathlib import Path

import numpy as np

from i3d.data.feature_spec import FeatureSpec, Grid
from i3d.runtime import npy
from i3d.runtime.command import BadData, UserError

_SUFFIXES = (".npz", ".npy", ".csv")
_MOST_CSV_BYTES = 1 << 28  # those of ActivityNet have 300 KB
# Of what rows cover over the length of the video. Rows of half the stride, or of twice, are out;
# published annotations are off by less.
_COVERED = (0.55, 1.8)


class FeatureFiles:
    """The feature rows of many videos, which are read one at a time.

    Attributes:
      path: of the folder or the file.
      spec: FeatureSpec of the localizer.
    """

    def __init__(self, path: str | os.PathLike, spec: FeatureSpec) -> None:
        """Looks for files; none of a folder is opened.

        Args:
          path: a folder (folders in it are searched), or a .npz file with ids.
          spec: what is expected of the rows.

        Raises:
          BadData: there is nothing, or it is not of these kinds.
        """
        self.path, self.spec = Path(path), spec
        if not self.path.exists():
            raise BadData(f"{path}: no such folder of features; i3d.extract_features writes them")
        if self.path.is_dir():
            self._files, self._parts = _files_of(self.path), {}
        else:
            self._arrays, self._parts = _parts_of(self.path)
            self._files = dict.fromkeys(self._parts, self.path)
        self._short: dict[str, list[str]] = {}
        for name in self._files:
            self._short.setdefault(name.rpartition("/")[2], []).append(name)

    def names(self) -> tuple[str, ...]:
        """Returns the names of the videos, sorted: paths without the extension."""
        return tuple(sorted(self._files))

    def find(self, name: str) -> str | None:
        """Returns the name under which the rows of a video are here, None where there are none.

        Where nothing is of that name itself, it is taken without the extension, without folders
        if that is unique, and with the "v_" of ActivityNet's files.
        """
        stem = os.path.splitext(name)[0]
        last = [stem.rpartition("/")[2], name.rpartition("/")[2]]
        for one in (name, stem, f"v_{name}"):
            if one in self._files:
                return one
        for one in last:
            if len(found := self._short.get(one, [])) == 1:
                return found[0]
        return None

    def read(
        self, name: str, fps: float = math.nan, duration_s: float = math.nan
    ) -> tuple[np.ndarray, Grid]:
        """Returns the rows of a video, float32 [T, C], and the Grid of their times.

        With spec.rows they are interpolated to that many, T = spec.rows.

        Args:
          name: of the video; see `find`.
          fps: of the video's own frames, where the file has no times and the spec no rate.
          duration_s: of the video, seconds.

        Raises:
          BadData: there are no rows of that name, or they are not finite, fewer than two, of
            another width, or of another rate than the spec's.
        """
        there = self.find(name)
        if there is None:
            raise BadData(f"{self.path}: no features of {name!r:.200}; extract them")
        rows, grid = self._told(there, lambda: self._rows_and_grid(there, fps, duration_s))
        with np.errstate(over="ignore"):  # said below
            count = self.spec.rows
            found = interpolated(rows, count) if count else np.array(rows, np.float32)
        if not np.isfinite(found).all():
            raise BadData(f"{self._where(there)}: expected finite numbers, got {_not_finite(rows)}")
        return found, grid

    def _rows_and_grid(self, name, fps, duration_s):
        path = self._files[name]
        rows, span = self._opened(name, path)
        rows = self._checked(rows)
        return rows, self._grid(span, len(rows), fps, duration_s, path.suffix == ".csv")

    def _told(self, name, opened):
        """Returns opened(); BadData that names the file of a video where that cannot be used."""
        try:
            return opened()
        except npy.ArrayError as error:
            raise BadData(f"{self._where(name)}: cannot be read: {error}") from error
        except OSError as error:
            reason = error.strerror or error
            raise BadData(f"{self._files[name]}: cannot be read: {reason}") from error
        except UserError as error:
            raise BadData(f"{self._where(name)}: {error}") from error

    def end_s(self, name: str, fps: float = math.nan) -> float:
        """Returns a time that the video ends before: that of one row more; nan where unknown.

        Args:
          name: of a video that has rows here.
          fps: as for `read`.

        Raises:
          BadData: the file cannot be read.
        """
        there = self.find(name)
        rows, span = self._told(there, lambda: self._opened(there, self._files[there]))
        if span is not None and len(span[1]) > 1:
            return float(2 * span[1][-1] - span[1][-2])
        rate = self.spec.fps or fps
        if span is not None or self.spec.rows or not rate > 0 or rows.ndim < 2:
            return math.nan
        return (rows.shape[-2] * self.spec.stride + self.spec.window) / rate

    def _where(self, name):
        return f"{self.path}: {name}" if self._parts else str(self._files[name])

    def _opened(self, name, path):
        """Returns the rows, not read yet where that can be, and (start_s, end_s) or None."""
        if self._parts:
            own = {key: array[self._parts[name]] for key, array in self._arrays.items()}
            return own["features"], _span(own)
        if path.suffix == ".npz":
            arrays = npy.mapped_npz(path)
            if "features" not in arrays:
                raise UserError("expected features, start_s and end_s of i3d.extract_features")
            return arrays["features"], _span(arrays)
        return (_csv(path) if path.suffix == ".csv" else npy.mapped(path)), None

    def _checked(self, rows):
        """Returns rows [T, C]; a leading axis of length 1 is dropped."""
        width = self.spec.channels
        if rows.ndim == 3 and rows.shape[0] == 1:
            rows = rows[0]
        if rows.dtype.kind != "f" or rows.ndim != 2:
            raise UserError(f"expected rows [T, {width}] of floats, got {_kind(rows)}")
        if rows.shape[1] != width:
            hint = "; transpose them" if rows.shape[0] == width else ""
            raise UserError(f"expected rows [T, {width}], got {_kind(rows)}{hint}")
        if len(rows) < 2:
            raise UserError(
                f"expected two rows or more, got {len(rows)}; the video is shorter than two windows"
                f" of {self.spec.window} frames, or these are features of the whole video"
            )
        return rows

    def _grid(self, span, count, fps, duration_s, pooled):
        """Returns the Grid of the rows as they are returned, of `count` in the file."""
        spec = self.spec
        if span is not None:
            return self._grid_of_times(*span, fps)
        rate = spec.fps or fps
        known = math.isfinite(rate) and rate > 0
        if spec.rows and (pooled or count == spec.rows) and duration_s > 0:
            return spec.grid(math.nan, count, _covered(spec, rate if known else 0.0, duration_s))
        if known and duration_s > 0:
            covers = ((count - 1) * spec.stride + spec.window) / rate
            if not _COVERED[0] < covers / duration_s < _COVERED[1]:
                raise UserError(
                    f"expected rows every {spec.stride} frames at {rate:.5g} per second: {count} of"
                    f" them cover {covers:.1f} s, and the video has {duration_s:.1f}"
                )
        return spec.grid(fps, count, duration_s)

    def _grid_of_times(self, start_s, end_s, fps):
        spec, count = self.spec, len(start_s)
        middle = (start_s + end_s) / 2
        first, step = float(middle[0]), float(middle[-1] - middle[0]) / (count - 1)
        off = np.abs(middle - (first + step * np.arange(count))).max()
        if not (step > 0 and off <= step / 2):  # also where a time is NaN
            raise UserError("expected rows of equal distance in time, rising from the first")
        window_s = float(end_s[0] - start_s[0])
        own = spec.window / window_s if window_s > 0 else math.nan
        spec.check_grid(Grid(first, step), fps if fps > 0 else own, "features")
        if not spec.rows:
            return Grid(first, step)
        covered = float(end_s[-1] - start_s[0]) / spec.rows
        return Grid(float(start_s[0]) + covered / 2, covered)


def interpolated(rows: np.ndarray, count: int) -> np.ndarray:
    """Returns `count` rows between rows [T, C], float32: linear, the ends of both at the same time.

    Rows are intervals: row j of the result lies at (j + 0.5) * T / count - 0.5, not before row 0
    and not after the last. As PyTorch's interpolate with align_corners=False.
    """
    places = np.maximum((np.arange(count) + 0.5) * (len(rows) / count) - 0.5, 0)
    below = np.minimum(places.astype(np.int64), len(rows) - 1)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (places - below).astype(np.float32)[:, None]
    low, high = (np.asarray(rows[at], np.float32) for at in (below, above))
    return low * (1 - share) + high * share


def _not_finite(rows):
    """Returns a phrase on the numbers of rows [T, C] that are not finite as float32."""
    with np.errstate(over="ignore"):
        wrong = ~np.isfinite(np.asarray(rows, np.float32)).all(axis=1)
    first = int(np.argmax(wrong))
    most = np.finfo(np.float32).max
    value = next((float(x) for x in rows[first] if not abs(x) <= most), math.inf)
    return f"{value:g} in row {first} ({wrong.sum():,} of {len(rows):,} rows have such)"


def _covered(spec, rate, duration_s):
    """Returns the seconds that rows cover which were pooled to spec.rows: whole strides."""
    if not rate:
        return duration_s
    strides = round(duration_s * rate) // spec.stride
    return strides * spec.stride / rate if strides else duration_s


def _files_of(folder):
    """Returns {name: path} of the files of a folder."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _SUFFIXES or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise BadData(
                f"{path}: expected one file of features for each video, {found[name].name} is there"
            )
        found[name] = path
    if not found:
        raise BadData(f"{folder}: expected .npz, .npy or .csv files of features, found none")
    return found


def _parts_of(path):
    """Returns ({name: array}, {name of a video: slice of rows}) of a .npz file of all videos."""
    if path.suffix != ".npz":
        raise BadData(f"{path}: expected a folder of features, or a .npz file with ids")
    try:
        arrays = npy.mapped_npz(path)
    except (npy.ArrayError, OSError) as error:
        raise BadData(f"{path}: cannot be read: {error}") from error
    ids, features = arrays.pop("ids", np.zeros(0)), arrays.get("features", np.zeros(0))
    if ids.dtype.kind != "U" or ids.ndim != 1 or not features.ndim or len(ids) != len(features):
        raise BadData(f"{path}: expected ids, one for each row of features")
    if not len(ids):
        raise BadData(f"{path}: expected rows of features, found none")
    begins = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    ends = np.r_[begins[1:], len(ids)]
    parts = {str(ids[a]): slice(int(a), int(b)) for a, b in zip(begins, ends, strict=True)}
    if len(parts) < len(begins):
        raise BadData(f"{path}: expected the rows of a video one after the other")
    return {key: arrays[key] for key in ("features", "start_s", "end_s") if key in arrays}, parts


def _span(arrays):
    """Returns (start_s, end_s), float64 [T]; None where the file has no times."""
    count = arrays["features"].shape[0] if arrays["features"].ndim else 0
    times = [arrays[key] for key in ("start_s", "end_s") if key in arrays]
    if not times:
        return None
    if len(times) < 2 or any(one.dtype.kind != "f" or one.shape != (count,) for one in times):
        raise UserError("expected a time of each row in start_s and end_s")
    return tuple(np.array(one, np.float64) for one in times)


def _csv(path):
    if path.stat().st_size > _MOST_CSV_BYTES:
        raise UserError(f"expected a CSV file of at most {_MOST_CSV_BYTES:,} bytes")
    try:
        text = path.read_bytes().decode()
        if "\n" not in text.strip():
            raise ValueError("there is no second line")
        return np.loadtxt(
            io.StringIO(text), np.float32, comments=None, delimiter=",", skiprows=1, ndmin=2
        )
    except ValueError as error:  # of the encoding, too
        reason = str(error).partition("\n")[0]
        raise UserError(f"expected a header and rows of numbers: {reason:.200}") from error


def _kind(array):
    return f"{array.dtype} {list(array.shape)}"

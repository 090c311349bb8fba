"""Turns what --videos names into work items: a folder of classes or a list of videos.

    from data_prep import inputs
    items, class_names = inputs.read("videos")  # one folder per class; or a CSV, an MMAction2 list
    items, class_names = inputs.read("ucfTrainTestlist/trainlist01.txt", video_root="UCF-101")
    items, class_names = inputs.read("splits/*_test_split1.txt", "hmdb51", split="test")

What a list says is checked; what lies in the video files is not looked at.
"""

import csv
import dataclasses
import difflib
import glob
import itertools
import math
import os
import re
import sys
from collections import Counter
from typing import NamedTuple

EXTENSIONS = frozenset(
    ".3gp .asf .avi .divx .f4v .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm"
    " .wmv".split()
)

_MAX_CLASSES = 100_000  # a label index above this is something else, say a date
_UCF101_LIST = re.compile(r"(train|test)list\d+\.txt")
_HMDB51_LIST = re.compile(r"(.+)_test_split(\d+)\.txt")
_HMDB51_MARKS = {"train": "1", "test": "2"}  # 0: in neither
_KINETICS_EXTENSIONS = (".mp4", ".mkv", ".webm")
_SPLIT_NAMES = {"test", "testing", "train", "training", "val", "valid", "validate", "validation"}


class InputError(ValueError):
    """What --videos, --video_root, --split or --labels names cannot be used; one clear line."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One video to be processed.

    Attributes:
      id: path below the root without extension, "@start-end" after it where times are given. The
        extension stays where two files differ in nothing else. Unique among the items.
      path: absolute; the file need not exist.
      label: index into the class names.
      start_s: seconds from the start of the file.
      end_s: likewise; None is the end of the file.
    """

    id: str
    path: str
    label: int
    start_s: float = 0.0
    end_s: float | None = None


class _Request(NamedTuple):
    videos: str
    lines: list[str]  # of the list, if it is one file
    root: str
    split: str | None
    names: list[str] | None  # of --labels


class _Row(NamedTuple):
    where: str  # file:line
    path: str  # as listed
    label: str | int  # name or index
    start_s: float = 0.0
    end_s: float | None = None
    split: str | None = None


def read(videos, video_root=None, split=None, labels=None):
    """Returns the videos to process and the names of their classes.

    Args:
      videos: one of
        a folder with a folder of video files for each class, nested or not;
        a CSV file with the header path,label[,start_s,end_s][,split]; a label is a class name, or
          with `labels` also an index into it, from 0;
        an MMAction2 list, `path label_index` in each line, indices from 0;
        an official UCF101 list (trainlistNN.txt or testlistNN.txt) with classInd.txt beside it;
        the official HMDB51 lists of one split, as a pattern: DIR/*_test_split1.txt;
        an official Kinetics CSV file; the videos are ID_START_END.mp4 (.mkv, .webm; six digits
          each), or whole ones named ID.mp4, in the root or in folders named as the classes.
      video_root: folder that the paths of a list are relative to and must not leave; None is the
        folder of the list.
      split: which rows to take of a CSV file with a column `split`; "train" or "test" for HMDB51.
        The other forms hold one split and are taken whole.
      labels: class names in order: a list, or a text file with a name or `index name` per line.
        None takes the order that the data set fixes, else the sorted names.

    Returns:
      A list of Item, a folder's sorted by path and a list's in its order; a list of str.

    Raises:
      InputError: one line on what was expected, what came and what to do. A missing video is no
        error here, unless all are missing.
    """
    videos = os.fspath(videos)
    try:
        reader, lines = _reader(videos)
        names = None if labels is None else _names(labels)
        request = _Request(videos, lines, _root(videos, video_root), split, names)
        rows, order = reader(request)
        if not rows:
            raise InputError(f"{videos}: expected videos, found none in it")
        names = names or order or _order(rows)
        items = _items(_of_split(rows, request), request.root, names)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from error
    if not any(os.path.isfile(item.path) for item in items):
        raise InputError(
            f"{videos}: none of its {len(items)} videos exists, the first looked for is "
            f"{items[0].path}; check --video_root"
        )
    return items, names


def _reader(videos):
    """Returns the function for what `videos` is, and its lines if it is a file."""
    name = os.path.basename(videos)
    if os.path.isdir(videos):
        return _folder, []
    if not os.path.exists(videos):
        if set(videos) & set("*?["):
            return _hmdb51, []
        raise InputError(f"--videos: expected a folder or a list, {videos!r} does not exist")
    if os.path.splitext(name)[1].lower() in EXTENSIONS:
        raise InputError(f"--videos: expected a folder or a list of videos, {videos} is a video")
    if match := _HMDB51_LIST.fullmatch(name):
        pattern = os.path.join(os.path.dirname(videos), f"*_test_split{match[2]}.txt")
        raise InputError(f"{videos}: lists one class of HMDB51; name all by --videos='{pattern}'")
    lines = _lines(videos)
    return _ucf101 if _UCF101_LIST.fullmatch(name) else _list_reader(videos, lines), lines


def _list_reader(videos, lines):
    where, first = next(_numbered(videos, lines), (videos, ""))
    columns = {cell.strip() for cell in first.replace('"', "").split(",")}
    if "youtube_id" in columns:
        return _kinetics
    if columns & {"path", "label"}:
        return _csv
    if re.fullmatch(r".*\S\s+[-+]?\d+", first):
        return _mmaction2
    raise InputError(
        f"{where}: expected a header path,label[,start_s,end_s][,split], the header of a Kinetics "
        f"CSV file or lines `path label_index`, got {first[:80]!r}"
    )


def _root(videos, video_root):
    is_folder = os.path.isdir(videos)
    if video_root is None:
        return os.path.abspath(videos if is_folder else os.path.dirname(videos))
    if not os.path.isdir(video_root):
        raise InputError(f"--video_root: expected a folder, got {os.fspath(video_root)!r}")
    if is_folder and not os.path.samefile(videos, video_root):
        raise InputError(f"--video_root goes with a list, {videos} is a folder; leave it out")
    return os.path.abspath(video_root)


# The forms: each function takes a _Request and returns a list of _Row, and the class names where
# the form fixes their order, else None.


def _folder(request):
    rows, others = [], Counter()
    classes = [entry.name for entry in _entries(request.root) if entry.is_dir()]
    if set(classes) <= _SPLIT_NAMES - set(request.names or ()):
        raise InputError(
            f"{request.videos}: expected a folder for each class, found "
            f"{', '.join(classes) or 'none'}; name the folder of one split, or the file of a list "
            "(DIR/*_test_split1.txt for HMDB51)"
        )
    for path in _files(request.root):
        name = path[len(os.path.join(request.root, "")) :]
        extension = os.path.splitext(name)[1].lower()
        if extension in EXTENSIONS:
            rows.append(_Row(_printable(path), name, _class_folder(name, path)))
        else:
            others[extension or "no extension"] += 1
    empty = sorted(set(classes) - {row.label for row in rows})
    if empty and request.names is None:
        raise InputError(
            f"{os.path.join(request.videos, empty[0])}: expected videos of a class, found none; "
            "remove the folder, or name the classes by --labels"
        )
    if others:
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(others.items()))
        print(f"{request.videos}: left out files that are no videos ({counts})", file=sys.stderr)
    return sorted(rows, key=lambda row: row.path), None


def _class_folder(name, path):
    folder, separator, _ = name.partition(os.sep)
    if not separator:
        raise InputError(f"{path}: expected videos in folders of classes; move it into one")
    return folder


def _csv(request):
    rows, known = [], set(request.names or ())
    for where, cells in _table(request, ("path", "label"), ("start_s", "end_s", "split")):
        label = _filled(cells, "label", where)
        if label.isdecimal() and label not in known:
            if request.names is None:
                raise InputError(
                    f"{where}: expected the name of a class, got {label!r}; for indices give the "
                    "names in order by --labels"
                )
            label = int(label)
        split = _filled(cells, "split", where) if "split" in cells else None
        times = _times(cells.get("start_s"), cells.get("end_s"), where)
        rows.append(_Row(where, _filled(cells, "path", where), label, *times, split))
    return rows, None


def _mmaction2(request):
    rows = []
    for where, line in _numbered(request.videos, request.lines):
        path, label = _last_word(line)
        if not path or not label.isdecimal():
            raise InputError(f"{where}: expected `path label_index`, got {line[:80]!r}")
        rows.append(_Row(where, path, int(label)))
    return rows, None


def _ucf101(request):
    order_file = os.path.join(os.path.dirname(request.videos), "classInd.txt")
    order = _names(order_file) if os.path.exists(order_file) else []
    if not order and not request.names:
        raise InputError(
            f"{request.videos}: expected classInd.txt beside this list of UCF101; put it there, or "
            "name the classes in order by --labels"
        )
    numbers = {name.casefold(): str(i) for i, name in enumerate(order, 1)}
    spelling = {name.casefold(): name for name in request.names or order}
    rows = []
    for where, line in _numbered(request.videos, request.lines):
        path, number = _last_word(line)
        if not number.isdecimal():  # test lists have none
            path, number = line, ""
        folder, slash, _ = path.partition("/")
        expected = numbers.get(folder.casefold(), number)
        if not slash or number not in ("", expected):
            raise InputError(
                f"{where}: expected CLASS/VIDEO.avi {expected} (by classInd.txt), got {line[:80]!r}"
            )
        label = spelling.get(folder.casefold(), folder)
        rows.append(_Row(where, _respelled(path, request.root), label))
    return rows, order


def _respelled(path, root):
    """Returns the path with HandstandPushups or HandStandPushups, whichever exists.

    The official folder and its files spell this one class differently, and copies vary.
    """
    parts = re.split("(?i:(handstandpushups))", path)
    if len(parts) == 1 or os.path.exists(os.path.join(root, path)):
        return path
    spellings = ("HandstandPushups", "HandStandPushups")
    for words in itertools.product(spellings, repeat=len(parts) // 2):
        parts[1::2] = words
        if os.path.exists(os.path.join(root, "".join(parts))):
            return "".join(parts)
    return path


def _hmdb51(request):
    if request.split not in _HMDB51_MARKS:
        raise InputError(f"--split: expected train or test for HMDB51, got {request.split!r}")
    rows, files = [], _hmdb51_files(request.videos)
    for label, file in sorted(files.items()):
        for where, line in _numbered(file, _lines(file)):
            name, mark = _last_word(line)
            if not name or mark not in ("0", "1", "2"):
                raise InputError(f"{where}: expected `NAME.avi 0`, 1 or 2, got {line[:80]!r}")
            if mark == _HMDB51_MARKS[request.split]:
                rows.append(_Row(where, f"{label}/{name}", label))
    return rows, sorted(files)


def _hmdb51_files(pattern):
    """Returns {class: file} of the lists that match."""
    lists = {file: _HMDB51_LIST.fullmatch(os.path.basename(file)) for file in glob.glob(pattern)}
    others = sorted(file for file, match in lists.items() if not match)
    kinds = {(os.path.dirname(file), match[2]) for file, match in lists.items() if match}
    if others or len(kinds) != 1:
        came = others[0] if others else "more than one split" if kinds else "no file"
        raise InputError(
            f"--videos: expected a pattern for the lists of one split of HMDB51, say "
            f"DIR/*_test_split1.txt; {pattern!r} matches {came}"
        )
    return {match[1]: file for file, match in lists.items()}


def _kinetics(request):
    rows, places = [], {}
    whole_root = ("", set(os.listdir(request.root)))
    needed = ("label", "youtube_id", "time_start", "time_end")
    for where, cells in _table(request, needed, ("split", "is_cc")):
        label, video, start, end = (_filled(cells, column, where) for column in needed)
        split = _filled(cells, "split", where) if "split" in cells else None
        start, end = _times(start, end, where)
        if label not in places:
            places[label] = [*_class_places(request.root, label), whole_root]
        trimmed = f"{video}_{int(start):06d}_{int(end):06d}"
        path = _kinetics_file(places[label], trimmed)
        whole = None if path else _kinetics_file(places[label], video)
        times = (start, end) if whole else (0.0, None)
        path = path or whole or f"{places[label][0][0]}{trimmed}.mp4"
        rows.append(_Row(where, path, label, *times, split))
    return rows, None


def _class_places(root, label):
    """Yields (path below the root, names in it) of the folders that the class may have."""
    for folder in dict.fromkeys((label, label.replace(" ", "_"))):
        if os.path.isdir(os.path.join(root, folder)):
            yield f"{folder}/", set(os.listdir(os.path.join(root, folder)))


def _kinetics_file(places, stem):
    for folder, there in places:
        for extension in _KINETICS_EXTENSIONS:
            if stem + extension in there:
                return folder + stem + extension
    return None


# From rows to items.


def _of_split(rows, request):
    found = sorted({row.split for row in rows if row.split is not None})
    if not found or request.split is None and len(found) == 1:
        return rows
    if request.split not in found:
        raise InputError(
            f"{request.videos}: expected --split to be one in its column split "
            f"({', '.join(found[:10])}), got {request.split!r}"
        )
    return [row for row in rows if row.split == request.split]


def _order(rows):
    if isinstance(rows[0].label, str):
        return sorted({row.label for row in rows})
    last = max(rows, key=lambda row: row.label)
    if last.label >= _MAX_CLASSES:
        raise InputError(f"{last.where}: expected the index of a class, got {last.label}")
    return [str(index) for index in range(last.label + 1)]


def _items(rows, root, names):
    index = {name: i for i, name in enumerate(names)}
    inside = os.path.join(root, "")
    seen, labels = {}, []
    for row in rows:
        path = os.path.normpath(os.path.join(root, row.path))
        if not path.startswith(inside):
            raise InputError(
                f"{row.where}: expected a path inside {root}, got {row.path!r}; give the folder "
                "that holds the videos by --video_root"
            )
        key = (path, row.start_s, row.end_s)
        if key in seen:
            raise InputError(
                f"{row.where}: expected each video once, {row.path!r} came at {seen[key]} already; "
                "remove one of the lines"
            )
        seen[key] = row.where
        labels.append(_index(row, index))
    ids = _ids(seen, len(inside))
    return [
        Item(name, path, label, start, end)
        for name, label, (path, start, end) in zip(ids, labels, seen, strict=True)
    ]


def _index(row, index):
    label = row.label
    if isinstance(label, str):
        if label in index:
            return index[label]
        near = difflib.get_close_matches(label, index, 1, cutoff=0)[0]
        raise InputError(
            f"{row.where}: expected one of {len(index)} classes, got {label!r}, the nearest is "
            f"{near!r}; correct it, or --labels"
        )
    if label >= len(index):
        raise InputError(
            f"{row.where}: expected a label from 0 to {len(index) - 1}, got {label}; correct it, "
            "or --labels"
        )
    return label


def _ids(keys, skip):
    """Returns a unique id for each (path, start, end); `skip` characters of path are the root."""
    whole = [(path[skip:].replace(os.sep, "/"), _stamp(start, end)) for path, start, end in keys]
    short = [os.path.splitext(path)[0] + stamp for path, stamp in whole]
    count = Counter(short)
    count.update(path + stamp for path, stamp in whole)
    return [
        name if count[name] == 1 else path + stamp
        for name, (path, stamp) in zip(short, whole, strict=True)
    ]


def _stamp(start, end):
    if not start and end is None:
        return ""
    texts = ("" if time is None else str(time).removesuffix(".0") for time in (start, end))
    return "@" + "-".join(texts)


# Reading folders and text.


def _entries(folder):
    """Returns the entries of a folder that are not hidden, sorted by name."""
    with os.scandir(folder) as entries:
        shown = (entry for entry in entries if not entry.name.startswith("."))
        return sorted(shown, key=lambda entry: entry.name)


def _files(folder, above=()):
    """Yields the files below a folder; links are followed."""
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise InputError(f"{folder}: is a link to a folder that it lies in; remove it")
    for entry in _entries(folder):
        if entry.is_dir():
            yield from _files(entry.path, (*above, here))
        else:
            yield entry.path


def _printable(path):
    """Returns the path if it can be written down as UTF-8, as records must."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InputError(f"{path!r}: expected a file name in UTF-8; rename it") from None
    return path


def _lines(file):
    """Returns the lines of a UTF-8 text file, without the spaces at their ends."""
    with open(file, "rb") as stream:
        data = stream.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{file}:{line}: expected text in UTF-8; save the file so") from None
    if "\0" in text:
        raise InputError(f"{file}: expected text in UTF-8, it holds zero bytes; save the file so")
    return [line.strip() for line in re.split("\r\n|\r|\n", text)]


def _numbered(file, lines):
    """Yields ("file:line", line) of the lines that are not blank."""
    return ((f"{file}:{i}", line) for i, line in enumerate(lines, 1) if line)


def _last_word(line):
    """Returns what stands before the last space, and the word after it."""
    *before, word = line.rsplit(maxsplit=1)
    return "".join(before), word


def _names(labels):
    if isinstance(labels, str | os.PathLike):
        source = os.fspath(labels)
        names = _without_index([line for _, line in _numbered(source, _lines(source))], source)
    else:
        source, names = "labels", list(labels)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if not names or repeated:
        came = f"{repeated[0]!r} twice" if repeated else "none"
        raise InputError(f"{source}: expected the name of each class once, got {came}")
    return names


def _without_index(names, source):
    """Returns the names in the order of the numbers before them, if all have one."""
    pairs = [re.fullmatch(r"(\d+)\s+(.+)", name) for name in names]
    if not pairs or None in pairs:
        return names
    numbered = sorted((int(pair[1]), pair[2]) for pair in pairs)
    first = numbered[0][0]
    if first > 1 or [number for number, _ in numbered] != list(range(first, first + len(names))):
        raise InputError(f"{source}: expected `index name` from 0 or 1 without gaps")
    return [name for _, name in numbered]


def _table(request, needed, optional):
    """Yields ("file:line", {column: cell}) of a CSV file that has just these columns."""
    header, last = None, 0
    reader = csv.reader(request.lines, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            where = f"{request.videos}:{last + 1}"
            if reader.line_num > last + 1:
                raise csv.Error("a quote is not closed")
            last = reader.line_num
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if header is None:
                header = _checked(cells, needed, optional, where)
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{where}: expected {len(header)} cells as in the header, got {len(cells)}; a "
                    "cell that holds a comma needs quotes"
                )
            yield where, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise InputError(f"{request.videos}:{last + 1}: expected CSV: {error}") from None


def _checked(header, needed, optional, where):
    missing = [column for column in needed if column not in header]
    unknown = [column for column in header if column not in needed + optional]
    problems = [f"{', '.join(missing)} missing"] * bool(missing)
    problems += [f"{', '.join(map(repr, unknown))} not known"] * bool(unknown)
    problems += ["a column twice"] * (len(set(header)) < len(header))
    if problems:
        expected = ",".join(needed) + "".join(f"[,{column}]" for column in optional)
        raise InputError(
            f"{where}: expected the columns {expected}, here {'; '.join(problems)}; correct the "
            "header (videos without labels cannot be used)"
        )
    return header


def _filled(cells, column, where):
    if not cells[column]:
        raise InputError(f"{where}: expected a value for {column}, the cell is empty; fill it in")
    return cells[column]


def _times(start, end, where):
    """Returns (start_s, end_s) of two cells; an empty one means the start or end of the file."""
    start_s = _seconds(start, where) if start else 0.0
    end_s = _seconds(end, where) if end else None
    if end_s is not None and end_s <= start_s:
        raise InputError(f"{where}: expected an end after the start, got {start or 0} to {end}")
    return start_s, end_s


def _seconds(text, where):
    try:
        seconds = -1.0 if "_" in text else float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise InputError(f"{where}: expected a time in seconds, 0 or more, got {text!r}")
    return seconds

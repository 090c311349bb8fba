"""Reads lists of videos: CSV, MMAction2, and the official ones of UCF101, HMDB51 and Kinetics.

    rows, class_names = lists.read_ucf101(request)

Each reader takes a Request and returns a list of Row, and the class names in order where the form
fixes it, else None. The forms themselves are told in `inputs.read`.
"""

import glob
import os
import re
import unicodedata

from i3d.runtime.labels import UNLABELLED, class_names, composed, shortened
from i3d.runtime.text import InputError, filled, last_word, number, read_lines, table, times
from i3d.video.inputs.rows import Row, index
from i3d.video.lists import parsed

UCF101_LIST = re.compile(r"(train|test)list\d+\.txt")
HMDB51_LIST = re.compile(r"(.+)_test_split(\d+)\.txt")

_HMDB51_MARKS = {"train": "1", "test": "2"}  # 0: in neither
_HANDSTAND = re.compile("handstandpushups", re.IGNORECASE)
_HANDSTAND_SPELLINGS = ("HandstandPushups", "HandStandPushups")
_KINETICS_EXTENSIONS = (".mp4", ".mkv", ".webm")


def read_csv(request):
    """Reads path[,label][,start_s,end_s][,split]; labels are names, or indices into --labels.

    Several of a video stand in one cell, between semicolons. Without the column, all videos are
    unlabelled.
    """
    rows, known = [], set(request.names or ())
    needed, optional = ("path", "label"), ("start_s", "end_s", "split")
    if not request.names:
        needed, optional = needed[:1], needed[1:] + optional
    for where, cells in table(request.lines, needed, optional):
        cell = filled(cells, "label", where) if "label" in cells else UNLABELLED
        if ";" in cell and composed(cell) not in known:
            labels = tuple(_csv_label(word.strip(), known, where) for word in cell.split(";"))
        else:
            labels = (_csv_label(cell, known, where),)
        split = filled(cells, "split", where)
        start_s, end_s = times(cells.get("start_s"), cells.get("end_s"), where)
        rows.append(Row(where, filled(cells, "path", where), labels, start_s, end_s, split))
    return rows, None


def _csv_label(word, known, where):
    """Returns the name of a class, or its index where the names are known."""
    if not word:
        raise InputError(f"{where}: expected labels between semicolons, one is empty; fill it in")
    if not word.isdecimal() or word in known:
        return word
    if not known:
        raise InputError(
            f"{where}: expected the name of a class, got {shortened(word)}; for indices give the "
            "names in order by --labels"
        )
    return index(word, where)


def is_mmaction2(line):
    """Returns whether a list that begins with this line is one of MMAction2's."""
    words = line.split()
    return len(words) > 1 and words[-1].lstrip("+-").isdecimal()


def read_mmaction2(request):
    """Reads the lists of i3d.video.lists, whose labels are indices."""
    rows = []
    for where, path, words, first, count in parsed(
        request.lines, request.root, request.with_offset
    ):
        labels = tuple(map(number, words))
        if not labels or None in labels:
            line = dict(request.lines)[where]
            raise InputError(f"{where}: expected `path label_index`, got {line[:80]!r}")
        rows.append(Row(where, path, labels, first=first, count=count))
    return rows, None


def read_ucf101(request):
    """Reads `CLASS/VIDEO.avi [number]` in each line; numbers are those of classInd.txt."""
    kind = os.path.basename(request.videos)[: -len("list01.txt")]
    if request.split in ("train", "test") and request.split != kind:
        raise InputError(
            f"{request.videos}: is the {kind} list, but the split is {request.split!r}; "
            f"give --split={kind}"
        )
    order = _ucf101_order(request)
    numbers = {name.casefold(): str(i) for i, name in enumerate(order, 1)}
    spelling = {name.casefold(): name for name in request.names or order}
    rows = []
    for where, line in request.lines:
        path, number = last_word(line)
        if not number.isdecimal():  # test lists have none
            path, number = line, ""
        folder, slash, _ = path.partition("/")
        expected = numbers.get(folder.casefold(), number)
        if not slash or number not in ("", expected):
            raise InputError(
                f"{where}: expected CLASS/VIDEO.avi {expected[:9]} (by classInd.txt), got "
                f"{line[:80]!r}"
            )
        label = spelling.get(folder.casefold(), folder)
        rows.append(Row(where, _respelled(path, request.root), (label,)))
    return rows, order


def _ucf101_order(request):
    file = os.path.join(os.path.dirname(request.videos), "classInd.txt")
    order = class_names(file) if os.path.exists(file) else []
    if not order and not request.names:
        raise InputError(
            f"{request.videos}: expected classInd.txt beside this list of UCF101; put it there, or "
            "name the classes in order by --labels"
        )
    return order


def _respelled(path, root):
    """Returns the path with HandstandPushups or HandStandPushups, whichever exists.

    The official folder and its files spell this one class differently, and copies vary.
    """
    if not _HANDSTAND.search(path) or os.path.exists(os.path.join(root, path)):
        return path
    found = ""
    for name in path.split("/"):
        spellings = (name, *(_HANDSTAND.sub(word, name) for word in _HANDSTAND_SPELLINGS))
        below = (os.path.join(found, spelling) for spelling in spellings)
        found = next((p for p in below if os.path.exists(os.path.join(root, p))), None)
        if found is None:
            return path
    return found


def read_hmdb51(request):
    """Reads `NAME.avi mark` in the file of each class; marks 1 and 2 are train and test."""
    if request.split not in _HMDB51_MARKS:
        raise InputError(f"--split: expected train or test for HMDB51, got {request.split!r}")
    rows, files = [], _hmdb51_files(request.videos)
    for label, file in sorted(files.items()):
        for where, line in read_lines(file):
            name, mark = last_word(line)
            if not name or mark not in ("0", "1", "2"):
                raise InputError(f"{where}: expected `NAME.avi 0`, 1 or 2, got {line[:80]!r}")
            if mark == _HMDB51_MARKS[request.split]:
                rows.append(Row(where, f"{label}/{name}", (label,)))
    return rows, sorted(files)


def _hmdb51_files(pattern):
    """Returns {class: file} of the lists that match."""
    lists = {file: HMDB51_LIST.fullmatch(os.path.basename(file)) for file in glob.glob(pattern)}
    others = sorted(file for file, match in lists.items() if not match)
    kinds = {(os.path.dirname(file), match[2]) for file, match in lists.items() if match}
    if others or len(kinds) != 1:
        came = others[0] if others else "more than one split" if kinds else "no file"
        raise InputError(
            f"--videos: expected a pattern for the lists of one split of HMDB51, say "
            f"DIR/*_test_split1.txt; {pattern!r} matches {came}"
        )
    return {match[1]: file for file, match in lists.items()}


def read_kinetics(request):
    """Reads label,youtube_id,time_start,time_end[,split][,is_cc]; finds trimmed or whole files."""
    rows, places = [], {}
    whole_root = ("", set(os.listdir(request.root)))
    needed = ("label", "youtube_id", "time_start", "time_end")
    for where, cells in table(request.lines, needed, ("split", "is_cc")):
        label, video, start, end = (filled(cells, column, where) for column in needed)
        split = filled(cells, "split", where)
        start, end = times(start, end, where)
        if label not in places:
            places[label] = [*_class_places(request.root, label), whole_root]
        trimmed = f"{video}_{int(start):06d}_{int(end):06d}"
        path = _kinetics_file(places[label], trimmed)
        whole = None if path else _kinetics_file(places[label], video)
        start_s, end_s = (start, end) if whole else (0.0, None)
        path = path or whole or f"{places[label][0][0]}{trimmed}.mp4"
        rows.append(Row(where, path, (label,), start_s, end_s, split))
    return rows, None


def _class_places(root, label):
    """Yields (path below the root, names in it) of the folders that the class may have."""
    spellings = [unicodedata.normalize(form, label) for form in ("NFC", "NFD")]
    folders = [label, *spellings]
    for folder in dict.fromkeys([*folders, *(name.replace(" ", "_") for name in folders)]):
        if os.path.isdir(os.path.join(root, folder)):
            yield f"{folder}/", set(os.listdir(os.path.join(root, folder)))


def _kinetics_file(places, stem):
    for folder, there in places:
        for extension in _KINETICS_EXTENSIONS:
            if stem + extension in there:
                return folder + stem + extension
    return None

"""Reads a folder that holds a folder of videos for each class, or videos without classes.

    rows, _ = folder.read_folder(request)  # Row("/data/jump/a.mp4", "jump/a.mp4", ("jump",))

Hidden files are passed over, links are followed, what is no video is counted aloud. A folder of
images below that of a class is a video where their rate is given; with `stills`, other images are
taken one by one.
"""

import os
import sys
from collections import Counter, defaultdict

from i3d.runtime.labels import UNLABELLED, composed
from i3d.runtime.text import InputError
from i3d.video import pictures
from i3d.video.images import is_image
from i3d.video.inputs.rows import Row
from i3d.video.lists import is_video_name

_SPLIT_NAMES = {"test", "testing", "train", "training", "val", "valid", "validate", "validation"}
_MAY_BE_STILL = (".gif", ".webp")


def is_video(path):
    """Returns whether a file is a video, by its name; GIF and WebP where they are animated."""
    if not is_video_name(path):
        return False
    return not path.lower().endswith(_MAY_BE_STILL) or pictures.is_animated(path)


def _is_still(path):
    return is_image(os.path.basename(path))


def read_folder(request):
    """Returns a Row for each video of the folder, sorted by path, and None."""
    if found := _without_classes(request):
        return found, [UNLABELLED]
    classes = _classes(request)
    videos, of_images, others = [], [], Counter()
    for folder, files in _folders(request.root):
        found = [path for path in files if is_video(path)]
        in_class = os.path.dirname(folder) != request.root != folder
        stills = list(filter(_is_still, files))
        is_one = in_class and not found and stills and (request.image_fps or not request.stills)
        if request.stills and not is_one:
            found = sorted({*found, *stills})
        videos += found
        if is_one:
            of_images.append(folder)
        elif len(found) < len(files):
            others.update(_kind(path) for path in set(files).difference(found))
    rows = [_row(path, request) for path in videos]
    if request.image_fps:
        rows += [_row(path, request) for path in of_images]
    _check_classes(classes, rows, of_images, request)
    _tell(request, others, [] if request.image_fps else of_images)
    return sorted(rows, key=lambda row: row.path), None


def _without_classes(request):
    """Returns a Row for each video of a folder that holds no other folder, else none."""
    entries = _entries(request.root)
    paths = [entry.path for entry in entries]
    videos = [path for path in paths if is_video(path) or request.stills and _is_still(path)]
    if any(entry.is_dir() for entry in entries) or not videos:
        return []
    if request.names:
        raise InputError(
            f"{videos[0]}: --labels goes with folders of classes, and this folder has none"
        )
    _tell(request, Counter(_kind(path) for path in set(paths).difference(videos)), [])
    return [Row(_printable(path), os.path.basename(path), (UNLABELLED,)) for path in videos]


def _row(path, request):
    name = path[len(os.path.join(request.root, "")) :]
    folder, separator, _ = name.partition(os.sep)
    if not separator:
        raise InputError(
            f"{path}: expected videos in folders of classes, or without classes all in one folder; "
            "move it into one of the folders beside it"
        )
    return Row(_printable(path), name, (folder,))


def _kind(path):
    extension = os.path.splitext(path)[1].lower()
    still = "still " if extension in _MAY_BE_STILL else ""
    return still + (extension or "no extension")


def _check_classes(classes, rows, of_images, request):
    """Raises InputError where a class is empty, or two have one name in composed form."""
    spellings = defaultdict(list)
    for name in classes:
        spellings[composed(name)].append(name)
    for name, same in spellings.items():
        if len(same) > 1:
            raise InputError(
                f"{request.videos}: the folders {', '.join(map(ascii, same))} have one name, "
                f"{name!r}, in two forms of Unicode; put their videos together"
            )
    empty = sorted(set(classes) - {row.labels[0] for row in rows})
    if not empty or request.names is not None and rows:
        return
    folder = os.path.join(request.videos, empty[0])
    below = os.path.join(request.root, empty[0], "")
    if first := next((path for path in of_images if path.startswith(below)), None):
        if request.image_fps is None:
            raise InputError(f"{first}: is a folder of images; give --image_fps, their rate")
        raise InputError(f"{first}: expected video files, got a folder of images")
    if request.stills:
        raise InputError(f"{folder}: expected videos or images of a class, found none; remove it")
    if request.image_fps is False:
        raise InputError(f"{folder}: expected videos of a class, found none; remove the folder")
    raise InputError(
        f"{folder}: expected videos of a class (files, or with --image_fps folders of images in "
        "it), found none; remove the folder, or name the classes by --labels"
    )


def _tell(request, others, of_images):
    """Prints what is left out."""
    if others:
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(others.items()))
        print(f"{request.videos}: left out files that are no videos ({counts})", file=sys.stderr)
    if of_images:
        takes = "" if request.image_fps is False else "; --image_fps=25, say, takes them as videos"
        print(
            f"{request.videos}: left out folders of images ({len(of_images)}, the first is "
            f"{of_images[0]}){takes}",
            file=sys.stderr,
        )


def _classes(request):
    """Returns the names of the folders in the root, which must not be those of splits."""
    classes = [entry.name for entry in _entries(request.root) if entry.is_dir()]
    if set(classes) <= _SPLIT_NAMES - set(request.names or ()):
        raise InputError(
            f"{request.videos}: expected a folder for each class, found "
            f"{', '.join(classes) or 'none'}; name the folder of one split, or the file of a list "
            "(DIR/*_test_split1.txt for HMDB51)"
        )
    return classes


def _entries(folder):
    """Returns the entries of a folder that are not hidden, sorted by name."""
    with os.scandir(folder) as entries:
        shown = (entry for entry in entries if not entry.name.startswith("."))
        return sorted(shown, key=lambda entry: entry.name)


def _folders(folder, above=()):
    """Yields (folder, paths of its files) of a folder and all below; links are followed."""
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise InputError(f"{folder}: is a link to a folder that it lies in; remove it")
    entries = _entries(folder)
    below = [entry.path for entry in entries if entry.is_dir()]
    yield folder, [entry.path for entry in entries if not entry.is_dir()]
    for path in below:
        yield from _folders(path, (*above, here))


def _printable(path):
    """Returns the path if it can be written down as UTF-8, as records must."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InputError(f"{path!r}: expected a file name in UTF-8; rename it") from None
    return path

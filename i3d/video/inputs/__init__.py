"""Reads what --videos names, a folder of classes or a list of videos, into work items.

    from i3d.video import inputs
    items, class_names = inputs.read("videos")  # one folder per class; or a CSV, an MMAction2 list
    items, class_names = inputs.read("ucfTrainTestlist/trainlist01.txt", video_root="UCF-101")
    items, class_names = inputs.read("splits/*_test_split1.txt", "hmdb51", split="test")
    items, class_names = inputs.read("frames", image_fps=25)  # each video a folder of images

What a list says is checked; what lies in the video files is not looked at.
"""

import os

from i3d.runtime.labels import class_names
from i3d.runtime.text import InputError, read_lines, table
from i3d.video import images
from i3d.video.inputs import lists
from i3d.video.inputs.folder import is_video, read_folder
from i3d.video.inputs.rows import (
    Item,
    Request,
    from_zero,
    items,
    names_in,
    of_split,
)
from i3d.video.lists import is_video_name
from i3d.video.source import IS_IMAGE

__all__ = ["InputError", "Item", "is_video", "read", "splits"]

_CSV_COLUMNS = tuple(
    "path label start_s end_s youtube_id time_start time_end is_cc".split()
)  # of both forms


def read(
    videos,
    video_root=None,
    split=None,
    labels=None,
    *,
    first_label=None,
    image_fps=False,
    with_offset=None,
    stills=False,
):
    """Returns the videos to process and the names of their classes.

    Args:
      videos: one of
        a folder with a folder of videos for each class, nested or not; a video is a file, or with
          image_fps also a folder of images;
        a folder of video files and no other folders: they are all of one class, UNLABELLED of
          i3d.runtime.labels;
        a CSV file with the header `path[,label][,start_s,end_s][,split]`; a label is a class name,
          or with `labels` also an index into it; several stand between semicolons; without the
          column, as a folder of video files;
        an MMAction2 list of videos, `path label ...`, or of folders of images, `dir num_frames
          label ...` or `dir offset num_frames label ...`; labels are indices;
        an official UCF101 list (trainlistNN.txt or testlistNN.txt) with classInd.txt beside it;
        the official HMDB51 lists of one split, as a pattern: DIR/*_test_split1.txt;
        an official Kinetics CSV file; the videos are ID_START_END.mp4 (.mkv, .webm; six digits
          each), or whole ones named ID.mp4, in the root or in folders named as the classes.
      video_root: folder that the paths of a list are relative to and must not leave; None is the
        folder of the list.
      split: which rows to take of a CSV file with a column `split`; "train" or "test" for HMDB51.
        The other forms hold one split and are taken whole.
      labels: class names in order: a list, or a file (see i3d.runtime.labels).
        None takes the order that the data set fixes, else the sorted names.
      first_label: the index of the first class in the list; None is 0, and refuses a list in which
        it does not occur.
      image_fps: images per second of folders of images; None where they are not given, False where
        they cannot be: messages do not ask for --image_fps then.
      with_offset: whether lines on folders of images have an offset; None finds out.
      stills: whether images of a folder are taken too, each by itself; with image_fps those of a
        folder without videos stay a video.

    Returns:
      A list of Item, a folder's sorted by path and a list's in its order; a list of str.

    Raises:
      InputError: one line on what was expected, what came and what to do. A missing video is no
        error here, unless all are missing.
    """
    videos = os.fspath(videos)
    try:
        reader, lines = _reader(videos)
        names = None if labels is None else class_names(labels)
        root = _root(videos, video_root)
        request = Request(videos, lines, root, split, names, first_label, image_fps, with_offset)
        request = request._replace(stills=stills)
        rows, order = reader(request)
        if not rows:
            raise InputError(f"{videos}: expected videos, found none in it")
        rows = from_zero(rows, request)
        names = names or order or names_in(rows, videos)
        found = items(of_split(rows, request), request, names)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from error
    if not any(item.images or os.path.isfile(item.path) for item in found):
        raise InputError(
            f"{videos}: none of its {len(found)} videos exists, the first looked for is "
            f"{found[0].path[:300]}; check --video_root"
        )
    return found, names


def splits(videos: str | os.PathLike) -> tuple[str, ...]:
    """Returns the names that `read` takes as `split`, sorted; () where a form holds just one split.

    Those are the names in the column `split` of a CSV file; "test" and "train" of a pattern for
    HMDB51's lists.

    Args:
      videos: as for `read`.

    Raises:
      InputError: the CSV file cannot be read.
    """
    videos = os.fspath(videos)
    if not os.path.exists(videos):
        return ("test", "train") if set(videos) & set("*?[") else ()
    if os.path.isdir(videos) or is_video_name(os.path.basename(videos)):
        return ()
    try:
        lines = read_lines(videos)
    except OSError as error:
        raise InputError(f"{videos}: cannot be read: {error.strerror}") from error
    first = lines[0][1].replace('"', "").split(",") if lines else []
    if "split" not in {cell.strip() for cell in first}:
        return ()
    cells = (cells["split"] for _, cells in table(lines, ("split",), _CSV_COLUMNS))
    return tuple(sorted(set(filter(None, cells))))


def _reader(videos):
    """Returns the function for what `videos` is, and its lines if it is a file."""
    name = os.path.basename(videos)
    if os.path.isdir(videos):
        return read_folder, []
    if not os.path.exists(videos):
        if set(videos) & set("*?["):
            return lists.read_hmdb51, []
        raise InputError(f"--videos: expected a folder or a list, {videos!r} does not exist")
    if is_video_name(name):
        raise InputError(f"--videos: expected a folder or a list of videos, {videos} is a video")
    if images.is_image(name):
        raise InputError(f"--videos: {videos} {IS_IMAGE}")
    if match := lists.HMDB51_LIST.fullmatch(name):
        pattern = os.path.join(os.path.dirname(videos), f"*_test_split{match[2]}.txt")
        raise InputError(f"{videos}: lists one class of HMDB51; name all by --videos='{pattern}'")
    lines = read_lines(videos)
    if lists.UCF101_LIST.fullmatch(name):
        return lists.read_ucf101, lines
    return _list_reader(*(lines[0] if lines else (videos, ""))), lines


def _list_reader(where, first):
    """Returns the function for a list that begins with this line."""
    columns = {cell.strip() for cell in first.replace('"', "").split(",")}
    if "youtube_id" in columns:
        return lists.read_kinetics
    if columns & {"path", "label"}:
        return lists.read_csv
    if lists.is_mmaction2(first):
        return lists.read_mmaction2
    raise InputError(
        f"{where}: expected a header path[,label][,start_s,end_s][,split], the header of a "
        f"Kinetics CSV file or lines `path label_index`, got {first[:80]!r}"
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

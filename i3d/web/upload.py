"""Reads a request that brings a video.

    upload.check_head(request, most_bytes=10**8)       # before the body is read
    video = upload.read(request, job.folder, shown=("timeline",))

Names that a client gives are written in answers, never used for files.
"""

import contextlib
import errno
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from werkzeug import exceptions
from werkzeug.wrappers import Request

from i3d.inference import label_check
from i3d.inference.text import Text, labels_of
from i3d.runtime.command import UserError
from i3d.runtime.text import printable

MOST_LABELS = 100  # each is 16 prompts for a text tower
UPLOAD_S = 600.0  # from the header to the end of the body
_LONGEST_NAME = 200  # letters
_LONGEST_LABEL = 500
_MOST_FIELDS, _FIELD_BYTES = 50, 500_000
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NoRoom(exceptions.HTTPException):
    """The disk of the server is full."""

    code = 507


class Video(NamedTuple):
    """An upload, and what is asked about it.

    Attributes:
      path: of the file.
      name: what the client calls it, for answers alone.
      models: names of networks, at least one once `Networks.check` has passed.
      labels: for networks with a text tower, () for none.
      show: what is asked for beside the classes.
    """

    path: Path
    name: str
    models: list[str]
    labels: tuple[str, ...] = ()
    show: tuple[str, ...] = ()


def check_head(request: Request, most_bytes: int) -> None:
    """Raises the HTTPException of a request whose body is not to be read."""
    length = request.content_length  # None where the body is chunked, too
    if length is None:
        raise exceptions.LengthRequired("expected the header Content-Length")
    if length > most_bytes:
        raise exceptions.RequestEntityTooLarge(f"expected at most {most_bytes / 1e6:g} MB")
    if request.mimetype != "multipart/form-data":
        raise exceptions.UnsupportedMediaType("expected multipart/form-data")


def read(request: Request, folder: Path, shown: Sequence[str] = ()) -> Video:
    """Returns the Video of a form; its file is in `folder`.

    Args:
      request: the request.
      folder: of the job.
      shown: values of the field `show`; others are ignored.

    Raises:
      UserError: the form lacks the video or has other files, or the labels cannot be used.
      HTTPException: the client is too slow or gone, or the disk is full.
    """
    upload = _Upload(request.environ)
    upload.folder = folder
    try:
        with _in_time(request.environ.get("werkzeug.socket")), upload:
            files, form = upload.files, upload.form
            if list(files) != ["video"] or upload.stored is None:
                raise UserError("expected one file, in the field video")
            name = printable(files["video"].filename or "")[:_LONGEST_NAME] or "video"
            models = list(dict.fromkeys(form.getlist("model")))
            show = tuple(one for one in shown if one in form.getlist("show"))
        labels = _labels(form.getlist("text"))
        return Video(_with_ending(upload.stored), name, models, labels, show)
    except exceptions.RequestEntityTooLarge:
        raise exceptions.RequestEntityTooLarge(
            f"expected a form of at most {_MOST_FIELDS} fields of at most "
            f"{_FIELD_BYTES / 1e3:g} kB beside the video"
        ) from None
    except TimeoutError:
        raise exceptions.RequestTimeout("the video did not come in time") from None
    except ConnectionError:
        raise exceptions.ClientDisconnected from None
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise NoRoom("the disk of the server has no room for this video") from error
        raise


def _labels(texts: list[str]) -> tuple[str, ...]:
    """Returns the labels of the field `text`: one a line, empty lines are left out.

    Raises:
      UserError: there are too many, one is too long, or as `labels_of` and `label_check.check`.
    """
    lines = [line.strip() for text in texts for line in text.splitlines()]
    labels = list(filter(None, lines))
    if len(labels) > MOST_LABELS:
        raise UserError(f"text: expected at most {MOST_LABELS} labels, got {len(labels):,}")
    if long := next((label for label in labels if len(label) > _LONGEST_LABEL), ""):
        raise UserError(
            f"text: expected labels of at most {_LONGEST_LABEL} letters, got one of {len(long):,}"
        )
    if not labels:
        return ()
    found = labels_of(labels)
    label_check.check(Text(found))
    return found


@contextlib.contextmanager
def _in_time(connection: socket.socket | None) -> Iterator[None]:
    """Ends what a connection sends after UPLOAD_S, however slowly that comes."""
    if connection is None:
        yield
        return
    timer = threading.Timer(UPLOAD_S, _end, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


class _Upload(Request):
    """A request whose one file goes into a folder, under a name of ours."""

    max_form_parts, max_form_memory_size = _MOST_FIELDS, _FIELD_BYTES
    folder: Path
    stored: Path | None = None
    _file: IO[bytes] | None = None

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        if self.stored is not None:
            raise exceptions.BadRequest("expected one file, got more")
        self.stored = self.folder / "video"
        self._file = open(self.stored, "wb+")  # closed by `close`
        return self._file

    def close(self) -> None:
        """Closes the file, of a form that is not whole too."""
        if self._file:
            self._file.close()
        super().close()


def _with_ending(path: Path) -> Path:
    """Returns the path of an upload, with an ending where the reader goes by it."""
    with open(path, "rb") as file:
        is_webp = file.read(12)[8:] == b"WEBP"
    return path.rename(path.with_suffix(".webp")) if is_webp else path

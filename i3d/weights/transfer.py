"""Downloads one published file over HTTP: resumable, bounded in size, verified by its blob id.

receive(item, "https://...", Path("checkpoints/rgb_scratch/model.ckpt.index"))
"""

import hashlib
import os
import sys
import time
from pathlib import Path
from urllib.parse import urljoin

import requests
from tqdm import tqdm

from i3d.runtime.command import BadData
from i3d.runtime.files import move
from i3d.weights.files import PublishedFile

_TIMEOUT_S = (5, 30)  # to connect (each address of the host is tried in turn), between bytes
_ATTEMPTS = 8  # for each file
_PAUSE_S = 1.0  # before the second attempt; doubles, up to four times this
_CHUNK_BYTES = 1 << 14  # a dropped connection loses less than this
_MOST_BYTES = 1 << 26  # of a file whose size is not known
_REDIRECTS = 5


class DownloadError(BadData):
    """A published file is missing, damaged, or cannot be downloaded; the text says what to do."""

    one_line = False  # each file that is missing has lines of its own


def receive(item: PublishedFile, url: str, target: Path) -> None:
    """Downloads one file; what a stopped download left (TARGET.part) is continued.

    Raises:
      DownloadError: it cannot be had, or its bytes are not the published ones.
      OSError: it cannot be written.
    """
    part = part_of(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not part.exists() or difference(part, item):  # whole if killed just before the rename
        _transfer(item, url, part)
        if found := difference(part, item):
            part.unlink()
            raise DownloadError(f"{url} gave a file that {found}; it was deleted")
    move(part, target)


def part_of(target: Path) -> Path:
    """Returns where a download of a file is kept until it is complete."""
    return target.with_name(target.name + ".part")


def difference(path: Path, item: PublishedFile) -> str | None:
    """Returns how a file differs from the published one, or None."""
    size = path.stat().st_size
    if item.size not in (None, size):
        return f"has {size:,} bytes, not {item.size:,}"
    with open(path, "rb") as file:
        header = b"blob %d\0" % size
        blob_id = hashlib.file_digest(file, lambda: hashlib.sha1(header)).hexdigest()
    return None if blob_id == item.blob_id else f"has git blob id {blob_id}, not {item.blob_id}"


def say(line: str) -> None:
    """Prints a line on standard error, above a progress bar where there is one."""
    tqdm.write(line, file=sys.stderr)


class _DroppedError(Exception):
    """The transfer broke off in a way that another attempt may mend."""


class _Session(requests.Session):
    """Follows no redirect: requests would read the text that comes with one, however long."""

    def get_redirect_target(self, resp):
        return None


def _transfer(item, url, part):
    for attempt in range(_ATTEMPTS):
        try:
            _receive(item, url, part)
            return
        except _DroppedError as error:
            reason = str(error)
        except requests.RequestException as error:
            reason = f"no answer: {_innermost(error)}"
            if attempt == 0:  # no network, most likely: waiting would not bring it
                raise DownloadError(f"cannot download {url}: {reason}") from error
        if attempt + 1 < _ATTEMPTS:
            say(f"{item.target}: {reason}; attempt {attempt + 2} of {_ATTEMPTS}")
            time.sleep(_PAUSE_S * min(2**attempt, 4))
    raise DownloadError(f"cannot download {url}: {reason}; gave up after {_ATTEMPTS} attempts")


def _receive(item, url, part):
    """Asks for what `part` lacks and appends it; returns at the end of the file."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # ranges count the file's bytes, not gzip's
    if start:
        headers["Range"] = f"bytes={start}-"
    with _Session() as session, _answer(session, url, headers) as answer:
        status = answer.status_code
        if status == 416:  # `part` is longer than the file, or as long with other bytes
            part.unlink()
            raise _DroppedError("the .part file was of something else; starting again")
        if status == 429 or status >= 500:
            raise _DroppedError(f"the server answers {status} {answer.reason}")
        if status not in (200, 206):
            raise DownloadError(f"cannot download {url}: it answers {status} {answer.reason}")
        if status == 200:  # the whole file, asked for or not
            start = 0
        _write(item, url, answer, part, start)


def _answer(session, url, headers):
    """Returns the answer at the end of the redirects."""
    at = url
    for _ in range(_REDIRECTS + 1):
        answer = session.get(at, headers=headers, stream=True, timeout=_TIMEOUT_S)
        if answer.status_code not in (301, 302, 303, 307, 308):
            return answer
        answer.close()
        try:
            at = urljoin(at, answer.headers.get("Location", ""))
        except ValueError as error:
            raise DownloadError(f"cannot download {url}: its redirect: {error}") from error
    raise DownloadError(
        f"cannot download {url}: more than {_REDIRECTS} redirects, the last to {at}"
    )


def _total(item, url, answer, start):
    """Returns the bytes of the whole file, None where neither we nor the server know them."""
    coding = answer.headers.get("Content-Encoding", "identity")
    if coding != "identity":  # a few bytes could become any number
        raise DownloadError(f"{url} comes compressed ({coding:.40}), which was not asked for")
    length = answer.headers.get("Content-Length", "")
    known = length.isdecimal() and len(length) < 19
    total = start + int(length) if known else item.size
    if None not in (item.size, total) and total != item.size:  # a log-in page, say: keep `part`
        raise DownloadError(f"{url} is {total:,} bytes, the published file {item.size:,}")
    return total


def _write(item, url, answer, part, start):
    total, most = _total(item, url, answer, start), item.size or _MOST_BYTES
    if not sys.stderr.isatty():
        say(f"downloading {item.target}" + (f" from byte {start:,} on" if start else ""))
    bar = tqdm(
        total=total,
        initial=start,
        unit="B",
        unit_scale=True,
        dynamic_ncols=True,
        desc=item.target.split("/")[0],
        disable=None,
    )  # None: only on a terminal
    with bar, open(part, "ab" if start else "wb") as file:
        try:
            for chunk in answer.iter_content(_CHUNK_BYTES):
                if file.tell() + len(chunk) > most:
                    part.unlink()
                    raise DownloadError(
                        f"{url} is longer than {most:,} bytes; what was received was deleted"
                    )
                file.write(chunk)
                file.flush()  # a kill loses nothing that has come
                bar.update(len(chunk))
        except requests.RequestException as error:
            raise _DroppedError(f"the connection broke off at byte {file.tell():,}") from error
        os.fsync(file.fileno())
        if total is not None and file.tell() < total:  # no length was sent, or urllib3 is version 1
            raise _DroppedError(f"the connection broke off at byte {file.tell():,}")


def _innermost(error):
    """Returns the last clause of what urllib3 says, without its chain of wrappers."""
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "reason", cause)).split(": ")[-1].removesuffix('"))')

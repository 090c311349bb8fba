"""Fetches DeepMind's published I3D checkpoints, label maps and sample clip, and checks every byte.

    python -m i3d.weights.download [--checkpoint_dir=checkpoints] [--verify] [NAME ...]
    download.fetch(["rgb_imagenet", "sample_rgb"], "checkpoints")

Names: the keys of FILES. A stopped download goes on where it stopped (FILE.part); a file gets its
own name only when whole. Source: github.com/google-deepmind/kinetics-i3d (Apache 2.0).
"""

import difflib
import hashlib
import os
import sys
import time
from pathlib import Path
from urllib.parse import urljoin

import requests
from absl import flags
from tqdm import tqdm

from i3d.runtime import command
from i3d.runtime.command import BadData
from i3d.runtime.files import alone_in, move
from i3d.weights.files import BASE_URL, FILES

_TIMEOUT_S = (5, 30)  # to connect (each address of the host is tried in turn), between bytes
_ATTEMPTS = 8  # for each file
_PAUSE_S = 1.0  # before the second attempt; doubles, up to four times this
_CHUNK_BYTES = 1 << 14  # a dropped connection loses less than this
_MOST_BYTES = 1 << 26  # of a file whose size is not known
_REDIRECTS = 5


class DownloadError(BadData):
    """A published file is not there, not whole or not to be had; the text says what to do."""

    one_line = False  # each file that is missing has lines of its own


def files_for(names):
    """Returns the PublishedFiles that `names` (keys of FILES) stand for, each once, in order.

    Raises:
      DownloadError: a name is unknown; says the nearest one.
    """
    for name in names:
        if name not in FILES:
            near = difflib.get_close_matches(name, FILES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known names: {', '.join(FILES)}"
            raise DownloadError(f"unknown name {name!r}; {hint}")
    return list(dict.fromkeys(item for name in names for item in FILES[name]))


def fetch(names, directory, base_url=BASE_URL):
    """Makes sure that all files of `names` lie in `directory`, downloading those that do not.

    A file that is there is trusted if its size is the published one (or is not known), so that
    weights trained further can take a published name; `verify` reads the bytes. No file that is
    there is ever replaced. Processes that fetch into one directory wait for each other.

    Args:
      names: keys of FILES.
      directory: where the files go; made if need be.
      base_url: what PublishedFile.source is appended to; a mirror, say.

    Returns:
      Targets of the files that were downloaded, list of str.

    Raises:
      DownloadError: names the cause, then each file still missing with its URL and its place.
    """
    directory = Path(directory)
    items = files_for(names)
    if not _missing(items, directory):
        return []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _alone_in(directory):
            wanted = _missing(items, directory)  # another process may have fetched some meanwhile
            for item in wanted:
                _fetch_file(item, directory, base_url)
    except DownloadError as error:
        raise DownloadError(f"{error}\n{_by_hand(items, directory, base_url)}") from error
    except BrokenPipeError:  # the reader of the progress has gone
        raise
    except OSError as error:
        raise DownloadError(f"cannot write into {directory}: {error}") from error
    return [item.target for item in wanted]


def verify(directory, names=tuple(FILES)):
    """Reads the files of `names` that are in `directory` and compares their git blob ids.

    Returns:
      (whole, missing): two lists of targets, str.

    Raises:
      DownloadError: files that differ from the published ones, all of them named.
    """
    items = files_for(names)
    paths = {item: Path(directory) / item.target for item in items}
    present = [item for item in items if paths[item].exists()]
    differences = [(paths[item], _difference(paths[item], item)) for item in present]
    wrong = [f"\n  {path} {difference}" for path, difference in differences if difference]
    if wrong:
        raise DownloadError(f"not as published; move away and download again:{''.join(wrong)}")
    return [i.target for i in present], [i.target for i in items if i not in present]


class _DroppedError(Exception):
    """The transfer broke off in a way that another attempt may mend."""


class _Session(requests.Session):
    """Follows no redirect: requests would read the text that comes with one, however long."""

    def get_redirect_target(self, resp):
        return None


def _missing(items, directory):
    missing = []
    for item in items:
        path = directory / item.target
        if not path.exists():
            missing.append(item)
        elif item.size is not None and path.stat().st_size != item.size:
            raise DownloadError(
                f"{path} has {path.stat().st_size:,} bytes, the published file {item.size:,}; "
                f"move it away and run again"
            )
    return missing


def _by_hand(items, directory, base_url):
    lines = ["Still missing; run again to go on from here, or put each where its arrow points:"]
    for item in items:
        if not (directory / item.target).exists():
            lines += [f"  {base_url}/{item.source}", f"    -> {directory / item.target}"]
    return "\n".join(lines)


def _alone_in(directory):
    lock = directory / ".download.lock"
    waiting = f"waiting for another download into {directory}"
    return alone_in(lock, f"{lock}: was removed meanwhile", wait=lambda: _say(waiting))


def _fetch_file(item, directory, base_url):
    target = directory / item.target
    part = target.with_name(target.name + ".part")
    url = f"{base_url}/{item.source}"
    target.parent.mkdir(parents=True, exist_ok=True)
    if not part.exists() or _difference(part, item):  # whole if killed just before the rename
        _transfer(item, url, part)
        difference = _difference(part, item)
        if difference:
            part.unlink()
            raise DownloadError(f"{url} gave a file that {difference}; it was deleted")
    move(part, target)


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
            _say(f"{item.target}: {reason}; attempt {attempt + 2} of {_ATTEMPTS}")
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
        _say(f"downloading {item.target}" + (f" from byte {start:,} on" if start else ""))
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
                    raise DownloadError(f"{url} goes on after {most:,} bytes; it was deleted")
                file.write(chunk)
                file.flush()  # a kill loses nothing that has come
                bar.update(len(chunk))
        except requests.RequestException as error:
            raise _DroppedError(f"the connection broke off at byte {file.tell():,}") from error
        os.fsync(file.fileno())
        if total is not None and file.tell() < total:  # no length was told, or urllib3 is version 1
            raise _DroppedError(f"the connection broke off at byte {file.tell():,}")


def _difference(path, item):
    """Returns how `path` differs from the published file, or None."""
    size = path.stat().st_size
    if item.size not in (None, size):
        return f"has {size:,} bytes, not {item.size:,}"
    with open(path, "rb") as file:
        header = b"blob %d\0" % size
        blob_id = hashlib.file_digest(file, lambda: hashlib.sha1(header)).hexdigest()
    return None if blob_id == item.blob_id else f"has git blob id {blob_id}, not {item.blob_id}"


def _innermost(error):
    """Returns the last clause of what urllib3 says, without its chain of wrappers."""
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "reason", cause)).split(": ")[-1]


def _say(line):
    tqdm.write(line, file=sys.stderr)


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit status."""
    return command.run(
        argv, "download", __doc__, defined_flags, check, work, on_stop=command.GOES_ON
    )


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    flags.DEFINE_string("checkpoint_dir", "checkpoints", "folder of the files", flag_values=own)
    flags.DEFINE_bool(
        "verify", False, "download nothing; compare the files that are there", flag_values=own
    )
    own.set_gnu_getopt(True)  # flags may stand after names
    return own


def check(options: flags.FlagValues, argv: list[str]) -> tuple[list[str], Path, bool]:
    """Returns the names (all by default), the folder, and whether only to verify."""
    names = options(argv)[1:] or list(FILES)
    files_for(names)
    return names, Path(options.checkpoint_dir), options.verify


def work(job: tuple[list[str], Path, bool]) -> None:
    """Downloads or verifies, and prints what is there."""
    names, directory, only_verify = job
    if not only_verify:
        new = fetch(names, directory)
        print(f"{directory}: all {len(files_for(names))} files are there, {len(new)} of them new")
        return
    whole, missing = verify(directory, names)
    for target in missing:
        print(f"{target}: missing")
    if not whole:
        raise DownloadError(f"none of the {len(missing)} files is in {directory}")
    print(f"{directory}: {len(whole)} files are as published, {len(missing)} are missing")


if __name__ == "__main__":
    sys.exit(main(sys.argv))

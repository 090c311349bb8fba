"""Text features kept on disk, by the weights and the tokens that they are made of.

    key = key_of(digest, tokens, "float32")
    put(key, features)
    get(key)                                       # float32 [N, D]; None where there are none

A file is i3d/text/KEY.npz in $XDG_CACHE_HOME or ~/.cache, written atomically and verified when it
is read. It may be deleted at any time; where the folder cannot be written to, nothing is kept.
"""

import contextlib
import hashlib

import numpy as np

from i3d.runtime import files, npy

_FORM = 1  # one more where the same weights and tokens give other features


def digest_of(weights: list[np.ndarray]) -> str:
    """Returns the SHA-256 of weights, in their order."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def key_of(weights: str, tokens: np.ndarray, precision: str) -> str:
    """Returns the key of the features of tokens int [N, L] by a tower of these weights."""
    words = f"{_FORM} {weights} {precision} {tokens.shape}".encode()
    return hashlib.sha256(words + tokens.astype("<i4").tobytes()).hexdigest()


def get(key: str) -> np.ndarray | None:
    """Returns float32 [N, D] as it was written, None where there is none or it is damaged."""
    try:
        arrays = npy.read_npz(files.user_cache("text") / f"{key}.npz")  # compares the checksum
    except (npy.ArrayError, OSError):
        return None
    features = arrays.get("features")
    if str(arrays.get("of")) != key or features is None or features.dtype != np.float32:
        return None
    return features


def put(key: str, features: np.ndarray) -> None:
    """Writes float32 [N, D]; does nothing where the folder cannot be written to."""
    with (
        contextlib.suppress(OSError),
        files.new_file(files.user_cache("text") / f"{key}.npz") as file,
    ):
        npy.write_npz(file, {"features": features, "of": np.array(key)})

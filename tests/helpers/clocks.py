"""Videos whose clock jumps, restarts, wraps or begins late; frames say their number."""

import struct
from fractions import Fraction

import av
import cv2
import numpy as np

from tests.helpers.video_files import numbered


def textured(count, height=32, width=48):
    """Returns frames of `numbered`, each with noise of its own, so that no two are equal."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 9, (count, height // 8, width // 8), dtype=np.uint8)
    noise = [cv2.resize(block, (width, height), interpolation=cv2.INTER_NEAREST) for block in noise]
    return [f + n[..., None] for f, n in zip(numbered(count, height, width), noise, strict=True)]


def encoded(frames, path, rate=25, first_s=0, gaps=None, codec="libx264", **settings):
    """Writes RGB frames to a file and returns its bytes; the clock begins at first_s.

    Args:
      gaps: {number of a packet: seconds by which the clock jumps before it}, upwards.
      settings: options of the encoder; `muxer`, options of the container.
    """
    muxer = settings.pop("muxer", {})
    with av.open(str(path), "w", options=muxer) as container:
        stream = container.add_stream(codec, rate=rate, options={"g": "12"} | settings)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        pictures = [av.VideoFrame.from_ndarray(frame, "rgb24") for frame in frames]
        packets = [packet for picture in [*pictures, None] for packet in stream.encode(picture)]
        shift = Fraction(first_s)
        for number, packet in enumerate(packets):
            shift += Fraction((gaps or {}).get(number, 0))
            packet.pts += round(shift / packet.time_base)
            packet.dts += round(shift / packet.time_base)
            container.mux(packet)
    return path.read_bytes()


def edited(mp4, edits):
    """Returns the bytes of an MP4 file with other entries in its edit list.

    Args:
      mp4: bytes of a file with an edit list, its index at the end.
      edits: [(length in milliseconds, begin on the track's own clock; -1 shows nothing)].
    """
    content = bytearray(mp4)
    at = content.index(b"elst") - 4
    old = int.from_bytes(content[at : at + 4], "big")
    entries = b"".join(struct.pack(">IiI", *edit, 1 << 16) for edit in edits)
    new = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    for name in (b"moov", b"trak", b"edts"):
        place = content.index(name) - 4
        size = int.from_bytes(content[place : place + 4], "big") + len(new) - old
        content[place : place + 4] = size.to_bytes(4, "big")
    content[at : at + old] = new
    return bytes(content)

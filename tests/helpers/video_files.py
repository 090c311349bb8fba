"""Videos whose frames say their number, in many codecs and containers."""

import math
from fractions import Fraction

import av
import numpy as np

from i3d.video import frames as video_frames

B_FRAMES = {"bf": "2", "x264-params": "b-adapt=0:scenecut=0", "g": "25"}  # in AVI: wrong timestamps


def numbered(count, height=32, width=48):
    """Returns frames whose brightness tells their number (see `number`)."""
    return [np.full((height, width, 3), 20 + 3 * (i % 70), np.uint8) for i in range(count)]


def number(frame):
    """Returns the number (modulo 70) that a frame of `numbered` shows."""
    return round((float(frame.mean()) - 20) / 3)


def noisy(count, height=120, width=160):
    """Returns frames that compress badly, so that the middle of a file is picture data."""
    noise = np.random.default_rng(0).integers(0, 200, (height, width, 3), dtype=np.uint8)
    return [np.roll(noise, i, axis=1) for i in range(count)]


def write(path, frames, rate=25, codec="libx264", pix_fmt="yuv420p", stamps_ms=None, **settings):
    """Encodes RGB frames; stamps_ms gives each its time. Settings: options, muxer, last_ms."""
    with av.open(str(path), "w", options=settings.get("muxer", {})) as container:
        stream = container.add_stream(codec, rate=rate, options=settings.get("options", {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.time_base = Fraction(1, 1000) if stamps_ms else 1 / Fraction(rate)
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts = stamps_ms[i] if stamps_ms else i
            frame.time_base = context.time_base
            container.mux(stream.encode(frame))
        for packet in stream.encode(None):
            packet.duration = settings.get("last_ms", packet.duration)
            container.mux(packet)
    return path


def read(path, **settings):
    return list(video_frames.read_frames(path, short_side=None, **settings))


def numbers(path, **settings):
    return [number(frame) for frame in read(path, **settings)]


def expected_numbers(starts, end, fps=25):
    """Returns which frame each slot shows: the last whose start rounds to it or before."""
    slots = [math.floor(start * fps + Fraction(1, 2)) for start in starts]
    count = math.floor(end * fps + Fraction(1, 2))
    return [max(i for i, slot in enumerate(slots) if slot <= n) % 70 for n in range(count)]

"""Small videos of a texture that moves, encoded by the tests themselves."""

from pathlib import Path

import av
import cv2
import numpy as np

MOTION = (2.0, -1.0)  # pixels per frame, x then y


def texture_frames(count, height=48, width=64, seed=0):
    """Yields uint8 RGB frames of a reddish texture that moves by MOTION."""
    random = np.random.default_rng(seed)
    noise = random.uniform(size=(height + count + 8, width + 2 * count + 8)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 2)
    texture = np.clip((texture - 0.5) * 500 + 100, 0, 200)
    for i in range(count):
        y, x = 4 + i, 4 + 2 * (count - i)
        grey = texture[y : y + height, x : x + width]
        yield np.stack([grey + 50, grey, grey / 2], axis=-1).astype(np.uint8)


def write_video(path, frames, rate=25, **options):
    """Encodes RGB frames as H.264, nearly without loss."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"} | options)
        for i, frame in enumerate(frames):
            if not i:
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))
    return path


def write_rotated(path, degrees, frames):
    """Encodes RGB frames that are to be turned by so many degrees for display."""
    plain = write_video(Path(path).with_suffix(".plain.mp4"), frames)
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(degrees)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return path


def write_folder(root, classes=("walk", "jump", "run"), per_class=4):
    """Writes videos of 20 frames and more, in folders made in the order given; returns root."""
    for number, name in enumerate(classes):
        for i in range(per_class):
            seed = number * per_class + i
            write_video(root / name / f"{name}{i}.mp4", texture_frames(20 + seed, seed=seed))
    return root

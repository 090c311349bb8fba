"""Videos of the usual containers, animations, and folders of images."""

import itertools

import cv2

from i3d.video import frames as video_frames
from i3d.video import images
from tests.fuzz import mutate
from tests.fuzz.harness import Kind
from tests.helpers import video_files

_FRAMES = 12


def _video(suffix, codec="libx264", pix_fmt="yuv420p"):
    def write(root):
        root.mkdir(exist_ok=True)
        pictures = video_files.numbered(_FRAMES)
        return video_files.write(root / f"a{suffix}", pictures, codec=codec, pix_fmt=pix_fmt)

    return write


def _write_webp(root):
    from PIL import Image

    root.mkdir(exist_ok=True)
    first, *rest = (Image.fromarray(picture) for picture in video_files.numbered(4))
    first.save(root / "a.webp", save_all=True, append_images=rest, duration=40)
    return root / "a.webp"


def _images(suffix):
    def write(root):
        folder = root / "images"
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(video_files.numbered(4), 1):
            cv2.imwrite(str(folder / f"img_{number:05}.{suffix}"), picture)
        return folder / f"img_00002.{suffix}"

    return write


def _read(path):
    video_frames.probe(path)
    for part in ({}, {"start_s": 0.08}):
        for _ in itertools.islice(video_frames.read_frames(path, short_side=32, **part), 500):
            pass


def _read_images(path):
    for part in ({}, {"start_s": 0.08}):
        folder = images.checked(path.parent, 25.0)
        for _ in video_frames.read_frames(folder, short_side=32, **part):
            pass


KINDS = tuple(
    Kind(name, write, _read, how, cost=2)
    for name, write, how in (
        ("mp4", _video(".mp4"), mutate.of_bytes),
        ("mp4, its header", _video(".mp4"), mutate.of_beginning),
        ("avi", _video(".avi", "mpeg4"), mutate.of_bytes),
        ("mkv", _video(".mkv"), mutate.of_bytes),
        ("webm", _video(".webm", "libvpx-vp9"), mutate.of_bytes),
        ("ts", _video(".ts"), mutate.of_bytes),
        ("mpg", _video(".mpg", "mpeg2video"), mutate.of_bytes),
        ("gif", _video(".gif", "gif", "rgb8"), mutate.of_bytes),
        ("gif, its header", _video(".gif", "gif", "rgb8"), mutate.of_beginning),
        ("webp", _write_webp, mutate.of_bytes),
        ("webp, its header", _write_webp, mutate.of_beginning),
    )
) + tuple(
    Kind(f"{suffix} in a folder", _images(suffix), _read_images, how)
    for suffix, how in (
        ("png", mutate.of_bytes),
        ("jpg", mutate.of_bytes),
        ("webp", mutate.of_bytes),
        ("bmp", mutate.of_beginning),
    )
)

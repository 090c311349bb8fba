"""Small videos, and `python -m data_prep build` run on them as a process of its own."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np

ROOT = Path(__file__).parents[2]
QUICK = ("--short_side=48", "--flow_method=dis", "--workers=1")
MOTION = (2.0, -1.0)  # pixels per frame, x then y
# What TensorFlow 2.21 prints when it is imported, whatever TF_CPP_MIN_LOG_LEVEL says.
_TENSORFLOW = ("WARNING: All log messages before absl", "I0000 ")


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


def write_folder(root, classes=("walk", "jump", "run"), per_class=4):
    """Writes videos of 20 frames and more, in folders made in the order given; returns root."""
    for number, name in enumerate(classes):
        for i in range(per_class):
            seed = number * per_class + i
            write_video(root / name / f"{name}{i}.mp4", texture_frames(20 + seed, seed=seed))
    return root


def command(*flags):
    """Returns the command line of a build."""
    return [sys.executable, "-m", "data_prep", "build", *map(str, flags)]


def build(*flags, **settings):
    """Runs a build to its end; returns the CompletedProcess, its output as text."""
    return subprocess.run(command(*flags), cwd=ROOT, capture_output=True, text=True, **settings)


def start(*flags):
    """Starts a build in a session of its own; returns the Popen."""
    return subprocess.Popen(
        command(*flags),
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(result):
    """Returns the lines on standard error, without those of TensorFlow."""
    lines = result.stderr.splitlines()
    return [line for line in lines if not line.startswith(_TENSORFLOW)]


def contents(folder):
    """Returns {name: bytes} of all files below a folder, the hidden ones too."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def processes(session):
    """Returns {process id: /proc/ID/status as dict} of the living processes of a session."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                lines = (folder / "status").read_text().splitlines()
                found[int(folder.name)] = dict(line.split(":\t", 1) for line in lines)
    return found


def workers(session):
    """Returns {process id: status} of the worker processes that a build has now."""
    found = {}
    for pid, status in processes(session).items():
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found[pid] = status
    return found


def peak_worker_bytes(process):
    """Waits for a build started by `start`; returns the highest VmHWM of its workers.

    Fails where the build does.
    """
    peak = 0
    while process.poll() is None:
        for status in workers(process.pid).values():
            peak = max(peak, int(status.get("VmHWM", "0 kB").split()[0]) * 1024)
        time.sleep(0.1)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return peak


def wait_for(condition, seconds, what):
    """Waits until the condition is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def has_proc():
    """Returns whether processes can be looked up here."""
    return os.path.exists("/proc/self/stat")

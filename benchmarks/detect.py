"""Speed and memory of spatio-temporal detection: frames a second end to end, and each stage.

    python -m benchmarks.detect                              # a drawn scene of 640 x 480
    python -m benchmarks.detect --video=my.mp4 --detector=person_detector/
    python -m benchmarks.detect --models=ava_slowonly_r50_8x8x1,demo_detection

Each model runs in each precision with HOG and, with --detector, with that SavedModel (people of at
least 0.3): decoding, people, actions, drawing and encoding of one video, the second time (the first
compiles). Weights of models are random, and all of their actions are taken. Then the command itself
runs on the video and on ten of it in a row, and the memory of its process is printed.

Exit status 1 where ten times the video take more than MOST_GROWTH of the memory of one.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from absl import app, flags

from benchmarks.features import device
from i3d import detect, models
from i3d.detection import job as jobs
from i3d.video.frames import read_frames
from i3d.video.sampled import frame_rate
from i3d.visual.figures import scenes
from i3d.visual.video import VideoWriter
from i3d.weights import find
from i3d.weights.ava_zoo import takes_boxes

MODELS = flags.DEFINE_list(
    "models",
    None,
    "names in the catalogue, or of cards; default: ava_slowonly_r50_8x8x1 and the demo weights",
    allow_override=True,
)
PRECISIONS = flags.DEFINE_list(
    "precisions", ["float32", "bfloat16"], "precisions of the network", allow_override=True
)
VIDEO = flags.DEFINE_string("video", None, "video; default: a drawn scene")
DETECTOR = flags.DEFINE_string("detector", None, "folder of a SavedModel, timed beside HOG")
MEMORY = flags.DEFINE_bool("memory", True, "run the command on one and on ten of the video")
CLASSES = 81
MOST_GROWTH = 1.1


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    names = MODELS.value or ["ava_slowonly_r50_8x8x1", *({jobs.DEMO} & set(find.NAMED))]
    if wrong := [n for n in names if not (takes_boxes(n) or n in find.NAMED)]:
        raise app.UsageError(f"--models: {wrong[0]} is no model that takes boxes")
    print(f"{device(tf)}, TensorFlow {tf.__version__}, load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        video = VIDEO.value or scene(folder)
        networks = {name: network(name, folder) for name in names}
        for name in names:
            for precision in PRECISIONS.value:
                for detector in filter(None, ("hog", DETECTOR.value)):
                    row(name, networks[name], precision, detector, video, folder)
        if not MEMORY.value:
            return 0
        return int(growth(networks[names[-1]], video, folder) > MOST_GROWTH)


def scene(folder):
    """Returns the path of a drawn video of two or three people."""
    path = Path(folder, "scene.mp4")
    drawn = scenes.scene(0, 480, 640)
    write(path, map(drawn.frame, range(drawn.frames)), drawn.fps)
    return str(path)


def write(path, frames, fps):
    with VideoWriter(path, fps) as video:
        for frame in frames:
            video.add(frame)


def network(name, folder):
    """Returns the arguments that name a network: a card, or a model with random weights."""
    if name in find.NAMED:
        return {"checkpoint": name}
    file = Path(folder, f"{name}.weights.h5")
    models.build(name, num_classes=CLASSES).save_weights(file)
    keras.backend.clear_session()
    return {"checkpoint": str(file), "model": name}


def row(name, given, precision, detector, video, folder):
    """Prints the speed and the stages of one combination."""
    out = os.path.join(folder, "drawn.mp4")
    thresholds = {"action_score_thr": 0.0, "det_score_thr": None if detector == "hog" else 0.3}
    given = given | thresholds | {"precision": precision, "detector": detector, "out": out}
    job = jobs.checked(jobs.Options(video, **given))
    over = job.run()
    for _ in range(2):  # the first compiles
        with detect.drawing(job, out) as show:
            found = over.over(video, show)
    os.remove(out)
    total = sum(found.seconds.values())
    boxes = sum(len(frame.people) for frame in found.key_frames)
    stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in found.seconds.items())
    print(
        f"{name} {precision} {os.path.basename(detector.rstrip('/'))}: "
        f"{found.frames / total:.1f} frames/s; {found.width} x {found.height}, {found.frames} "
        f"frames, {len(found.key_frames)} key frames, {boxes} boxes; seconds: {stages}",
        flush=True,
    )


def growth(given, video, folder):
    """Prints the memory of the command on one and on ten of a video; returns the ratio."""
    longer = Path(folder, "longer.mp4")
    rate = frame_rate(video) or 25
    write(longer, (f for _ in range(10) for f in read_frames(video, None, None)), rate)
    megabytes = [peak(given, path, folder) for path in (video, longer)]
    ratio = megabytes[1] / megabytes[0]
    print(f"memory: {megabytes[0]:.0f} MB, of ten times the video {megabytes[1]:.0f} MB: ", end="")
    print(f"{ratio:.2f}x (at most {MOST_GROWTH}x)")
    return ratio


# A process counts the memory of the one that it was forked from as its own; this one is small.
_PEAK = "import os, subprocess, sys\nchild = subprocess.Popen(sys.argv[1:], stdout=2)\n"
_PEAK += "_, status, used = os.wait4(child.pid, 0)\nprint(status, used.ru_maxrss)"


def peak(given, video, folder):
    """Returns the megabytes of the command on a video."""
    out = os.path.join(folder, "drawn.mp4")
    words = [f"--{name}={value}" for name, value in given.items()]
    command = [sys.executable, "-m", "i3d.detect", *words, f"--out={out}", str(video)]
    measured = [sys.executable, "-c", _PEAK, *command]
    told = subprocess.run(measured, capture_output=True, text=True, check=True)
    status, kilobytes = map(int, told.stdout.split())
    if status:
        raise SystemExit(f"{' '.join(command)}: {told.stderr}")
    os.remove(out)
    return kilobytes / 1000


if __name__ == "__main__":
    sys.exit(app.run(main))

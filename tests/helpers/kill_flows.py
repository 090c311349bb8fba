"""What is killed at every step: builds, extractions, trainings and downloads, as they write files.

Each has `prepare(folder)`, what is there before, `run(folder)`, which goes on with what it finds,
and `result(folder)`, all that must be the same whether it was killed or not.
"""

import contextlib
import functools
import hashlib
import http.server
import io
import os
import threading
import types
from pathlib import Path

import cv2
import h5py
import numpy as np

from data_prep import build as data_prep_build
from data_prep import shards
from i3d.data import tfrecord
from i3d.data.build_settings import BuildSettings
from i3d.features import complete, forms
from i3d.features import files as feature_files
from i3d.features.videos import Entry
from i3d.inference import filtering
from i3d.inference.average import Rows, Scores
from i3d.inference.material import Piece
from i3d.inference.text import Text
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.video import inputs
from i3d.video.pictures import Still
from i3d.visual.folder import Folder
from i3d.visual.gallery import Shown
from i3d.visual.samples import Clip
from i3d.weights import download
from i3d.weights.files import PublishedFile
from tests.helpers import processes
from tests.helpers.serving import QuietHandler
from tests.helpers.videos import write_folder

RECIPE = BuildSettings(("rgb",), short_side=48, fps=2.0)


class Build:
    """A split beside another one, of which a video fails; with `lost`, a shard of it is gone."""

    def __init__(self, lost=False):
        self.lost = lost
        tfrecord.masked_crc(b"")  # compiled here, not in every fork

    def _build(self, folder, split):
        items, names = inputs.read(folder.parent / "videos")[:2]
        return data_prep_build.Build(
            folder / "set", split, tuple(items), tuple(names), RECIPE, num_shards=2
        )

    def prepare(self, folder):
        cv2.setNumThreads(1)
        videos = write_folder(folder.parent / "videos", ("walk", "run"), 1)
        (videos / "run" / "junk.mp4").write_text("no video")
        self._run(folder, "train")
        if self.lost:
            self._run(folder, "test")
            (folder / "set" / "videos-test.tfrecord-00001-of-00002").unlink()

    def run(self, folder):
        cv2.setNumThreads(1)
        self._run(folder, "test")

    def _run(self, folder, split):
        """In this process, not in those of a pool."""
        data_prep_build._write_in_pool = lambda tasks, *_: [shards.write_shard(t) for t in tasks]
        data_prep_build.run(self._build(folder, split))

    def result(self, folder):
        return processes.contents(folder)


class Extraction:
    """Features of three videos; with `repaired`, after a run in which one of them failed."""

    def __init__(self, name, repaired=False):
        self.name, self.repaired = name, repaired
        self.entries = [Entry(f"list:{i}", f"{i}.mp4", f"/{i}.mp4") for i in range(3)]

    def prepare(self, folder):
        if self.repaired:
            self._run(folder, {1: "no video"})

    def run(self, folder):
        self._run(folder, {})

    def _run(self, folder, failures):
        """As i3d.extract_features does, with numbers for a network."""
        out, plan = folder / self.name, {"endpoint": "features"}
        if complete.is_marked(out, plan):
            feature_files.remove_work(out)
            return
        feature_files.check_output(out)
        with feature_files.Work(out, plan) as work:
            for index in set(range(3)) - work.done - failures.keys():
                one = np.float32([index])
                work.save(index, Rows(one[None] + 0.5, one, one + 1, np.int64([3])))
            work.finish(self.entries, failures, forms.VECTORS)

    def result(self, folder):
        """The times of zip entries are not the same."""
        found = processes.contents(folder)
        for name, data in found.items():
            if name.endswith(".npz"):
                with np.load(folder / name) as arrays:
                    found[name] = {key: arrays[key].tolist() for key in arrays}, data[-80:]
        return found


class Labels:
    """A folder of three labelled videos, of which one fails; files of bytes for the videos."""

    def prepare(self, folder):
        pass

    def run(self, folder):
        out = folder / "labelled"
        clips = [Clip(f"{i}.avi", str(out / f"{i % 2}/{i}.mp4"), "run") for i in range(3)]
        with contextlib.suppress(UserError), Folder(out, {"--seed": "0"}, clips) as found:
            for clip in list(found.left):
                if clip.video == "1.avi":
                    continue
                with files.new_path(clip.out) as path:
                    path.write_bytes(clip.video.encode() * 100)
                picture = np.full((30, 40, 3), ord(clip.video[0]), np.uint8)
                found.save(clip, Shown(found.path(clip), clip.truth, "run", 0.5, picture))
            found.finish(["1.avi: no video"])

    def result(self, folder):
        return processes.contents(folder)


class Filter:
    """A filter of two videos of three windows, a broken one and an image; numbers for a teacher."""

    def prepare(self, folder):
        pass

    def run(self, folder):
        names = ["a.mp4", "b.mp4", "bad.mp4", "c.png"]
        pieces = [Piece(n, Still(n) if n == "c.png" else n, "run") for n in names]
        own = types.SimpleNamespace(
            out=str(folder / "web.csv"), threshold=0.5, window_s=2.0, max_per_class=None
        )
        own.retry_failed, filtering._scored = False, self._scored
        job = filtering.Job(pieces, str(folder), [], Text(), {"classes": ["jump", "run"]}, own)
        job.check_output()
        with contextlib.redirect_stdout(io.StringIO()):
            assert filtering.run(job) == 1  # a video is broken

    @staticmethod
    @contextlib.contextmanager
    def _scored(job, missing):
        def windows(piece):
            seed, ends = ord(piece.path[0]), np.array([2.0, 4.0, 6.0])
            if piece.is_image:
                ends = np.array([np.nan])
            p = np.float32([[seed % 7 / 10 + i / 10, 0.9 - i / 10] for i in range(len(ends))])
            return ends - 2, ends, Scores(p, p)

        places = reversed(range(len(missing)))  # out of order
        bad = {n for n, piece in enumerate(missing) if piece.path == "bad.mp4"}
        yield ((n, "no video" if n in bad else windows(missing[n])) for n in places)

    def result(self, folder):
        return processes.contents(folder)


class Numbers:
    """Stands for model and optimizer: arrays that every step changes."""

    def __init__(self):
        self.values = np.zeros(100)

    def save_weights(self, path):
        with h5py.File(path, "w") as file:
            file["values"] = self.values

    def load(self, path):
        with h5py.File(path, "r") as file:
            self.values = file["values"][()]

    def state(self):
        return {"momentum": self.values * 2}

    def load_state(self, arrays):
        np.testing.assert_array_equal(arrays["momentum"], self.values * 2)

    def averaged(self):
        return contextlib.nullcontext()


class Training:
    """Six steps as i3d.training.run makes them, of numbers in place of a network."""

    def __init__(self):
        from i3d.training import checkpoints, folder  # TensorFlow, which the others do without

        self._checkpoints, self._folder = checkpoints, folder
        checkpoints.weights.load = lambda model, path: model.load(path)

    def prepare(self, folder):
        pass

    def run(self, folder):
        checkpoints, run = self._checkpoints, Numbers()
        with self._folder.alone(folder / "run"):
            state = checkpoints.restore(folder / "run", run, run)
            files.write_text(folder / "run" / "config.json", "{}")
            checkpoints.tidy(folder / "run")
            for step in range(state["step"] if state else 0, 6):
                run.values = run.values * 0.5 + step
                if step % 2:
                    best = checkpoints.best_info(folder / "run")
                    if best is None or step / 10 > best["top1"]:
                        checkpoints.save_best(folder / "run", run, run, {"top1": step / 10})
                    checkpoints.save(folder / "run", step + 1, run, run, {})

    def result(self, folder):
        names = sorted(processes.contents(folder))
        found = {}
        for path in sorted(folder.rglob("*.h5")):
            run = Numbers()
            run.load(path)
            found[str(path.relative_to(folder))] = run.values.tolist()
        return names, found


class Command:
    """`python -m i3d.train` itself, six steps of a small network; killed where it commits."""

    steps = "rename|remove|rmdir|fsync"

    def __init__(self):
        from i3d import models, weights
        from i3d.training import run
        from tests.helpers import training

        models._BUILDERS["tiny"] = training.tiny_model
        self._build, self._tiny = Build(), training.tiny
        self._run, self._weights = run, weights

    def prepare(self, folder):
        self._build.prepare(folder)
        self._build.run(folder)

    def run(self, folder):
        settings = self._tiny("set")
        os.chdir(folder)  # the run is of these records wherever the folder is
        self._run.train(settings, folder / "run")

    def result(self, folder):
        """Names of files, and the arrays in those of weights; what TensorBoard reads has times."""
        names = [n for n in processes.contents(folder) if not n.startswith("run/tensorboard/")]
        arrays = {}

        def add(name, item):
            if isinstance(item, h5py.Dataset):
                arrays[f"{path}/{name}"] = item[()].tobytes()

        for path in sorted((folder / "run").rglob("*.h5")):
            with h5py.File(path, "r") as file:
                file.visititems(add)
        return sorted(names), {name.removeprefix(str(folder)): a for name, a in arrays.items()}


CONTENT = {name: bytes(range(256)) * size for name, size in (("a.bin", 300), ("b.txt", 1))}


def _published(name):
    data = CONTENT[name]
    blob_id = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return PublishedFile(f"rgb/{name}", name, len(data), blob_id)


class _Handler(QuietHandler):
    def do_GET(self):  # noqa: N802
        data = CONTENT[Path(self.path).name]
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if start else 200 if start < len(data) else 416)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(data[start:])


class Download:
    """Two files from a server in this process."""

    def __init__(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._url = f"http://127.0.0.1:{server.server_port}"

    def prepare(self, folder):
        pass

    def run(self, folder):
        download.FILES = {"rgb": tuple(map(_published, CONTENT))}
        download.fetch(["rgb"], folder / "checkpoints", self._url)

    def result(self, folder):
        return processes.contents(folder)


FLOWS = {
    "build": Build,
    "lost_shard": functools.partial(Build, lost=True),
    "pickle": functools.partial(Extraction, "a.pkl"),
    "pickle_repaired": functools.partial(Extraction, "a.pkl", repaired=True),
    "archive_repaired": functools.partial(Extraction, "a.npz", repaired=True),
    "folder_repaired": functools.partial(Extraction, "a", repaired=True),
    "labels": Labels,
    "filter": Filter,
    "training": Training,
    "train": Command,
    "download": Download,
}

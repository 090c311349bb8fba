"""Decodes views ahead of the network, in a pool of processes without TensorFlow.

    with Decoders(decode, tasks, workers=4, view_bytes=64 * 224 * 224 * 3) as decoders:
        for batch in ahead(batches(decoders, 8)):
            ...                    # batch.clips, batch.keys, batch.ended

Views wait in shared memory of fixed size, and a worker with no room left waits too. A video that
crashes its worker ends as a failed one; the workers end when their parent does.
"""

import collections
import contextlib
import functools
import itertools
import math
import os
import queue
import signal
import threading
from multiprocessing import connection, get_context, parent_process
from typing import Any, NamedTuple

import cv2
import numpy as np

from i3d.runtime import once, stopping
from i3d.runtime.command import UserError

WAITING_BYTES = 2**26  # of the views that each worker may have waiting
_LEAST_WAITING, _MOST_WAITING = 2, 4096  # views; for so many a pipe holds a word each
# What a video can raise in its reader; anything else is an error of this program.
BAD_VIDEO = (UserError, OSError, MemoryError, cv2.error)


class View(NamedTuple):
    """One view: which task it is of, what `decode` said of it, its uint8 pixels."""

    task: int
    key: tuple
    pixels: np.ndarray


class End(NamedTuple):
    """All views of a task have come; `problem` is "" or why they are not to be used."""

    task: int
    problem: str


class Batch(NamedTuple):
    """Views of one shape and kind, and the tasks of which no more will come."""

    clips: np.ndarray  # uint8 [n, ...], n may be 0
    keys: list  # (task, key) of each
    ended: list  # of End


class DecodeError(UserError):
    """The pool cannot go on; one line."""


class Decoders:
    """Iterates over the Views and Ends of all tasks, each task's in order.

    Pixels belong to the pool: they are overwritten after the next step of the iteration.
    """

    def __init__(self, decode, tasks, workers, view_bytes):
        """Starts nothing yet.

        Args:
          decode: function of a module (or functools.partial of one) from a task to an iterator of
            (key, uint8 array); raises UserError or OSError for a bad video.
          tasks: sequence of what `decode` takes; views name their place in it.
          workers: number of processes, at least 1.
          view_bytes: the most that a view has.
        """
        self._tasks = collections.deque(enumerate(tasks))
        self._count = min(workers, len(self._tasks))
        self._start = lambda: _Worker(decode, view_bytes)
        self._workers = []
        self._closed = False

    def __enter__(self):
        """Starts the workers."""
        self._workers = [self._start() for _ in range(self._count)]
        return self

    def __exit__(self, *error):
        """Ends the workers, whatever they are at."""
        self._closed = True
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()

    def __iter__(self):
        """Yields View and End; the oldest task's first, so that the others stay decoded ahead.

        Raises:
          DecodeError: a worker was killed, or failed for another reason than a video.
        """
        while self._workers:
            ready = set(connection.wait([worker.pipe for worker in self._workers]))
            if self._closed:
                return
            able = [worker for worker in self._workers if worker.pipe in ready]
            worker = min(able, key=lambda worker: worker.task)
            try:
                message = worker.pipe.recv()
            except (EOFError, ConnectionResetError):
                if self._closed:
                    return
                yield self._replaced(worker)
                continue
            if isinstance(message, End):
                yield message
            elif message is None:
                self._give_task(worker)
            else:
                task, key, slot, shape = message
                yield View(task, key, worker.slots[slot, : math.prod(shape)].reshape(shape))
                worker.free_slot()

    def _give_task(self, worker):
        if self._tasks:
            worker.task = self._tasks[0][0]
            worker.pipe.send(self._tasks.popleft())
        else:
            worker.pipe.send(None)
            worker.process.join()
            self._workers.remove(worker)

    def _replaced(self, worker):
        """Returns the End of the task that crashed its worker, which gets a successor."""
        worker.process.join()
        code = worker.process.exitcode
        if code == -signal.SIGKILL:
            raise DecodeError(
                "a decoding process was killed (out of memory?); run the same command again to "
                "resume, with fewer --workers if need be"
            )
        if code >= 0 or worker.task < 0:
            raise DecodeError(f"a decoding process ended with status {code}; see the error above")
        self._workers[self._workers.index(worker)] = self._start()
        return End(worker.task, f"the decoder crashed ({signal.Signals(-code).name})")


class _Worker:
    """A process with its pipe and the shared memory that its views wait in."""

    def __init__(self, decode, view_bytes):
        context = get_context("spawn")  # safe beside the threads of TensorFlow
        count = min(max(_LEAST_WAITING, WAITING_BYTES // view_bytes), _MOST_WAITING)
        memory = context.RawArray("B", count * view_bytes)
        self.slots = _slots(memory, view_bytes)
        self.task = -1  # none yet
        self.pipe, theirs = context.Pipe()
        # A word for each slot that is free again. Not a semaphore: it has a name in the system,
        # which a process that is stopped leaves behind.
        free, self._free = context.Pipe(duplex=False)
        arguments = (theirs, memory, view_bytes, free, once.shared(context), decode)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        with stopping.ignored():  # Ctrl-C is the parent's to handle, also while this one starts
            self.process.start()
        theirs.close()
        free.close()

    def free_slot(self):
        """Lets the worker use the slot of the oldest view again."""
        with contextlib.suppress(BrokenPipeError):  # it has ended
            self._free.send_bytes(b"")


def _slots(memory, view_bytes):
    return np.frombuffer(memory, np.uint8).reshape(-1, view_bytes)


def _work(pipe, memory, view_bytes, free, told, decode):
    """Asks for tasks and puts their views into shared memory, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    once.join(told)
    slots = _slots(memory, view_bytes)
    places = itertools.cycle(range(len(slots)))
    taken = itertools.count()
    tell = functools.partial(_of_parent, pipe.send)
    tell(None)
    while (given := _of_parent(pipe.recv)) is not None:
        number, task = given
        problem = ""
        try:
            for key, view in decode(task):
                if view.dtype != np.uint8 or view.size > view_bytes:
                    raise TypeError(f"{task}: view {view.dtype} {view.shape} above {view_bytes} B")
                if next(taken) >= len(slots):
                    _of_parent(free.recv_bytes)
                slot = next(places)
                slots[slot, : view.size] = view.ravel()
                tell((number, key, slot, view.shape))
        except BAD_VIDEO as error:
            problem = _reason(error)
        tell(End(number, problem))
        tell(None)


def _of_parent(talk, *words):
    """Returns what a pipe to the parent gives; ends this process where the parent has ended."""
    try:
        return talk(*words)
    except (EOFError, ConnectionError):
        os._exit(1)


def _end_with_parent():
    if parent := parent_process():
        parent.join()
    os._exit(1)


def _reason(error):
    """Returns the first line of what a video raised."""
    return (str(error).strip() or repr(error)).splitlines()[0]


def decoded(decode, tasks, workers, view_bytes):
    """Returns a context: Decoders, or with no workers what `decoded_here` yields."""
    if workers:
        return Decoders(decode, tasks, workers, view_bytes)
    return contextlib.closing(decoded_here(decode, tasks))


def decoded_here(decode, tasks):
    """Yields the Views and Ends of all tasks as Decoders do, decoded by this process."""
    for number, task in enumerate(tasks):
        problem = ""
        try:
            for key, view in decode(task):
                yield View(number, key, view)
        except BAD_VIDEO as error:
            problem = _reason(error)
        yield End(number, problem)


def batches(pieces, size, kind=lambda task: 0):
    """Yields Batches of up to `size` views each, of one shape and one kind.

    Args:
      pieces: iterator of View and End.
      size: views of a batch, at least 1.
      kind: number of a task -> what keeps its views apart from those of others.
    """
    clips: Any = None
    keys: list = []
    ended: list[End] = []
    what = None
    for piece in pieces:
        if isinstance(piece, End):
            ended.append(piece)
            continue
        found = kind(piece.task), piece.pixels.shape
        if keys and found != what:
            yield Batch(clips[: len(keys)], keys, ended)
            clips, keys, ended = None, [], []
        if clips is None:
            clips, what = np.empty((size, *piece.pixels.shape), piece.pixels.dtype), found
        clips[len(keys)] = piece.pixels
        keys.append((piece.task, piece.key))
        if len(keys) == size:
            yield Batch(clips, keys, ended)
            clips, keys, ended = None, [], []
    if keys or ended:
        yield Batch(np.empty(0, np.uint8) if clips is None else clips[: len(keys)], keys, ended)


def ahead(items, count=1):
    """Yields the items of an iterable, which a thread makes up to `count` ahead.

    What the iterable raises is raised here. Closing this generator does not end a thread that
    waits inside the iterable: end that first.
    """
    made: queue.Queue = queue.Queue(count)
    stopped = threading.Event()

    def put(item):
        while not stopped.is_set():
            try:
                return made.put(item, timeout=0.1)
            except queue.Full:
                continue

    def make():
        try:
            for item in items:
                put((item, None))
                if stopped.is_set():
                    return
            put((None, StopIteration()))
        except BaseException as error:
            put((None, error))

    threading.Thread(target=make, daemon=True).start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        stopped.set()

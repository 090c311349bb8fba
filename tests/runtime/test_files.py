"""Atomic writes, killed at every system call; lock files."""

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from i3d.runtime import files
from i3d.runtime.command import UserError

ROOT = Path(__file__).parents[2]
OLD, NEW = b"old" * 5000, b"new" * 5000
# Kills this process at the n-th call that a write makes of the operating system.
KILLED = """
import os, signal, sys
from pathlib import Path
from i3d.runtime import files

kind, path, allowed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

def counted(function):
    def call(*arguments, **keywords):
        global allowed
        if not allowed:
            os.kill(os.getpid(), signal.SIGKILL)
        allowed -= 1
        return function(*arguments, **keywords)
    return call

for name in ("open", "mkdir", "fsync", "replace", "rename", "unlink", "rmdir", "close"):
    setattr(os, name, counted(getattr(os, name)))
if kind == "file":
    with files.new_file(path) as file:
        for part in range(10):
            counted(file.write)(b"new" * 500)
else:
    with files.new_path(path, replace_folder=True) as new:
        new.mkdir()
        for part in range(3):
            counted((new / str(part)).write_bytes)(b"new" * 5000)
print(allowed)
"""


def contents(path):
    """Returns the bytes of a file, or those of each file in a folder."""
    if path.is_dir():
        return {entry.name: entry.read_bytes() for entry in path.iterdir()}
    return path.read_bytes()


def write_old(path, kind):
    if kind == "file":
        path.write_bytes(OLD)
    else:
        path.mkdir()
        (path / "0").write_bytes(OLD)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_kill_at_any_call_leaves_a_complete_file(tmp_path, kind):
    """A folder may be missing at one of them, as two cannot be exchanged in one."""
    whole = {"file": NEW, "folder": dict.fromkeys("012", NEW)}[kind]
    seen, missing = [], 0
    for allowed in range(100):
        folder = tmp_path / str(allowed)
        folder.mkdir()
        write_old(folder / "x", kind)
        before = contents(folder / "x")
        line = [sys.executable, "-c", KILLED, kind, str(folder / "x"), str(allowed)]
        done = subprocess.run(line, cwd=ROOT, capture_output=True)
        if (folder / "x").exists():
            seen.append(contents(folder / "x"))
            assert seen[-1] in (before, whole)
        else:
            missing += 1
            assert any(folder.glob(".x.*.partial/replaced"))
        files.remove_partials(folder)
        assert {entry.name for entry in folder.iterdir()} <= {"x"}
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.returncode == 0 and allowed > 5
    assert seen[0] == before and seen[-1] == whole and missing <= (kind == "folder")


@pytest.mark.parametrize("writer", [files.new_file, files.new_path])
def test_an_error_leaves_the_old_file_alone(tmp_path, writer):
    (tmp_path / "x").write_bytes(OLD)
    with pytest.raises(RuntimeError), writer(tmp_path / "x") as given:
        given.write(NEW) if hasattr(given, "write") else given.write_bytes(NEW)
        raise RuntimeError
    assert contents(tmp_path) == {"x": OLD}


def test_text_and_its_options(tmp_path):
    files.write_text(tmp_path / "a.txt", "läuft\n")
    assert (tmp_path / "a.txt").read_bytes() == "läuft\n".encode()
    with files.new_file(tmp_path / "b.csv", "w", newline="", errors="surrogateescape") as file:
        file.write("\udcff\r\n")
    assert (tmp_path / "b.csv").read_bytes() == b"\xff\r\n"
    assert sorted(contents(tmp_path)) == ["a.txt", "b.csv"]


def test_a_path_has_its_final_name_for_libraries(tmp_path):
    with files.new_path(tmp_path / "best.weights.h5") as path:
        assert path.name == "best.weights.h5" and not path.exists()
        path.write_bytes(NEW)
    assert contents(tmp_path) == {"best.weights.h5": NEW}
    with files.new_path(tmp_path / "none"):
        pass
    assert contents(tmp_path) == {"best.weights.h5": NEW}


def test_a_path_within_another_folder(tmp_path):
    (tmp_path / "work").mkdir()
    with files.new_path(tmp_path / "out", within=tmp_path / "work") as path:
        assert path.parents[1] == tmp_path / "work"
        path.mkdir()
        (path / "a").write_bytes(NEW)
    assert contents(tmp_path / "out") == {"a": NEW} and not any((tmp_path / "work").iterdir())


def test_a_folder_is_replaced_only_if_asked(tmp_path):
    write_old(tmp_path / "x", "folder")

    def write(**options):
        with files.new_path(tmp_path / "x", **options) as path:
            path.mkdir()
            (path / "1").write_bytes(NEW)

    with pytest.raises(OSError):
        write()
    assert contents(tmp_path / "x") == {"0": OLD}
    write(replace_folder=True)
    assert contents(tmp_path / "x") == {"1": NEW}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def _write_often(path, byte):
    for _ in range(50):
        with files.new_file(path) as file:
            file.write(byte * 100_000)


def test_two_processes_write_one_name(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_often, args=(tmp_path / "x", b)) for b in (b"a", b"b")]
    for process in writers:
        process.start()
    while any(process.is_alive() for process in writers):
        if (tmp_path / "x").exists():
            data = (tmp_path / "x").read_bytes()
            assert len(data) == 100_000 and len(set(data)) == 1
    assert [process.exitcode for process in writers] == [0, 0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_what_can_be_written(tmp_path):
    files.check_new(tmp_path / "deep/er/a.npz", ".npz")
    assert not any(tmp_path.iterdir())
    files.write_text(tmp_path / "deep/er/a.npz", "made with its folder")
    with pytest.raises(UserError, match=r"a.csv: expected a name that ends in .npz$"):
        files.check_new(tmp_path / "a.csv", ".npz")
    with pytest.raises(UserError, match=r"a.csv: expected a name that ends in .png, .jpg or .gif"):
        files.check_new(tmp_path / "a.csv", (".png", ".jpg", ".gif"))
    (tmp_path / "a").write_text("mine")
    with pytest.raises(UserError, match="is there already; remove it or choose another name"):
        files.check_new(tmp_path / "a")
    with pytest.raises(UserError, match="a: this folder cannot be made: .*a is a file"):
        files.check_new(tmp_path / "a" / "b")
    if os.path.isdir("/proc/self"):  # where nobody may write, whatever its permissions say
        with pytest.raises(UserError, match="^/proc: no file can be written there"):
            files.check_new("/proc/a.mp4")
        for opened in (files.new_path, files.new_file):
            with pytest.raises(OSError, match="'/proc/a.mp4'"), opened("/proc/a.mp4"):
                pass


def _write(writer, path, data):
    with writer(path) as given:
        given.write(data) if hasattr(given, "write") else given.write_bytes(data)


@pytest.mark.parametrize("writer", [files.new_file, files.new_path])
@pytest.mark.parametrize("links", [True, False])
def test_what_has_appeared_since_the_check_stays(tmp_path, monkeypatch, writer, links):
    if not links:

        def link(*_):
            raise PermissionError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", link)
    path = tmp_path / "a.weights.h5"
    for name in ("a_2.weights.h5", "a_3.weights.h5"):
        files.check_new(path)
        with pytest.raises(UserError, match=f"a.weights.h5: has appeared since .*{name}$"):
            with writer(path) as given:
                given.write(NEW) if hasattr(given, "write") else given.write_bytes(NEW)
                path.write_bytes(OLD)  # by another process
        assert contents(tmp_path)[name] == NEW and path.read_bytes() == OLD
        path.unlink()
    files.check_new(path)
    _write(writer, path, NEW)
    _write(writer, path, OLD)  # its own is replaced as ever
    assert path.read_bytes() == OLD and len(contents(tmp_path)) == 3


def test_a_folder_that_has_appeared_since_the_check_stays(tmp_path):
    for kind in ("folder", "file"):
        files.check_new(tmp_path / kind)
        with pytest.raises(UserError, match=f"{kind}_2$"):
            with files.new_path(tmp_path / kind) as path:
                path.mkdir()
                (path / "1").write_bytes(NEW)
                write_old(tmp_path / kind, kind)
        assert contents(tmp_path / f"{kind}_2") == {"1": NEW}
    assert contents(tmp_path / "folder") == {"0": OLD} and contents(tmp_path / "file") == OLD


def test_a_link_to_nothing_is_there(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is there already"):
        files.check_new(tmp_path / "a")


def test_files_that_must_be_there(tmp_path):
    for path, told in ((tmp_path / "no.csv", "no such file"), (tmp_path, "a folder, not a file")):
        with pytest.raises(UserError, match=f"^--boxes: {path}: {told}"):
            files.check_there(path, "boxes")


def held(lock):
    """Starts a process that holds a lock file until its standard input ends."""
    code = (
        "import sys; from i3d.runtime import files\n"
        "with files.alone_in(sys.argv[1], 'busy'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(lock)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    return process


def test_one_process_at_a_time(tmp_path):
    process = held(tmp_path / "lock")
    with pytest.raises(UserError, match="^busy$"), files.alone_in(tmp_path / "lock", "busy"):
        raise AssertionError
    process.kill()
    process.communicate()
    with files.alone_in(tmp_path / "lock", "busy"):
        pass


def test_waiting_for_the_other_process(tmp_path):
    process = held(tmp_path / "lock")
    with files.alone_in(tmp_path / "lock", "busy", wait=process.stdin.close):
        assert process.wait(10) == 0
    process.stdout.close()


def test_alone_in_a_folder(tmp_path):
    """The folder is made for it, and goes with the lock where it stays empty."""
    folder = tmp_path / "runs" / "rgb"
    with files.alone_in_folder(folder, "busy"):
        process = subprocess.run(
            [sys.executable, "-c", ALONE, str(folder)], cwd=ROOT, capture_output=True, text=True
        )
        assert process.stdout == "busy\n", process.stderr
    assert not folder.exists()
    with files.alone_in_folder(folder, "busy"):
        files.write_text(folder / "a", "kept")
    assert [path.name for path in folder.iterdir()] == ["a"]


ALONE = """
import sys
from i3d.runtime import command, files
try:
    with files.alone_in_folder(sys.argv[1], "busy"):
        print("both")
except command.UserError as error:
    print(error)
"""


def test_a_lock_that_its_holder_removed(tmp_path):
    """Who opened the file before has locked one that has no name any more."""
    (tmp_path / "work").mkdir()
    lock = tmp_path / "work" / "lock"
    process = held(lock)

    def removed():
        shutil.rmtree(tmp_path / "work")
        process.stdin.close()

    with pytest.raises(UserError, match="busy"), files.alone_in(lock, "busy", wait=removed):
        raise AssertionError
    assert process.wait(10) == 0
    process.stdout.close()
    assert not os.path.exists(lock)

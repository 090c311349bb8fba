"""`python -m data_prep verify`: every kind of damage, and what differs from the videos."""

import dataclasses
import json
import shutil

import pytest

from i3d.data import read, schema, tfrecord
from tests.helpers.builds import process, told
from tests.helpers.videos import texture_frames, write_video


@pytest.mark.long
def test_verify_counts_and_compares(videos, built):
    result = process("verify", f"--data={built}", f"--videos={videos}")
    assert result.returncode == 0 and told(result.stderr) == []
    lines = result.stdout.splitlines()
    frames = sum(range(20, 20 + 9))
    size = sum(shard.stat().st_size for shard in built.glob("*tfrecord*")) / 1e6
    assert lines[0] == (
        f"train: 9 videos in 25 records and 3 shards, {frames} frames, {frames - 9} flow fields, "
        f"{size:.1f} MB"
    )
    assert lines[2] == "  videos by class: jump 3, run 3, walk 3"
    assert len(lines) == 7 and lines[-1] == f"{built}: all is well"
    ids = [line.split(":")[0].strip() for line in lines[3:6]]
    assert ids == ["jump/jump0", "run/run0", "walk/walk0"]
    assert " frames, PSNR " in lines[3] and "flow bias " in lines[3]


def shards(folder):
    return sorted(folder.glob("*.tfrecord-*"))


def verify(call, folder, *words):
    """Returns (exit status, lines of problems)."""
    status, _, errors = call("verify", f"--data={folder}", "--workers=2", *words)
    *problems, last = errors.splitlines() or [""]
    assert not status or last.startswith(f"data_prep verify: {folder}: problems: {len(problems)}")
    return status, [line.strip() for line in problems]


def test_verify_catches_a_flipped_byte(call, folder):
    shard = shards(folder)[1]
    third = list(tfrecord.read(shard))[2]
    data = bytearray(shard.read_bytes())
    data[third.offset + 12 + len(third.data) // 2] ^= 1
    shard.write_bytes(data)
    where = f"{shard.name}: record 2 (byte {third.offset})"
    assert verify(call, folder) == (1, [f"{where}: its checksum is wrong"])


def test_verify_catches_a_truncated_shard(call, folder):
    shard = shards(folder)[0]
    *_, last = tfrecord.read(shard)
    whole = shard.read_bytes()
    count = last.number + 1
    shard.write_bytes(whole[:-100])
    where = f"{shard.name}: record {last.number} (byte {last.offset})"
    assert verify(call, folder) == (1, [f"{where}: the file ends within it"])
    shard.write_bytes(whole[: last.offset])  # a whole record less
    expected = f"expected {count} records, as dataset_info.json says; got {count - 1}"
    assert verify(call, folder) == (1, [f"{shard.name}: {expected}"])


def test_verify_catches_a_missing_and_a_repeated_shard(call, folder):
    first, second, third = shards(folder)
    third.unlink()
    assert verify(call, folder) == (
        1,
        [f"{third.name}: cannot be read: No such file or directory"],
    )
    third.write_bytes(second.read_bytes())
    status, problems = verify(call, folder)
    repeated = [line for line in problems if line.endswith(": in 2 shards, expected in one")]
    assert status == 1 and len(repeated) == 3


def test_verify_catches_another_shard(call, folder):
    """One that is whole, of as many records, but not the one that was built."""
    shard = shards(folder)[0]
    first, *rest = (record.data for record in tfrecord.read(shard))
    segment = read.parsed(first)
    values = dataclasses.asdict(segment) | {"source_height": segment.source_height + 1}
    with open(shard, "wb") as file:
        for data in (schema.serialised(**values), *rest):
            tfrecord.write(file, data)
    (line,) = verify(call, folder)[1]
    assert line.startswith(f"{shard.name}: expected the checksum ")


def test_verify_catches_missing_metadata(call, folder):
    text = (folder / "label.labels.txt").read_text()
    (folder / "label.labels.txt").unlink()
    status, _, errors = call("verify", f"--data={folder}")
    assert status == 2 and "label.labels.txt: missing; the data set is not whole" in errors
    (folder / "label.labels.txt").write_text(text.replace("run", "rum"))
    status, _, errors = call("verify", f"--data={folder}")
    assert status == 2 and "its class names is not the same in build.json" in errors
    (folder / "label.labels.txt").write_text(text)
    (folder / "build.json").unlink()
    status, problems = verify(call, folder)
    assert problems == ["build.json is missing: whether the splits are whole is not known"]


def test_verify_catches_an_unfinished_split(call, folder):
    made = json.loads((folder / "build.json").read_text())
    del made["splits"]["train"], made["shards"]["train"]
    (folder / "build.json").write_text(json.dumps(made))
    status, problems = verify(call, folder)
    assert status == 1 and problems == [
        "split 'train': its build is not finished; run the same build command again"
    ]


def test_verify_tells_videos_that_are_not_stored(call, videos, built, tmp_path):
    root = shutil.copytree(videos, tmp_path / "videos")
    shutil.copy(root / "run/run0.mp4", root / "run/new.mp4")
    status, problems = verify(call, built, f"--videos={root}", "--sample=0")
    assert status == 1
    assert problems == ["run/new: in --videos, but neither stored nor in failures.jsonl"]


def test_verify_tells_other_labels(call, videos, built, tmp_path):
    (tmp_path / "names").write_text("run\njump\nwalk\n")
    words = [f"--videos={videos}", f"--labels={tmp_path / 'names'}", "--sample=0"]
    status, problems = verify(call, built, *words)
    assert status == 1 and len(problems) == 6
    assert problems[0] == "jump/jump0: stored with label 0, --videos says 1"


def test_verify_tells_another_video(call, videos, built, tmp_path):
    root = shutil.copytree(videos, tmp_path / "videos")
    write_video(root / "run/run0.mp4", texture_frames(26, seed=99))
    write_video(root / "run/run1.mp4", texture_frames(5))
    write_video(root / "run/run2.mp4", texture_frames(28, height=60))
    status, problems = verify(call, built, f"--videos={root}", "--sample=9")
    assert status == 1
    assert [line.split(": ")[0] for line in problems] == ["run/run0", "run/run1", "run/run2"]
    assert "far from its video" in problems[0]
    assert problems[1] == "run/run1: only 5 frames are in its source"
    assert "its source gives 48 x 51" in problems[2]


def test_verify_tells_failures_of_the_build(call, videos, folder, tmp_path):
    root = shutil.copytree(videos, tmp_path / "videos")
    (root / "run/bad.mp4").write_bytes(b"")
    words = (f"--videos={root}", "--sample=0")
    assert verify(call, folder, *words)[0] == 1
    failure = '{"split": "train", "id": "run/bad", "path": "x", "reason": "empty"}\n'
    (folder / "failures.jsonl").write_text(failure)
    status, output, _ = call("verify", f"--data={folder}", *words)
    assert status == 0 and "videos that could not be read when it was built: 1" in output
    (folder / "failures.jsonl").write_text("{")
    assert verify(call, folder) == (1, ["failures.jsonl is damaged"])


def test_verify_flags_that_do_not_go_together(call, videos, folder):
    status, _, errors = call("verify", f"--data={folder}", f"--video_root={videos}")
    assert status == 2 and "go with --videos" in errors
    (folder / "build.json").unlink()
    status, _, errors = call("verify", f"--data={folder}", f"--videos={videos}")
    assert status == 2 and "has no build.json" in errors

"""TFRecord framing and checksums, against TensorFlow's own writer."""

import struct
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from i3d.data import tfrecord
from tests.helpers.processes import ROOT

SIZES = [0, 1, 7, 8, 9, 1000, 65_537]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shard"
    random = np.random.default_rng(0)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in SIZES:
            writer.write(random.bytes(size))
    return path


def problems(path):
    return [record.problem for record in tfrecord.read(path)]


def damage(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def offset(number):
    return sum(SIZES[:number]) + 16 * number


def test_reads_what_tensorflow_writes(file):
    written = [record.numpy() for record in tf.data.TFRecordDataset(str(file))]
    records = list(tfrecord.read(file))
    assert [record.data for record in records] == written
    assert [record.offset for record in records] == [offset(i) for i in range(len(SIZES))]
    assert {record.problem for record in records} == {""}


def test_writes_what_tensorflow_writes(file, tmp_path):
    with open(tmp_path / "ours", "wb") as ours:
        for record in tfrecord.read(file):
            tfrecord.write(ours, record.data)
    assert (tmp_path / "ours").read_bytes() == file.read_bytes()


def test_workers_do_without_tensorflow():
    """It would cost each of them 500 MB."""
    code = """if True:
        import sys
        from data_prep import build, shards
        from i3d.data import schema
        record = schema.serialised(
            id="a", label=0, fps=25.0, start_s=0.0, source_height=3, source_width=4, frames=[b"f"]
        )
        sys.exit("tensorflow" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_checksum_is_the_published_one():
    # The check value that is usually given for CRC-32C, of these nine digits; TFRecord masks it.
    crc = 0xE3069283
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert tfrecord.masked_crc(b"123456789") == masked


@pytest.mark.parametrize("within", [12, 500, 12 + 1000, 12 + 1003])  # data, and their checksum
def test_damaged_data_cost_one_record(file, within):
    damage(file, offset(5) + within)
    expected = [""] * len(SIZES)
    expected[5] = "its checksum is wrong"
    assert problems(file) == expected
    assert list(tfrecord.read(file))[5].data == b""


@pytest.mark.parametrize("within", [0, 7, 8, 11])  # length, and its checksum
def test_damaged_length_ends_the_file(file, within):
    damage(file, offset(5) + within)
    assert problems(file) == [""] * 5 + ["its length is damaged, so what follows cannot be read"]


@pytest.mark.parametrize("left", [1, 11, 12, 500, 12 + 1000, 15 + 1000])
def test_file_cut_within_a_record(file, left):
    file.write_bytes(file.read_bytes()[: offset(5) + left])
    assert problems(file) == [""] * 5 + ["the file ends within it"]


def test_file_cut_between_records_shows_by_their_number_alone(file):
    file.write_bytes(file.read_bytes()[: offset(5)])
    assert problems(file) == [""] * 5
    file.write_bytes(b"")
    assert problems(file) == []


@pytest.mark.parametrize("length", [2**31 + 1, 2**40, 2**62, 2**63, 2**64 - 1])
@pytest.mark.parametrize("number", [0, 3])
def test_lengths_that_no_record_has_are_found(file, length, number):
    """TensorFlow 2.21 ends the process where it cannot have 2**40 bytes."""
    head = struct.pack("<Q", length)
    data = bytearray(file.read_bytes())
    at = offset(number)
    data[at : at + 12] = head + struct.pack("<I", tfrecord.masked_crc(head))
    file.write_bytes(data)
    assert tfrecord.oversized(file) == number
    assert problems(file)[number:] == ["the file ends within it"]


def test_whole_and_damaged_files_have_no_such_length(file):
    assert tfrecord.oversized(file) is None
    damage(file, offset(5) + 7)
    assert tfrecord.oversized(file) is None
    file.write_bytes(file.read_bytes()[:40])
    assert tfrecord.oversized(file) is None
    file.write_bytes(b"")
    assert tfrecord.oversized(file) is None

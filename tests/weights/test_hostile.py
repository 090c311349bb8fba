"""Files made to do harm: each is one line, in little time and memory, whatever it claims."""

import io
import json
import os
import struct
import time
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.weights import start, tf1_index
from i3d.weights.errors import WeightsError
from tests.helpers import synthetic

pytestmark = pytest.mark.long

MEGABYTE = 1_000_000
SECONDS, BYTES = 2.0, 300e6  # for a file of a megabyte
SIZE = 100_000  # of a pickle


def archive(path, pickled, **records):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", pickled)
        for name, data in records.items():
            file.writestr(f"a/data/{name}", data)


def text(value):
    """A text on the stack of a pickle."""
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def storage(key=b"0", numel=1):
    """A storage on the stack, of `numel` numbers."""
    parts = text("storage") + b"ctorch\nFloatStorage\n" + text(key.decode()) + text("cpu")
    return b"(" + parts + b"J" + struct.pack("<i", numel) + b"tQ"


def tensor(shape, strides, key=b"0"):
    """A tensor on the stack; shape and strides as opcodes."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage(key)
        + b"K\0"
        + shape
        + strides
        + b"\x89}tR"
    )


HUGE = b"\x8b" + struct.pack("<i", 15_000) + b"\x01" * 15_000  # LONG4, 120,000 bits
PICKLES = {
    "pops": b"N" * (SIZE // 4) + b"0" * (SIZE // 4 - 1) + b".",
    "marks": b"(" * (SIZE - 2) + b"N.",
    "marks and pops": b"(1" * (SIZE // 2) + b"N.",
    "nested tuples": b")" + b"\x85" * (SIZE - 2) + b".",
    "nested lists": b"]" * (SIZE // 2) + b"a" * (SIZE // 2 - 1) + b".",
    "one long number": b"\x8b" + struct.pack("<i", SIZE) + b"\x7f" * SIZE + b".",
    "a longer number than there is": b"\x8b" + struct.pack("<i", 2**31 - 1) + b"\x7f" * 99,
    "a longer text than there is": b"\x8d" + struct.pack("<Q", 2**62) + b"x" * 99,
    "digits": b"I" + b"9" * SIZE + b"\n.",
    "a huge shape": b"}" + text("w") + tensor(b"(" + HUGE * 30 + b"t", b"(" + b"K\1" * 30 + b"t"),
    "a huge storage": b"}" + text("w") + storage().replace(b"J\1\0\0\0", HUGE),
    "names again and again": b"\x8c\xff" + b"n" * 255 + text("m" * (SIZE // 2)) + b"q\1" + b"q\2"
    b"0" + (b"h\1h\2\x93" * (SIZE // 5)),
    "pairs again and again": b"ccollections\nOrderedDict\nq\0((" + b"(K\1K\1t" * 9
    + b"l" + b"tq\1"  # a list of pairs, then the same call over and over
    + b"h\0h\1R" * (SIZE // 5) + b".",
    "a long tuple as a storage": b"(" + b"N" * (SIZE // 4) + b"tq\0" + b"h\0Q" * (SIZE // 5) + b".",
    "modules of TorchScript, shared": b"".join(
        b"c__torch__.a\nB\n)\x81}" + text("a") + b"h" + bytes([i]) + b"s" + text("b")
        + b"h" + bytes([i]) + b"sbq" + bytes([i + 1])
        if i else b"}q\1" for i in range(60)
    ) + b".",
    "dicts of dicts, shared": b"}q\0" + b"".join(
        b"}" + b"q" + bytes([i + 1]) + text("a") + b"h" + bytes([i]) + b"s" + text("b")
        + b"h" + bytes([i]) + b"s"
        for i in range(60)
    ) + b".",
}  # fmt: skip


def measured(action, part=1):
    """Runs an action that must fail in one line, in a part of the time and memory allowed."""
    for traced in (False, True):
        if traced:
            tracemalloc.start()
        begin = time.thread_time()  # other work, of this process too, may take the processor
        try:
            with pytest.raises(WeightsError) as caught:
                action()
            taken = time.thread_time() - begin
            peak = traced and tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert traced or taken < SECONDS * part
        assert peak < BYTES * part
    message = str(caught.value)
    assert "\n" not in message and len(message) < 3000
    return message


@pytest.fixture(scope="module")
def model():
    return models.build("inception_i3d", num_classes=3, width=0.02, size=64)


@pytest.mark.parametrize("shape", ["shared", "in itself", "long names"])
def test_torchscript(shape, tmp_path):
    """Modules in modules are looked at once each."""
    script = b"c__torch__.a\nB\n)\x81"
    if shape == "shared":
        pickled = PICKLES["modules of TorchScript, shared"]
    elif shape == "in itself":
        pickled = script + b"}q\0" + text("a") + b"h\0sb."
    else:
        level = script + b"}" + text("n" * 100)
        pickled = level * 400 + b"N" + b"sb" * 400 + b"."
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as file:
        file.writestr("a/data.pkl", pickled)
        file.writestr("a/constants.pkl", b").")
    line = measured(lambda: start.head_classes(tmp_path / "a.pt"), 0.2)
    assert "a TorchScript archive with" in line


@pytest.mark.parametrize("name", PICKLES)
def test_pickles(name, tmp_path):
    """A tenth of a megabyte in a fifth of the time: most is spent on what does not grow."""
    archive(tmp_path / "a.pth", PICKLES[name])
    magic = b"\x8a\x0a" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little") + b"."
    (tmp_path / "b.pth").write_bytes(magic + PICKLES[name])
    for file in ("a.pth", "b.pth"):
        assert os.path.getsize(tmp_path / file) < 6 * SIZE
        measured(lambda file=file: start.head_classes(tmp_path / file), 0.2)


def test_records_that_overlap(tmp_path, model):
    """As many entries as one likes may name the same bytes."""
    tensors = b"".join(text(f"w{i}") + tensor(b"(K\1t", b"(K\1t", b"%d" % i) for i in range(2000))
    archive(tmp_path / "a.pth", b"}(" + tensors + b"u.", **{"0": bytes(500_000)})
    with zipfile.ZipFile(tmp_path / "a.pth", "a") as file:
        whole = file.getinfo("a/data/0")
        for i in range(1, 2000):
            again = zipfile.ZipInfo(f"a/data/{i}")
            for name in ("CRC", "compress_size", "file_size", "header_offset"):
                setattr(again, name, getattr(whole, name))
            file.filelist.append(again)
            file.NameToInfo[again.filename] = again
        file._didModify = True
    line = measured(lambda: i3d.weights.load(model, tmp_path / "a.pth"))
    assert "damaged" in line or "File name in directory" in line


def test_archives_that_inflate_or_are_locked(tmp_path, model):
    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", bytes(90 * MEGABYTE))
    measured(lambda: start.head_classes(tmp_path / "a.pth"))
    archive(tmp_path / "b.pth", b"}.")
    data = bytearray((tmp_path / "b.pth").read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # the bit of encryption
    (tmp_path / "b.pth").write_bytes(data)
    assert "encrypted" in measured(lambda: start.head_classes(tmp_path / "b.pth"))


def test_a_keras_archive_says_what_to_do(tmp_path, model):
    model.save(tmp_path / "a.keras")
    line = measured(lambda: i3d.weights.load(model, tmp_path / "a.keras"))
    assert "a .keras archive; expected weights" in line


SAFETENSORS = {
    "numbers without end": '{"a": {"dtype": "F32", "shape": [' + "9" * 900_000 + "]}}",
    "many large numbers": json.dumps(
        {"a": {"dtype": "F32", "shape": [10**4000] * 200, "data_offsets": [0, 4]}}
    ),
    "deep": '{"a":' * 150_000,
    "lists in lists": "[" * 900_000,
    "many axes": json.dumps(
        {"a": {"dtype": "F32", "shape": [1] * 300_000, "data_offsets": [0, 4]}}
    ),
    "negative": json.dumps({"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}),
    "fractions": json.dumps({"a": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}}),
    "truth": json.dumps({"a": {"dtype": "F32", "shape": [True], "data_offsets": [False, 4]}}),
    "a long name of a type": json.dumps({"a": {"dtype": "F" * 10**5, "shape": []}}),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_safetensors(name, tmp_path, model):
    header = SAFETENSORS[name].encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert "safetensors file" in measured(lambda: i3d.weights.load(model, path))


def h5_unallocated(file):
    file.create_dataset("layers/conv3d/vars/0", (10**6, 10**6), "f4", chunks=(1000, 1000))


def h5_zeros(file):
    data = np.zeros(300 * MEGABYTE // 4, "f4")
    file.create_dataset("layers/dense/vars/0", data=data, compression="gzip")


def h5_other_file(file):
    file.create_dataset("layers/conv3d/vars/0", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def h5_circle(file):
    file["layers/a/b"] = file["layers"] if "layers" in file else file.create_group("layers")


def h5_objects(file):
    for i in range(800):
        file.create_group(f"layers/dense_{'9' * 4000}{i}" if i < 20 else f"layers/{i}")


def h5_soft(file):
    file["layers"] = h5py.ExternalLink("/dev/zero", "layers")


def h5_text(file):
    file["layers/dense/vars/0"] = "no numbers"


def h5_layers_that_are_not_there(file):
    file.attrs["layer_names"] = [b"a", b"b"]
    file.create_group("a").attrs["weight_names"] = [b"a/kernel:0"]


H5 = [v for k, v in list(globals().items()) if k.startswith("h5_")]


@pytest.mark.long
@pytest.mark.parametrize("make", H5, ids=lambda make: make.__name__)
def test_h5(make, tmp_path, model):
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        make(file)
    assert os.path.getsize(path) < 1.1 * MEGABYTE
    measured(lambda: i3d.weights.load(model, path))


def varint(number):
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def table(entries):
    """Returns an index of one block of (shared, own, value), checksums left out."""
    block = b"".join(
        varint(shared) + varint(len(own)) + varint(len(value)) + own + value
        for shared, own, value in entries
    )
    block += struct.pack("<II", 0, 1)
    handle = varint(0) + varint(len(block))
    top = varint(0) + varint(1) + varint(len(handle)) + b"z" + handle + struct.pack("<II", 0, 1)
    footer = varint(0) + varint(0) + varint(len(block) + 5) + varint(len(top))
    footer = footer.ljust(40, b"\0") + tf1_index.MAGIC
    return block + bytes(5) + top + bytes(5) + footer


def shape_of(*sizes):
    axes = b"".join(b"\x12" + varint(len(a := b"\x08" + varint(n))) + a for n in sizes)
    return b"\x08\x01\x12" + varint(len(axes)) + axes


HEADER = (0, b"", b"\x08\x01")
INDEXES = {
    "names that grow": [HEADER, (0, b"n" * 900, b"")] + [(900, b"n", b"")] * 10_000,
    "a huge shape": [HEADER, (0, b"w", shape_of(2**62, 2**62, 2**62))],
    "many axes": [HEADER, (0, b"w", shape_of(*[1] * 100_000))],
    "numbers beyond the file": [HEADER, (0, b"w", shape_of(2**30) + b"\x28" + varint(2**32))],
    "another file": [HEADER, (0, b"w", shape_of(1) + b"\x18\x07\x28\x04")],
    "slices": [HEADER, (0, b"w", shape_of(1) + b"\x28\x04\x3a\x00")],
    "an endless number": [HEADER, (0, b"w", b"\x08" + b"\xff" * 100_000)],
    "no header": [(0, b"w", shape_of(1) + b"\x28\x04")],
}


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(name, tmp_path, model):
    (tmp_path / "a.index").write_bytes(table(INDEXES[name]))
    (tmp_path / "a.data-00000-of-00001").write_bytes(bytes(64))
    line = measured(lambda: i3d.weights.load(model, tmp_path / "a"))
    assert "not a whole TF1 checkpoint" in line or "does not fit" in line


def test_blocks_named_again_and_again(tmp_path, model):
    prefix = synthetic.write_checkpoint(tmp_path, {"w": np.zeros(3, np.float32)})
    index = table([HEADER, (0, b"w", shape_of(3) + b"\x28\x0c")])
    block = index[: index.index(b"\0\0\0\0\1\0\0\0") + 8]
    handle = varint(0) + varint(len(block))
    top = (varint(0) + varint(1) + varint(len(handle)) + b"z" + handle) * 100_000
    top += struct.pack("<II", 0, 1)
    footer = varint(0) + varint(0) + varint(len(block) + 5) + varint(len(top))
    footer = footer.ljust(40, b"\0") + tf1_index.MAGIC
    (tmp_path / "model.ckpt.index").write_bytes(block + bytes(5) + top + bytes(5) + footer)
    assert "overlap" in measured(lambda: i3d.weights.load(model, prefix))


def mutated(data, random):
    """Returns bytes with a few of them changed, lost, or put in twice."""
    data = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 8])):
        data = data or bytearray(b"x")
        reach = random.choice([len(data), len(data), 2000])
        place = int(random.integers(min(reach, len(data)))) * int(random.choice([1, -1]))
        kind = random.integers(5)
        if kind == 0:
            data[place] ^= 1 << int(random.integers(8))
        elif kind == 1:
            data[place : place + 8] = random.choice([b"\xff" * 8, bytes(8), b"\0\0\0\0\1\0\0\0"])
        elif kind == 2:
            del data[place : place + int(random.choice([1, 8, 100]))]
        elif kind == 3:
            data[place:place] = data[: int(random.choice([1, 16, 200]))]
        else:
            data = data[:place] or data
    return bytes(data)


@pytest.fixture(scope="module")
def good(tmp_path_factory, model):
    """One small file of each kind, {name: content}."""
    folder = tmp_path_factory.mktemp("good")
    model.save_weights(folder / "a.weights.h5")
    prefix = synthetic.write_checkpoint(folder, {"x/w": np.zeros((3, 4), "f"), "step": np.int64(3)})
    buffer = io.BytesIO()
    pickled = b"}" + text("fc.weight") + tensor(b"(K\1K\1t", b"(K\1K\1t") + b"s."
    archive(buffer, pickled, **{"0": bytes(4)})
    header = b'{"fc.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}}'
    return {
        "a.pth": buffer.getvalue(),
        "a.safetensors": struct.pack("<Q", len(header)) + header + bytes(4),
        "a.weights.h5": (folder / "a.weights.h5").read_bytes(),
        "a.index": (prefix.parent / "model.ckpt.index").read_bytes(),
    }


@pytest.mark.long
def test_mutations_are_read_or_one_line(tmp_path, good, model):
    random = np.random.default_rng(7)
    (tmp_path / "a.data-00000-of-00001").write_bytes(bytes(64))
    for name, data in good.items():
        for _ in range(30 if name.endswith("h5") else 250):
            (tmp_path / name).write_bytes(mutated(data, random))
            try:
                start.head_classes(tmp_path / name.removesuffix(".index"))
                i3d.weights.load(model, tmp_path / name.removesuffix(".index"))
            except WeightsError as error:
                assert "\n" not in str(error)
            (tmp_path / name).unlink()


@pytest.fixture(scope="module")
def clip():
    return models.build("clip_tiny")


CLIPS = {  # keys of tensors without numbers
    "blocks without end": [f"visual.transformer.resblocks.{i}.net.ln_1.bias" for i in range(8000)],
    "long numbers": [f"visual.transformer.resblocks.{'9' * 9000}{i}.net.x" for i in range(80)],
    "dots": ["." * 9000 + f"text_model.layer_norm1.{i}" for i in range(80)],
    "heads": [f"fusion_model_state_dict.module.lstm_visual.{i}" for i in range(8000)],
    "one name again and again": ["visual." * 100_000],
}


@pytest.mark.parametrize("name", CLIPS)
def test_clip(name, tmp_path, clip):
    """Keys are matched in a time that grows with their length alone."""
    empty = {"dtype": "F32", "shape": [0, 5], "data_offsets": [0, 0]}
    keys = [*CLIPS[name], "visual.conv1.weight", "visual.class_embedding", "ln_final.weight"]
    header = json.dumps(dict.fromkeys(keys, empty)).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert "holds" in measured(lambda: i3d.weights.load(clip, path))
    measured(lambda: start.head_classes(path))


CONFIGS = {
    "deep": '{"a":' * 150_000,
    "no object": "[1]",
    "twice": '{"model_type": "clip", "model_type": "clip"}',
    "a long name": json.dumps({"model_type": "c" * 900_000}),
    "a list": json.dumps({"model_type": "clip", "text_config": [0] * 300_000}),
    "a long act": json.dumps({"model_type": "clip", "text_config": {"hidden_act": "q" * 900_000}}),
    "large sizes": json.dumps({"model_type": "clip", "vision_config": {"hidden_size": 10**4000}}),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_folders(name, tmp_path, clip):
    (tmp_path / "config.json").write_text(CONFIGS[name])
    header = b'{"fc.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}}'
    content = struct.pack("<Q", len(header)) + header + bytes(4)
    (tmp_path / "model.safetensors").write_bytes(content)
    measured(lambda: i3d.weights.load(clip, tmp_path))

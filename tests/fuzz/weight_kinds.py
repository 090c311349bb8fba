"""Files of weights: small ones of every form, and what reads them."""

import io
import json
import pickle
import struct
import zipfile
from types import SimpleNamespace

import h5py
import numpy as np

from i3d.weights.pytorch import load
from tests.fuzz import mutate
from tests.fuzz.harness import Kind
from tests.helpers import clip_files
from tests.helpers.torch_files import write_safetensors

_MAGIC = 0x1950A86A20F9469CFC6C
_TF1_LAYERS = ("Conv3d_1a_7x7", "Logits/Conv3d_0c_1x1")
_SHAPES = {
    "backbone.conv.weight": (3, 2, 1, 3, 3),
    "cls_head.fc.weight": (5, 3),
    "cls_head.b": (5,),
}


class _Global:
    """Pickled as the name of a class or function."""

    def __init__(self, name):
        self.name = name


class _Tensor:
    """Pickled as PyTorch pickles a tensor."""

    def __init__(self, key, shape):
        self.key, self.shape = key, shape


class _Module:
    """Pickled as TorchScript pickles a module: an object of its own code, with attributes."""

    def __init__(self, attributes):
        self.attributes = attributes


class _Pickler(pickle._Pickler):
    """Writes what torch.save writes, without PyTorch."""

    def __init__(self, file, old):
        super().__init__(file, 2)
        self._old = old

    def save(self, value, *arguments, **keywords):
        if isinstance(value, _Global):
            self.write(b"c" + value.name.replace(" ", "\n").encode() + b"\n")
        elif isinstance(value, _Tensor):
            self.save(_Global("torch._utils _rebuild_tensor_v2"))
            numel = int(np.prod(value.shape))
            strides = tuple(int(np.prod(value.shape[i + 1 :])) for i in range(len(value.shape)))
            storage = ("storage", _Global("torch FloatStorage"), value.key, "cpu", numel)
            self.write(b"(")
            self.save(storage + (None,) * self._old)
            self.write(b"Q")
            for part in (0, value.shape, strides, False, {}):
                self.save(part)
            self.write(b"tR")
        elif isinstance(value, _Module):
            self.write(b"c__torch__.m\nM\n)\x81")
            self.save(value.attributes)
            self.write(b"b")
        else:
            super().save(value, *arguments, **keywords)


def _pickled(value, old=False):
    buffer = io.BytesIO()
    _Pickler(buffer, old).dump(value)
    return buffer.getvalue()


def _state():
    return {name: _Tensor(str(i), shape) for i, (name, shape) in enumerate(_SHAPES.items())}


def _numbers():
    return {str(i): np.ones(shape, "<f4").tobytes() for i, shape in enumerate(_SHAPES.values())}


def _write_zip(root):
    root.mkdir(exist_ok=True)
    with zipfile.ZipFile(root / "a.pth", "w") as archive:
        value = {"meta": {"epoch": 3, "time": 1.5}, "state_dict": _state()}
        archive.writestr("archive/data.pkl", _pickled(value))
        archive.writestr("archive/byteorder", "little")
        for key, data in _numbers().items():
            archive.writestr(f"archive/data/{key}", data)
    return root / "a.pth"


def _write_script(root):
    root.mkdir(exist_ok=True)
    inner = _Module({"training": False, **_state()})
    with zipfile.ZipFile(root / "a.pt", "w") as archive:
        module = _Module({"inner": inner, "again": inner})
        archive.writestr("archive/data.pkl", _pickled(module))
        archive.writestr("archive/constants.pkl", _pickled(()))
        for key, data in _numbers().items():
            archive.writestr(f"archive/data/{key}", data)
    return root / "a.pt"


def _write_sequence(root):
    root.mkdir(exist_ok=True)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    parts = [_pickled(part) for part in (_MAGIC, 1001, system)]
    parts += [_pickled(_state(), old=True), _pickled(list(_numbers()))]
    for data in _numbers().values():
        parts.append(struct.pack("<Q", len(data) // 4) + data)
    (root / "a.pth").write_bytes(b"".join(parts))
    return root / "a.pth"


def _write_safetensors(root):
    root.mkdir(exist_ok=True)
    arrays = {name: np.ones(shape, "f") for name, shape in _SHAPES.items()}
    write_safetensors(root / "a.safetensors", arrays)
    return root / "a.safetensors"


def _write_clip(root):
    """Writes what is small of a tiny ActionCLIP, so that it is told what is missing."""
    root.mkdir(exist_ok=True)
    state = clip_files.clip_state() | {
        f"fusion_model_state_dict.module.{key}": array
        for key, array in clip_files.fusion_state("Transf_cls").items()
    }
    small = {key: array for key, array in state.items() if array.size < 1000}
    write_safetensors(root / "a.safetensors", small)
    return root / "a.safetensors"


def _read_clip(path):
    from i3d import weights
    from i3d.weights.errors import Misfit

    _head_or_line(path)
    try:
        weights.load(_model("clip"), path)
    except Misfit:
        pass


def _write_clip_h5(root):
    root.mkdir(exist_ok=True)
    with h5py.File(root / "a.weights.h5", "w") as file:
        patches = np.ones((8, 8, 3, 192), "f")
        file["layers/clip_vision_embedding/patch_embedding/vars/0"] = patches
        file["layers/frame_positions/vars/0"] = np.ones((9, 64), "f")
        file["layers/class_token/vars/0"] = np.ones(64, "f")
    return root / "a.weights.h5"


def _write_clip_config(root):
    folder = clip_files.write_folder(root / "clip", state={"ln_final.bias": np.ones(3, "f")})
    return folder / "config.json"


def _read_clip_config(path):
    from i3d.weights.pytorch import clip_folder

    arch = SimpleNamespace(
        visual_width=192, visual_layers=3, patch=8, size=32, text_width=128, text_layers=2
    )
    config = clip_folder.config_of(path.parent)
    clip_folder.model_of(path.parent)
    clip_folder.check_sizes(path.parent, config, arch)


def _read_torch(path):
    load.state_dict(path)
    load.head_classes(path)


def _read_script(path):
    load.state_dict(path)


def _in_header(rng, data):
    """Mutates the header of a safetensors file as JSON; its length is right again."""
    if rng.random() < 0.3:
        return mutate.of_bytes(rng, data)
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length])).encode()
    header = mutate.of_json(rng, header)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


_models = {}


def _model(name):
    """Returns a tiny ActionCLIP, or a model of one layer with a name of TF1's or another."""
    if name not in _models:
        import keras

        if name == "clip":
            from i3d import models

            _models[name] = models.build("actionclip", arch="tiny", head="Transf_cls")
            return _models[name]
        values = inputs = keras.Input((1, 2, 2, 3))
        if name == "tf1":
            values = keras.layers.Conv3D(3, 1, name="Conv3d_1a_7x7-conv_3d")(values)
            values = keras.layers.Conv3D(4, 1, name="Logits")(values)
        else:
            values = keras.layers.Dense(4)(values)
        _models[name] = keras.Model(inputs, values)
    return _models[name]


def _write_keras(root):
    root.mkdir(exist_ok=True)
    _model("keras").save_weights(root / "a.weights.h5")
    return root / "a.weights.h5"


def _write_older_keras(root):
    """Writes the layout of Keras 2: a group for each layer, names in attributes."""
    root.mkdir(exist_ok=True)
    with h5py.File(root / "a.h5", "w") as file:
        file.attrs["layer_names"] = [b"Conv3d_6a_1x1"]
        file.attrs["backend"] = b"tensorflow"
        group = file.create_group("Conv3d_6a_1x1")
        names = ["Conv3d_6a_1x1/kernel:0", "Conv3d_6a_1x1/bias:0"]
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, shape in zip(names, ((1, 1, 1, 3, 4), (4,)), strict=True):
            group[name] = np.ones(shape, "f")
    return root / "a.h5"


def _head_or_line(path):
    from i3d.runtime.command import UserError
    from i3d.weights.start import head_classes

    try:
        head_classes(path)
    except UserError:
        pass


def _read_weights(path, model):
    from i3d import weights

    _head_or_line(path)
    weights.load(_model(model), path)


def _read_keras(path):
    _read_weights(path, "keras")


def _write_tf1(name):
    def write(root):
        from tests.helpers.synthetic import write_checkpoint

        first, head = (f"RGB/inception_i3d/{n}/conv_3d/" for n in _TF1_LAYERS)
        arrays = {f"{head}w": np.ones((1, 1, 1, 3, 4), "f"), f"{head}b": np.ones(4, "f")}
        arrays |= {f"{first}w": np.ones((1, 1, 1, 3, 3), "f"), f"{first}b": np.ones(3, "f")}
        arrays |= {f"{first}w/Adam": np.ones((1, 1, 1, 3, 3), "f"), "global_step": np.int64(7)}
        prefix = write_checkpoint(root, arrays)
        return prefix.with_name(prefix.name + name)

    return write


def _read_tf1(path):
    _read_weights(path.with_name("model.ckpt"), "tf1")


def _read_or_misfit(path):
    """A good file of another network is a line too."""
    from i3d.weights.errors import WeightsError

    try:
        _read_keras(path)
    except WeightsError:
        pass


KINDS = (
    Kind("pth, an archive", _write_zip, _read_torch, mutate.in_zip(mutate.of_bytes)),
    Kind("TorchScript", _write_script, _read_script, mutate.in_zip(mutate.of_bytes)),
    Kind("safetensors of ActionCLIP", _write_clip, _read_clip, _in_header, cost=4),
    Kind("weights.h5 of ActionCLIP", _write_clip_h5, _read_clip, cost=4),
    Kind("config.json of CLIP", _write_clip_config, _read_clip_config, mutate.of_json),
    Kind("pth, a sequence", _write_sequence, _read_torch),
    Kind("safetensors", _write_safetensors, _read_torch, _in_header),
    Kind("weights.h5", _write_keras, _read_keras, cost=4),
    Kind("h5 of Keras 2", _write_older_keras, _read_or_misfit, cost=4),
    Kind("TF1 index", _write_tf1(".index"), _read_tf1, mutate.in_index, cost=2),
    Kind("TF1 data", _write_tf1(".data-00000-of-00001"), _read_tf1, cost=2),
)

"""A data set that names a Python class is opened by no command: one line, and nothing imported."""

import importlib
import json
import sys
import time
from pathlib import Path

import pytest

from data_prep import __main__ as data_prep
from i3d import evaluate, predict, train
from i3d.data import metadata
from i3d.data.metadata import Metadata, Split
from tests.helpers import calls
from tests.helpers.videos import write_folder

ROOT = Path(__file__).parents[1]
EVIL = "open('OWNED', 'w').write('imported')\n"
CONFIG = f"--config={ROOT}/configs/i3d/finetune.py"


@pytest.fixture(params=["data/stranger", "data/stranger/1.0.0"])
def folder(request, tmp_path, monkeypatch):
    """The data set of a stranger, in a folder that modules are imported from."""
    folder = tmp_path / request.param
    folder.mkdir(parents=True)
    (folder / "evil.py").write_text(EVIL)
    (tmp_path / "evil.py").write_text(EVIL)
    metadata.write(
        folder, Metadata("25 fps", ("run", "walk"), True, False, {"train": Split((1,), 9)})
    )
    (folder / "videos-train.tfrecord-00000-of-00001").write_bytes(b"no records")
    text = (folder / "features.json").read_text()
    tensor = "tensorflow_datasets.core.features.tensor_feature.Tensor"
    (folder / "features.json").write_text(text.replace(tensor, "evil.X"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def refused(main, name, *words, status=2):
    """Returns the line; nothing was imported, and it took no time."""
    begin = time.perf_counter()
    line = calls.refused(main, name, *words, status=status)
    assert time.perf_counter() - begin < 2
    assert not Path("OWNED").exists() and "evil" not in sys.modules
    return line


def prepare(argv):
    """Calls `python -m data_prep NAME ...` for ["data_prep NAME", ...]."""
    name = argv[0].split()[1]
    importlib.import_module(f"data_prep.commands.{name}").FLAGS.unparse_flags()
    return data_prep.main(["data_prep", name, *argv[1:]])


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("show",),
        ("show", "--id=a", "--out=a.gif"),
        ("export_npy", "--id=a", "--out=arrays"),
    ],
)
def test_data_prep_imports_nothing(folder, words):
    name, *more = words
    line = refused(prepare, f"data_prep {name}", *more, f"--data={folder}")
    assert "features.json: not as `build` writes it: featuresDict.features.fps" in line


@pytest.mark.parametrize("with_build_json", [True, False])
def test_another_split_is_not_built_there(folder, with_build_json):
    write_folder(Path("clips"), ("run", "walk"), 1)
    if with_build_json:
        recipe = {"streams": ["rgb", "flow"], "flow_method": "dis", "fps": 25.0}
        recipe |= {"short_side": 48, "max_segment_s": 60.0}
        made = {"recipe": recipe, "class_names": ["run", "walk"], "splits": {"train": "0"}}
        (folder / "build.json").write_text(json.dumps(made))
    words = ["--videos=clips", f"--out={folder}", "--split=test", "--short_side=48"]
    line = refused(prepare, "data_prep build", *words, "--flow_method=dis", status=1)
    assert "features.json" in line if with_build_json else "made by something else" in line
    assert not (folder / ".build").exists()


def test_the_other_commands_import_nothing(folder):
    """They open it before anything else, TensorFlow too."""
    Path("a.weights.h5").touch()
    for main, name, *words in (
        (train.main, "train", CONFIG, f"--config.data.records={folder}", "--workdir=run"),
        (evaluate.main, "evaluate", CONFIG, f"--records={folder}", "--checkpoint=a.weights.h5"),
        (predict.main, "predict", f"--records={folder}", "--checkpoint=a.weights.h5",
         "--model=tsn_r50_1x1x3"),
    ):  # fmt: skip
        assert "features.json: not as `build` writes it" in refused(main, name, *words)
    assert not Path("run").exists()


def test_a_million_shards_are_one_line(folder):
    """Also those of a file that is as small as it can be."""
    own = Metadata("25 fps", ("run",), True, False, {"train": Split((1,) * 150_000, 9)})
    metadata.write(folder, own)
    text = json.dumps(json.loads((folder / "dataset_info.json").read_text()), separators=(",", ":"))
    (folder / "dataset_info.json").write_text(text)
    assert len(text) < 1_000_000
    line = refused(prepare, "data_prep verify", f"--data={folder}")
    assert "expected 150000 shards, as dataset_info.json says, it holds 5 files" in line

"""What all commands of `python -m data_prep` have in common: wrong calls, damage."""

import pytest

from tests.helpers.builds import process, told


@pytest.mark.parametrize("name", ["probe", "verify", "show", "export_npy", "figures"])
def test_wrong_calls_and_help(call, name):
    assert call(name, "word")[0] == 2
    assert call(name, "--nonsense=1")[0] == 2
    status, _, errors = call(name)
    assert status == 2 and errors.count("\n") == 1 and "is needed" in errors
    status, output, _ = call(name, "--help")
    assert status == 0 and f"python -m data_prep {name}" in output and "--[no]" not in output[:200]


@pytest.mark.parametrize("name", ["verify", "show", "export_npy"])
def test_folder_without_data_set(call, name, tmp_path):
    extra = ["--id=a", f"--out={tmp_path / 'x.gif'}"] if name != "verify" else []
    status, _, errors = call(name, f"--data={tmp_path}", *extra)
    assert status == 2
    assert errors.startswith(f"data_prep {name}: {tmp_path}: expected a data set")
    assert errors.count("\n") == 1


def test_unknown_split(call, built):
    status, _, errors = call("verify", f"--data={built}", "--split=tset")
    assert (status, errors.count("\n")) == (2, 1)
    assert "--split: this data set has: train; got 'tset'" in errors


@pytest.mark.long
@pytest.mark.parametrize("name", ["show", "export_npy"])
def test_damage_is_one_line_here_too(folder, name, tmp_path):
    for shard in folder.glob("*.tfrecord-*"):
        data = bytearray(shard.read_bytes())
        data[1000] ^= 1
        shard.write_bytes(data)
    result = process(name, f"--data={folder}", "--id=run/run0", f"--out={tmp_path / 'a.png'}")
    (line,) = told(result.stderr)
    assert result.returncode == 1 and line.endswith("record 0 (byte 0): its checksum is wrong")
    assert not (tmp_path / "a.png").exists()

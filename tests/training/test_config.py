"""The closed configuration: every mistake is one line that names the key."""

import subprocess
import sys

import pytest
from absl import flags

from i3d.runtime.command import UserError
from i3d.training import config, config_errors

FILE = """
from i3d.training import config

def get_config():
    c = config.defaults()
    {}
    return c
"""


@pytest.fixture
def parse(tmp_path):
    def parse(body="pass", *overrides, text=FILE):
        path = tmp_path / "recipe.py"
        path.write_text(text.format(body))
        values = flags.FlagValues()
        argv = ["train", f"--config={path}", *overrides]
        config.define_flag(values, argv)
        config.parse_flags(argv, values)
        return values.config

    return parse


def error_of(parse, *arguments, **keywords):
    with pytest.raises(UserError) as caught:
        parse(*arguments, **keywords)
    message = str(caught.value)
    assert "\n" not in message and "Traceback" not in message
    return message


def test_defaults_pass_their_own_check():
    config.check(config.defaults())


def test_file_and_then_overrides(parse):
    got = parse(
        "c.optimizer.learning_rate = 1; c.schedule.factors = [1.0, 0.1]; c.data.flip = False",
        "--config.steps=7",
        "--config.schedule.boundaries=(3,)",
        "--config.data.flip",
        "--config.data.stream=flow",
    )
    assert (got.steps, got.optimizer.learning_rate, got.data.flip) == (7, 1.0, True)
    assert (got.schedule.boundaries, got.schedule.factors) == ((3,), (1.0, 0.1))
    assert got.data.stream == "flow" and got.seed == 0


@pytest.mark.parametrize(
    "body, expected",
    [
        ("c.optimizer.learning_rat = 1", 'Did you mean "learning_rate"'),
        ("c.optimiser.momentum = 1", 'Did you mean "optimizer"'),
        ("c.steps = 1.5", "steps"),
        ("c.batch = 3", "batch"),
    ],
)
def test_mistakes_in_the_file_name_its_line(parse, body, expected):
    message = error_of(parse, body)
    assert "recipe.py:6: " in message and expected in message


@pytest.mark.parametrize(
    "override, expected",
    [
        ("--config.optimizer.momentun=1", "did you mean config.optimizer.momentum?"),
        ("--config.momentum=1", "did you mean config.optimizer.momentum?"),
        ("--config.steps.x=1", "config.steps.x: no such key"),
        ("--config.batch=1", "config.batch: no such key"),
        ("--config.qqq=1", "the keys are batch.accumulate, "),
        ("--config.steps=many", "config.steps: expected int, got 'many'"),
        ("--config.steps=1.5", "config.steps: expected int, got '1.5'"),
        ("--config.data.flip=perhaps", "config.data.flip: expected bool, got 'perhaps'"),
        ("--config.schedule.boundaries=soon", "expected a tuple of int, got ('soon',)"),
        ("--config.batch_norm=synced", "did you mean 'sync'?"),
        ("--config.precision=float16", "expected one of ('float32', 'bfloat16')"),
        ("--config.steps=0", "config.steps: expected at least 1, got 0"),
        ("--config.model.dropout=1", "expected at least 0 and below 1, got 1.0"),
        ("--config.optimizer.clip_norm=-1", "expected at least 0, got -1.0"),
        ("--config.data.frames=1000000000", "frames: expected a whole number from 1 to 10000"),
        ("--config.data.size=8000", "views of at most 1,073,741,824 numbers, got 64 frames x 1"),
        ("--config.model.width=1e9", "config.model.width: expected at most 16, got 1000000000.0"),
        ("--config.optimizer.learning_rate=nan", "expected at least 0, got nan"),
        ("--config.optimizer.learning_rate=inf", "expected at most 1,000,000,000,000, got inf"),
        ("--config.steps=1" + "0" * 400, "config.steps: expected at most 1,000,000,000,000, got 1"),
        ("--config.data.std=(nan, 1.0, 1.0)", "config.data.std: expected a tuple of int or float"),
        ("--config.schedule.gamma=0.5", "config.schedule.gamma: read by the schedule step or"),
        ("--config.schedule.boundaries=(5,)", "expected one rate more than boundaries"),
        ("--config.schedule.begin=5", "config.schedule.begin: read by the schedule cosine only"),
        (
            "--config.optimizer.betas=(0.9, 0.9)",
            "optimizer.betas: read by the optimizer adam or adamw",
        ),
        ("--config.text.labels=labels.txt", "config.text.labels: read by models with a text tower"),
        (
            "--config.model.name=clip_b16",
            "data.frames: expected 1, as clip_b16 takes a",
        ),
        ("--config.schedule.hold=0", "config.schedule.hold: expected at least 1, got 0"),
        ("--config.optimizer.head_factors=(5.0,)", "head_factors: expected 0 or 2 numbers, got"),
        ("--config.data.mean=(1.0, 2.0, 3.0)", "config.data.std: expected () or 3 numbers each"),
        ("--config.data.std=(1.0, 2.0)", "expected () or 3 numbers each for the stream 'rgb'"),
        ("--confg.steps=1", "Unknown command line flag 'confg.steps'"),
    ],
)
def test_mistakes_in_overrides_are_named(parse, override, expected):
    assert expected in error_of(parse, "pass", override)


def test_none_is_of_no_type(parse):
    assert "config.model.name: expected str, got None" in error_of(parse, "c.model.name = None")


def test_a_file_that_is_no_config(parse, tmp_path):
    assert "to return config.defaults(), got 3" in error_of(parse, "return 3")
    assert "config.batch.accumulate: missing" in error_of(
        parse, "from ml_collections import ConfigDict; return ConfigDict(dict(steps=1))"
    )
    assert "config.stepz: no such key; did you mean config.steps?" in error_of(
        parse, "from ml_collections import ConfigDict; return ConfigDict(dict(stepz=1))"
    )
    assert "recipe.py" in error_of(parse, "oh no")
    values = flags.FlagValues()
    argv = ["train", f"--config={tmp_path}/absent.py"]
    config.define_flag(values, argv)
    with pytest.raises(
        UserError, match="absent.py: no such file or recipe; expected a file, or one"
    ):
        config.parse_flags(argv, values)
    (tmp_path / "imports.py").write_text("import nothing_here\n")
    values, argv = flags.FlagValues(), ["train", f"--config={tmp_path}/imports.py"]
    config.define_flag(values, argv)
    with pytest.raises(UserError, match="^--config: No module named 'nothing_here'; recipes of"):
        config.parse_flags(argv, values)
    error = AttributeError("module 'config_config' has no attribute 'get_config'")
    assert "the file has no get_config()" in config_errors.one_line(error, {})


def test_recipes_by_name_from_any_folder(parse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("tsn/finetune", "configs/tsn/finetune.py", "./i3d/configs/tsn/finetune.py"):
        values, argv = flags.FlagValues(), ["train", "--config", name, "--config.steps=7"]
        config.define_flag(values, argv)
        config.parse_flags(argv, values)
        assert (values.config.model.name, values.config.steps) == ("tsn_r50_1x1x3", 7)
    (tmp_path / "tsn").mkdir()
    (tmp_path / "tsn/finetune").write_text("a file of this name wins")
    assert config.path_of("tsn/finetune") == "tsn/finetune"
    for name, meant in (("tsn/finetun", "tsn/finetune"), ("finetune", "i3d/finetune")):
        with pytest.raises(UserError, match=rf"no such file or recipe; did you mean {meant}\?"):
            config.path_of(name)
    assert "tsn/finetune" in config.names() and "i3d/ucf101" in config.names()


def test_a_configuration_from_python(tmp_path):
    settings = config.load("i3d/ucf101", {"data.records": "mine", "steps": 7})
    assert (settings.data.records, settings.steps) == ("mine", 7)
    path = tmp_path / "recipe.py"
    path.write_text(FILE.format("c.steps = 9"))
    assert config.load(path).steps == 9
    for name, keys, told in (
        ("i3d/ucf101", {"data.recods": "mine"}, "did you mean config.data.records"),
        ("i3d/ucf101", {"steps": "many"}, "config.steps: expected int, got 'many'"),
        ("i3d/ucf101", {"steps": 0}, "config.steps: expected at least 1, got 0"),
        ("i3d/ucf102", {}, "did you mean i3d/ucf101"),
    ):
        with pytest.raises(UserError, match=told):
            config.load(name, keys)
    path.write_text(FILE.format("c.optimizer.momentun = 0.5"))
    with pytest.raises(UserError, match='recipe.py:6: .*Did you mean "momentum"'):
        config.load(path)


def test_no_config_at_all():
    values = flags.FlagValues()
    config.define_flag(values, ["train"])
    with pytest.raises(UserError, match="expected --config=RECIPE or --config=FILE.py, got none"):
        config.parse_flags(["train"], values)


def test_a_command_ends_with_the_line_and_no_traceback(tmp_path):
    path = tmp_path / "recipe.py"
    path.write_text(FILE.format("c.optimizer.momentun = 0.5"))
    code = "import sys; from i3d import train;sys.exit(train.main(sys.argv))"
    done = subprocess.run(
        [sys.executable, "-c", code, f"--config={path}"], capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and 'Did you mean "momentum"' in done.stderr


def rates(at, clips=1, **keys):
    settings = config.defaults()
    settings.update_from_flattened_dict(keys)
    config.check(settings)
    return [config.learning_rate(settings, step, clips) for step in at]


def test_learning_rates_of_each_schedule():
    flow = {
        "optimizer.learning_rate": 0.1,
        "schedule.boundaries": (97_000, 104_500, 115_000, 140_000, 150_000),
        "schedule.factors": (1.0, 0.1, 0.01, 1.0, 0.1, 0.01),
    }
    steps = (0, 97_000, 104_500, 115_000, 140_000, 154_999)
    assert rates(steps, **flow) == pytest.approx([0.1, 0.01, 0.001, 0.1, 0.01, 0.001])
    multi = {"schedule.name": "multi_step", "schedule.boundaries": (2, 4), "schedule.gamma": 0.5}
    assert rates(range(5), **multi) == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
    step = {"schedule.name": "step", "schedule.every": 2}
    assert rates((0, 1, 2, 4), **step) == pytest.approx([0.1, 0.1, 0.01, 0.001])
    cosine = {"schedule.name": "cosine", "steps": 10}
    assert rates((0, 5, 10), **cosine) == pytest.approx([0.1, 0.05, 0.0])
    held = cosine | {"schedule.hold": 5, "schedule.hold_within": 6}
    assert rates((0, 3, 4, 5, 6, 9), **held) == pytest.approx(rates((0, 0, 4, 4, 6, 6), **cosine))
    later = cosine | {"schedule.begin": 6}
    assert rates((0, 6, 8, 10), **later) == pytest.approx([0.1, 0.1, 0.05, 0.0])


def test_a_deviation_of_nothing_and_a_cosine_that_never_begins(parse):
    zero = "c.data.mean, c.data.std = (1.0,) * 3, (1.0, 0.0, 1.0)"
    assert "config.data.std: expected numbers above 0, got" in error_of(parse, zero)
    late = "c.schedule.name, c.schedule.begin = 'cosine', 1000"
    assert "schedule.begin: expected less than config.steps, 1000" in error_of(parse, late)


def test_linear_scaling_and_warm_up():
    keys = {"optimizer.reference_batch": 64, "schedule.warmup_steps": 11}
    assert rates((0, 5, 10, 50), clips=32, **keys) == pytest.approx([0.005, 0.0275, 0.05, 0.05])


@pytest.mark.parametrize(
    "body, words",
    [
        ("c.data.sampling = 'ticks'", "data.sampling: 'ticks' takes one frame of each segment"),
        ("c.data.crop_places = 13", "data.crop_places: read by the crop 'multi_scale' only"),
        ("c.data.crop_places = 4", "data.crop_places: expected one of (0, 5, 13), got 4"),
        ("c.data.color_jitter = 1.5", "data.color_jitter: expected at most 1, got 1.5"),
        ("c.data.rand_augment = (2, 40)", "magnitude from 0 to 30, got (2, 40)"),
        ("c.data.rand_augment = (2,)", "data.rand_augment: expected 0 or 2 numbers"),
        ("c.data.grayscale = 1.0; c.data.stream = 'flow'", "data.grayscale: is of pictures"),
        ("c.data.frame_of_segment = 'lower_middle'", "expects segments of 1 frame"),
        ("c.data.shots = -1", "data.shots: expected at least 0"),
    ],
)
def test_changes_of_pixels_and_samplings_that_cannot_be(parse, body, words):
    assert words in error_of(parse, body)


def test_the_configuration_of_actionclip_is_taken(parse):
    text = (
        "c.data.segments, c.data.frames, c.data.sampling = 8, 1, 'ticks'; c.data.grayscale = 0.2;"
        "c.data.interpolation, c.data.frame_of_segment = 'bicubic', 'lower_middle';"
        "c.data.crop, c.data.crop_places = 'multi_scale', 13"
    )
    got = parse(text, "--config.data.rand_augment=(2,9)")
    assert got.data.rand_augment == (2, 9)

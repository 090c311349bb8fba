"""The configuration of a training run: all keys and their defaults.

    def get_config():                          # in a file of one's own, or in i3d/configs
        config = i3d.config.defaults()
        config.optimizer.learning_rate = 0.01
        return config
    settings = i3d.config.load("tsn/finetune", {"data.records": "data/mine"})
    config.define_flag(own, argv); config.parse_flags(argv, own)                # in a command
    python -m i3d.train --config=tsn/finetune --config.optimizer.learning_rate=0.02

A key that is not in `defaults`, or a value of another type, is an error of one line.
"""

import difflib
import importlib.util
import os
import re
import warnings
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from i3d import spec
from i3d.runtime.command import UserError
from i3d.training import config_errors, recipes, schedules
from i3d.training.recipes import names, path_of

__all__ = ["check", "completed", "defaults", "flat", "learning_rate", "load", "names", "path_of"]

_CHOICES = {
    "precision": ("float32", "bfloat16"),
    "batch_norm": ("local", "sync", "frozen"),
    "loss": ("", "softmax", "sigmoid"),
    "data.stream": ("rgb", "flow"),
    "model.start_stream": ("", "rgb", "flow"),
    "data.crop": ("random", "multi_scale", "random_resized"),
    "schedule.name": ("piecewise", "step", "multi_step", "cosine"),
}
# What numbers must not be below; the keys of every other number: 0.
_AT_LEAST_1 = (
    "steps data.frames data.stride data.size data.read_mb batch.per_replica batch.accumulate "
    "schedule.every log_every validate_every checkpoint_every"
).split()
_SIZES = {"data.mean": (0, 2, 3), "data.std": (0, 2, 3), "optimizer.head_factors": (0, 2)}
_BELOW_1 = (
    "batch_norm_momentum label_smoothing data.validation_share model.dropout optimizer.momentum "
    "optimizer.ema_decay"
).split()
# What numbers must not be above; the keys of every other number: _MOST.
_MOST = 10**12
_AT_MOST = {"model.width": 16, "batch.per_replica": 2**16, "data.read_mb": 2**24}
_NUMBERS = (int, float)
_ELEMENTS = {
    "data.mean": _NUMBERS,
    "data.std": _NUMBERS,
    "optimizer.head_factors": _NUMBERS,
    "schedule.boundaries": (int,),
    "schedule.factors": _NUMBERS,
}
# The keys that only some schedules read.
_READ_BY = {
    "begin": ("cosine",),
    "every": ("step",),
    "gamma": ("step", "multi_step"),
    "boundaries": ("piecewise", "multi_step"),
    "factors": ("piecewise",),
}


def defaults() -> ConfigDict:
    """Returns the locked ConfigDict of all keys. The type of a default is the type of its key."""
    config = ConfigDict()
    config.steps = 1000  # updates; schedules and intervals count in them too
    config.seed = 0  # of initial weights, clips drawn and dropout
    config.deterministic = True  # equal runs give equal weights; some GPU operations refuse it
    config.precision = "float32"  # or "bfloat16": layers in it, variables and loss in float32
    config.batch_norm = "local"  # "local", "sync" or "frozen"; see train_step.set_batch_norm
    config.batch_norm_momentum = 0.0  # of moving statistics; 0: the model's own (I3D 0.999)
    config.loss = ""  # "softmax": one label excludes the others; "sigmoid"; "": as the data set has
    config.loss_weight = 1.0  # of the loss against L2; the sigmoid one is a mean over the classes
    config.label_smoothing = 0.0
    config.log_every = 10
    config.validate_every = 500
    config.checkpoint_every = 500
    config.data = _data()
    config.model = _model()
    config.batch = _batch()
    config.optimizer = _optimizer()
    config.schedule = _schedule()
    return config.lock()


def _data():
    data = ConfigDict()
    data.records = ""  # folder written by data_prep; must be given
    data.train = "train"  # names of splits
    data.validation = "validation"  # "" for none
    data.validation_share = 0.0  # of data.train, held out where data.validation names that split
    data.stream = "rgb"  # or "flow"
    data.frames = 64  # of a clip
    data.stride = 1  # from one frame of a clip to the next
    data.segments = 0  # of a video, a clip of each stacked in the channels; 0: one clip in time
    data.size = 224  # pixels of the crop's sides
    data.crop = "random"  # or "multi_scale" or "random_resized"; see data/cropping.py
    data.flip = True  # half of the clips mirrored
    data.mean = ()  # of the channels in 0..255, and std: (x - mean) / std; (): [-1, 1]
    data.std = ()
    data.read_mb = 512  # memory for encoded videos being read, on each worker
    data.flow_method = "tvl1"  # what the stored flow was made with; "" takes any
    return data


def _model():
    model = ConfigDict()
    model.name = "inception_i3d"  # of i3d.models.names()
    model.width = 1.0
    model.dropout = 0.5
    model.start = ""  # checkpoint to initialise from, or a card's name; "": random weights
    model.start_stream = ""  # of that checkpoint where it is not data.stream: "rgb" or "flow"
    model.inflate = False  # whether that checkpoint is of a network of images
    return model


def _batch():
    batch = ConfigDict()
    batch.per_replica = 6  # clips at a time on each device
    batch.accumulate = 1  # how often, before an update
    return batch


def _optimizer():
    optimizer = ConfigDict()
    optimizer.learning_rate = 0.1
    optimizer.reference_batch = 0  # clips per update which that rate is for; 0: do not scale it
    optimizer.momentum = 0.9
    optimizer.weight_decay = 1e-7  # L2, added to the gradient
    optimizer.head_factors = ()  # of the rate, for the head's kernel and its bias; (): 1 and 1
    optimizer.kernels_only = False  # no L2 on offsets, scales and biases
    optimizer.clip_norm = 0.0  # largest norm of all gradients; 0: no clipping
    optimizer.ema_decay = 0.0  # of averaged weights to validate with; 0: none
    return optimizer


def _schedule():
    schedule = ConfigDict()
    schedule.name = "piecewise"  # "piecewise", "step", "multi_step", "cosine" (to the last step)
    schedule.begin = 0  # cosine: step at which it leaves the full rate
    schedule.boundaries = ()  # steps (int) from which on the next factor holds
    schedule.factors = (1.0,)  # piecewise: of learning_rate, one more than boundaries
    schedule.every = 1000  # step: so often the rate is multiplied by gamma
    schedule.gamma = 0.1  # step, multi_step
    schedule.warmup_steps = 0
    schedule.warmup_factor = 0.1  # at step 0
    return schedule


def learning_rate(config: ConfigDict, step: int, clips_per_update: int) -> float:
    """Returns the learning rate of one update, a float.

    Args:
      config: as `defaults`.
      step: the update, from 0.
      clips_per_update: batch.per_replica * replicas * batch.accumulate, for linear scaling.
    """
    schedule, rate = config.schedule, config.optimizer.learning_rate
    if config.optimizer.reference_batch:
        rate = schedules.linear_scaling(rate, clips_per_update, config.optimizer.reference_batch)
    if schedule.name == "cosine":
        rate = schedules.cosine(step, rate, config.steps - schedule.begin, schedule.begin)
    elif schedule.name == "step":
        rate = schedules.step_decay(step, rate, schedule.every, schedule.gamma)
    elif schedule.name == "multi_step":
        rate = schedules.multi_step(step, rate, schedule.boundaries, schedule.gamma)
    else:
        rates = [rate * factor for factor in schedule.factors]
        rate = schedules.piecewise(step, schedule.boundaries, rates)
    return rate * schedules.warmup(step, schedule.warmup_steps, schedule.warmup_factor)


def check(config: ConfigDict) -> None:
    """Makes sure that `config` has the keys of `defaults`, and values that they can take.

    Raises:
      UserError: one line that names the key, what was expected and what came.
    """
    # A file that could not be read is an object which raises the reason at any access.
    if not hasattr(config, "items"):
        raise UserError(f"expected get_config() to return config.defaults(), got {config!r}")
    expected, values = flat(defaults()), flat(config)
    for key in values:
        _check_known(key, expected)
    for key, default in expected.items():
        if key not in values:
            raise UserError(
                f"config.{key}: missing; expected get_config() to start from config.defaults()"
            )
        _check_value(key, values[key], default)
    _check_input(config.data)
    spec.of_settings(values, spec.SHORT_SIDE, spec.FPS)  # sizes that a view can have
    _check_schedule(config.schedule, config.steps)
    learning_rate(config, 0, 1)  # boundaries and factors fit


def load(name: str | os.PathLike, overrides: dict[str, Any] | None = None) -> ConfigDict:
    """Returns the checked configuration of a recipe or a file: what its get_config() returns.

    Args:
      name: as for `path_of`.
      overrides: {"data.records": "data/mine", ...}: keys that are set, as --config.KEY=VALUE
        does.

    Raises:
      UserError: there is no such recipe, or what is wrong in the file or with a key.
    """
    path = path_of(os.fspath(name))
    expected = flat(defaults())
    for key, value in (overrides or {}).items():
        _check_known(key, expected)
        _check_value(key, value, expected[key])
    try:
        spec = importlib.util.spec_from_file_location("recipe", path)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
        found = module.get_config()
        check(found)
        found.update_from_flattened_dict(overrides or {})
        check(found)
    except config_errors.KINDS as error:
        raise UserError(_one_line(error)) from error
    return found


def define_flag(flag_values: flags.FlagValues = flags.FLAGS, argv: list[str] | None = None) -> None:
    """Defines --config=RECIPE or FILE.py, and the flags --config.KEY=VALUE for its keys."""
    config_flags.DEFINE_config_file(
        "config",
        None,
        f"configuration of the run: a Python file, or a recipe: {', '.join(names())}",
        flag_values,
        sys_argv=argv,
    )


def parsed(
    flag_values: flags.FlagValues, argv: list[str]
) -> tuple[dict[str, Any] | None, list[str]]:
    """Parses the command line of a command for which --config is optional.

    Returns:
      (flat settings of --config, None without it; the arguments that are not flags).

    Raises:
      UserError: what is wrong in the command line or in the file of the configuration.
    """
    if any(re.match(r"--?(no)?config\b", word) for word in argv[1:]):
        words = parse_flags(argv, flag_values)[1:]
        return flat(flag_values.config), words
    return None, flag_values(argv)[1:]


def parse_flags(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> list[str]:
    """Parses the command line and checks the configuration.

    Returns:
      the arguments that are not flags.

    Raises:
      UserError: what is wrong in the command line or in the file of the configuration.
    """
    none = "expected --config=RECIPE or --config=FILE.py, got none; --help lists the recipes"
    try:
        if not any(re.match(r"--?config(=|$)", argument) for argument in argv[1:]):
            raise UserError(none)
        for argument in argv[1:]:
            if match := re.match(r"--?(?:no)?config\.([\w.]+)", argument):
                _check_known(match[1], flat(defaults()))
        with warnings.catch_warnings():  # ml_collections loads the file in an old way
            warnings.filterwarnings("ignore", "the load_module", DeprecationWarning)
            rest = flag_values(recipes.with_paths(argv))
        if flag_values.config is None:
            raise UserError(none)
        check(flag_values.config)
        return rest
    except config_errors.KINDS as error:
        raise UserError(_one_line(error)) from error


def _one_line(error):
    types = {key: type(value).__name__ for key, value in flat(defaults()).items()}
    return config_errors.one_line(error, types)


def completed(settings: dict[str, Any], name: str | os.PathLike) -> dict[str, Any]:
    """Returns the settings of a run's config.json with every key, lists made tuples.

    A key that the run's version did not have is as it is by default.

    Args:
      settings: {"data.size": 224, ...} as JSON has them.
      name: of the file, for messages.

    Raises:
      UserError: a value is of another type or out of range.
    """
    standard = flat(defaults())
    found = standard | {
        key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()
    }
    try:
        for key, default in standard.items():
            _check_value(key, found[key], default)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    return found


def flat(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Returns {"a.b": value} of a ConfigDict of ConfigDicts."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        deeper = isinstance(value, ConfigDict)
        found |= flat(value, f"{prefix}{key}.") if deeper else {prefix + key: value}
    return found


def _check_known(key, expected):
    if key not in expected:
        near = difflib.get_close_matches(key, expected, 1)
        # A right name in the wrong place, or a place without a name.
        near = near or [k for k in expected if k.split(".")[-1] == key.split(".")[-1]]
        hint = f"; did you mean config.{near[0]}?" if near else ""
        hint = hint or f"; the keys are {', '.join(expected)}"
        raise UserError(f"config.{key}: no such key{hint}")


def _check_value(key, value, default):
    kind = type(default)
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise UserError(f"config.{key}: expected {kind.__name__}, got {value!r}")
    if key in _CHOICES and value not in _CHOICES[key]:
        near = difflib.get_close_matches(value, _CHOICES[key], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UserError(f"config.{key}: expected one of {_CHOICES[key]}, got {value!r}{hint}")
    if kind is tuple and not all(type(v) in _ELEMENTS[key] and abs(v) <= _MOST for v in value):
        names = " or ".join(t.__name__ for t in _ELEMENTS[key])
        raise UserError(f"config.{key}: expected a tuple of {names}, got {value!r:.200}")
    if key in _SIZES and len(value) not in _SIZES[key]:
        sizes = " or ".join(map(str, _SIZES[key]))
        raise UserError(f"config.{key}: expected {sizes} numbers, got {value!r}")
    if kind in (int, float):
        lowest = 1 if key in _AT_LEAST_1 else 0
        if not lowest <= value or (key in _BELOW_1 and value >= 1):
            below = " and below 1" if key in _BELOW_1 else ""
            raise UserError(f"config.{key}: expected at least {lowest}{below}, got {value}")
        if value > (most := _AT_MOST.get(key, _MOST)):
            raise UserError(f"config.{key}: expected at most {most:,}, got {value!r:.80}")


def _check_input(data):
    channels = {"rgb": 3, "flow": 2}[data.stream]
    if len(data.mean) != len(data.std) or len(data.mean) not in (0, channels):
        raise UserError(
            f"config.data.mean, config.data.std: expected () or {channels} numbers each for the "
            f"stream {data.stream!r}, got {data.mean} and {data.std}"
        )
    if any(deviation <= 0 for deviation in data.std):
        raise UserError(f"config.data.std: expected numbers above 0, got {data.std}")


def _check_schedule(schedule, steps):
    """Refuses a key that the chosen schedule would ignore, and a cosine that never begins."""
    if schedule.begin >= steps:
        raise UserError(
            f"config.schedule.begin: expected less than config.steps, {steps}, got {schedule.begin}"
        )
    standard = defaults().schedule
    for key, readers in _READ_BY.items():
        if schedule.name not in readers and schedule[key] != standard[key]:
            raise UserError(
                f"config.schedule.{key}: read by the schedule {' or '.join(readers)} only, and "
                f"schedule.name is {schedule.name!r}"
            )

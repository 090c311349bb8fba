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

import importlib.util
import os
import re
import warnings
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from i3d import spec
from i3d.runtime.command import UserError
from i3d.training import config_checks, config_errors, recipes, schedules, source_checks
from i3d.training.config_keys import defaults
from i3d.training.recipes import names, path_of
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.clip_zoo import takes_text
from i3d.weights.localization_zoo import takes_features

__all__ = ["check", "completed", "defaults", "flat", "learning_rate", "load", "names", "path_of"]


def learning_rate(config: ConfigDict, step: int, clips_per_update: int) -> float:
    """Returns the learning rate of one update, a float.

    Args:
      config: as `defaults`.
      step: the update, from 0.
      clips_per_update: batch.per_replica * replicas * batch.accumulate, for linear scaling.
    """
    schedule, rate = config.schedule, config.optimizer.learning_rate
    if schedule.hold > 1:
        step = schedules.held(step, schedule.hold, schedule.hold_within)
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
        config_checks.check_known(key, expected)
    for key, default in expected.items():
        if key not in values:
            raise UserError(
                f"config.{key}: missing; expected get_config() to start from config.defaults()"
            )
        config_checks.check_value(key, values[key], default)
    config_checks.check_read(values, expected)
    config_checks.check_input(config.data)
    config_checks.check_betas(config.optimizer.betas)
    source_checks.check_keys(values)
    if takes_text(config.model.name):
        config_checks.check_frames_of_text(values)
    if takes_boxes(config.model.name):
        config_checks.check_boxes(values)
    if takes_features(config.model.name):
        config_checks.check_segments(values)
    spec.of_settings(values, spec.SHORT_SIDE, spec.FPS)  # sizes that a view can have
    config_checks.check_schedule(config.schedule, config.steps)
    learning_rate(config, 0, 1)  # boundaries and factors fit


def check_named(data: ConfigDict) -> None:
    """Raises UserError where config.data names no records or no split of training."""
    for key in ("records", "train"):
        if not data[key]:
            what = {"records": "the folder of a data set", "train": "the name of a split"}[key]
            raise UserError(f"config.data.{key}: expected {what}, got ''")


def check_annotations(file: str) -> None:
    """Raises UserError where config.segments.annotations names no file."""
    if not os.path.isfile(file):
        got = ", a folder" if os.path.isdir(file) else ", no such file" if file else ""
        raise UserError(
            f"config.segments.annotations: expected a file of segments, got {file!r}{got}"
        )


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
        config_checks.check_known(key, expected)
        config_checks.check_value(key, value, expected[key])
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
                config_checks.check_known(match[1], flat(defaults()))
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
            config_checks.check_value(key, found[key], default)
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

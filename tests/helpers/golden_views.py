"""The views of MMAction2's published pipelines on a video of the tests: golden/mmaction_e2e.npz."""

import dataclasses
import json

import numpy as np

from i3d.weights import zoo
from tests.golden.mmaction import uniform
from tests.helpers.synthetic import GOLDEN

E2E = np.load(GOLDEN / "mmaction_e2e.npz")
E2E_MODELS = sorted({key.split("/")[0] for key in E2E.files if "/" in key})
CROPS = {"TenCrop": 10, "ThreeCrop": 3}


def golden_video():
    """Returns uint8 [40, 72, 100, 3]: coarse blocks and fine noise."""
    coarse = (uniform("e2e:coarse", (10, 9, 10, 3), 0) + 1) * 96
    for axis, repeats in enumerate((4, 8, 10)):
        coarse = coarse.repeat(repeats, axis=axis)
    fine = (uniform("e2e:fine", (40, 72, 100, 3), 0) + 1) * 32
    return np.floor(coarse + fine).astype(np.uint8)


def golden_spec(name):
    """Returns the InputSpec of a model with the numbers of its stored pipeline."""
    steps = {step["type"]: step for step in json.loads(str(E2E[f"{name}/pipeline"]))}
    crop = next(kind for kind in CROPS if kind in steps)
    sample, spec = steps["SampleFrames"], zoo.default_spec(name)
    assert (sample["clip_len"], sample["frame_interval"]) == (spec.frames, spec.stride)
    assert sample.get("target_fps", 0) == spec.fps and steps["Resize"]["scale"][0] == -1
    return dataclasses.replace(
        spec,
        **{"segments" if spec.segments else "clips": sample["num_clips"]},
        resize=steps["Resize"]["scale"][1],
        crop=steps[crop]["crop_size"],
        crops=CROPS[crop],
    )

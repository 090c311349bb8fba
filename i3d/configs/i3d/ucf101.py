"""Fine-tunes I3D on split 1 of UCF101 (101 classes).

Command: python -m i3d.train --config=configs/i3d/ucf101.py --workdir=runs/ucf101_rgb
    and for flow --config.data.stream=flow --config.model.start=checkpoints/flow_imagenet/model.ckpt
    The data set: docs/data.md, "Build a data set", with --split=train and --split=test.
Hardware: one GPU of 16 GB or more.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known. The paper gives 95.6 for RGB alone after Kinetics (mean of three splits,
    Carreira & Zisserman 2017); published weights saw ImageNet and Kinetics.
"""

from i3d.configs.i3d import finetune


def get_config():
    """Returns the configuration."""
    c = finetune.get_config()
    c.data.records = "data/ucf101"
    return c

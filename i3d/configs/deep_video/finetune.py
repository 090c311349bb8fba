"""Trains DeepVideo with slow fusion on a data set of one's own, from random weights.

No weights of these networks were published, so that there are none to begin with; the other rows of
i3d/models/deep_video.py are trained with --config.model.name, --config.data.frames (and for late
fusion --config.data.stride=15), those of two resolutions with --config.data.size=178.

Command: python -m i3d.train --config=configs/deep_video/finetune.py --workdir=runs/deep_video \
    --config.data.records=data/mine
Hardware: one GPU of 16 GB or more, or a CPU for small data sets.
CPU: 8.6 s for an update, 3.8 GB (two cores, shared with other work: at most so long).
GPU: not measured.
Run: no; one update with random weights, by `python -m benchmarks.recipes`.
Expected result: not known.
"""

from i3d.configs import published


def get_config():
    """Returns the configuration: 2000 updates of 16 clips.

    Statistics, momentum, weight decay and learning rate as in section 3.3 of Karpathy et al. 2014,
    whose mini-batches had 32 clips.
    """
    c = published.fine_tuned(published.kinetics(epochs=1, clips=32), "")
    c.data.frames, c.data.stride = 10, 1
    c.data.size = 170
    c.data.mean, c.data.std = (117.0,) * 3, (1.0,) * 3
    c.model.name = "deep_video_slow"
    c.optimizer.weight_decay = 5e-4
    return c

"""TSN of 8 segments on Kinetics-400, web images, web videos and parts of long ones, in turn.

As OmniSource trains (Duan et al. 2020, arXiv:2003.13042; MMAction2 0.x): after every second batch
of Kinetics follows one of each web source, an update for each. Images enter as videos that stand
still. The web material is filtered before by a network that was trained on Kinetics alone, see
docs/omnisource.md; it has the classes of Kinetics.

Command: python -m i3d.train --config=configs/omnisource/tsn.py --workdir=runs/omni_tsn \
    with data/kinetics400, data/web_images, data/web_videos and data/web_parts
Test as published: python -m i3d.evaluate --config=configs/omnisource/tsn.py --split=validation \
    --checkpoint=runs/omni_tsn/best.weights.h5 --clips=25 --crops=10
Hardware: 8 GPUs, as published.
CPU: not measured.
GPU: not measured.
Run: no.
Expected result: not known: the published figures are of a part of Kinetics.
"""

from i3d.configs.tsn import kinetics_rgb


def get_config():
    """Returns the configuration; the ratios are the published train_ratio, 2, 1, 1, 1."""
    c = kinetics_rgb.get_config()
    c.data.segments = 8
    c.model.name = "tsn_r50_1x1x8"
    c.sources.records = "data/web_images,data/web_videos,data/web_parts"
    c.sources.ratios = (0.5,)
    return c

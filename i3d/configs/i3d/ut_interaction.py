"""Trains a small I3D on UT-Interaction: 83 clips of 6 interactions, and 37 to test on.

Command: from the demo weights, and (without --config.model.start) from scratch; here for RGB, for
flow put flow in place of rgb throughout:

    for split in train test; do python -m data_prep build --videos=ut.csv --split=$split \
        --video_root=ut_interaction --out=data/ut --short_side=96; done
    python -m i3d.train --config=configs/i3d/ut_interaction.py --config.data.stream=rgb \
        --workdir=runs/ut_rgb --config.model.start=checkpoints/demo/rgb.weights.h5
    python -m i3d.evaluate --config=configs/i3d/ut_interaction.py --config.data.stream=rgb \
        --checkpoint=runs/ut_rgb/step-00000500/model.weights.h5 --clips=3 --out=ut_rgb.npz
    python -m i3d.fuse ut_rgb.npz ut_flow.npz

ut.csv has the columns path,label,split, a video in each row. A list of your own with the columns
file,class,split, say, becomes it by

    awk -F, 'NR == 1 {print "path,label,split"} NR > 1 {print $1 "," $2 "," $3}' list.csv > ut.csv

There is no validation split: 37 test videos are too few to choose anything on.

Hardware: 2 CPU cores.
CPU: about 6 minutes a run.
GPU: not measured.
Run: yes, as above.
Expected result: top-1 73.0 RGB, 94.6 flow, 91.9 joint from the demo weights; 43.2, 75.7, 75.7 from
    random ones (37 videos: the 95 % intervals reach 4 to 17 points to either side).
"""

from i3d.configs.i3d import figures


def get_config():
    """Returns the configuration: that of the figures, for fewer and harder videos."""
    c = figures.get_config()
    c.steps = 500
    c.log_every = 25
    c.data.records = "data/ut"
    c.data.flip = True
    c.data.crop = "multi_scale"
    c.model.dropout = 0.5
    c.optimizer.learning_rate = 0.02
    c.schedule.warmup_steps = 50
    return c

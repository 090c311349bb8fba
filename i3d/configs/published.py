"""Settings that the published recipes of MMAction2 share.

c = published.kinetics(epochs=100, clips=256)     # in updates of so many clips
published.fine_tuned(c, "tsn_....pth")            # the same for a data set of one's own
"""

from i3d import config

# Of ImageNet's pictures, and of levels of flow.
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
FLOW_MEAN, FLOW_STD = (128.0, 128.0), (128.0, 128.0)
# Of torchvision's video models.
KINETICS_MEAN, KINETICS_STD = (110.2008, 100.63983, 95.99475), (58.14765, 56.46975, 55.332195)
KINETICS_VIDEOS = 240_000  # to train on, about; videos go offline all the time


def steps(epochs, clips, videos=KINETICS_VIDEOS):
    """Returns the updates of so many clips in so many epochs."""
    return epochs * videos // clips


def kinetics(epochs, clips):
    """Returns the part that the recipes for Kinetics-400 have in common.

    Args:
      epochs: of all training.
      clips: per update; with others the learning rate scales linearly.
    """
    c = config.defaults()
    c.steps = steps(epochs, clips)
    c.log_every = 100
    c.validate_every = 5_000
    c.checkpoint_every = 1_000
    c.data.records = "data/kinetics400"
    c.data.size = 224
    c.data.mean, c.data.std = IMAGENET_MEAN, IMAGENET_STD
    c.data.read_mb = 4096
    c.model.dropout = 0.5
    c.batch.per_replica = clips // 8  # on 8 GPUs
    c.optimizer.learning_rate = 0.01
    c.optimizer.reference_batch = clips
    c.optimizer.weight_decay = 1e-4
    c.optimizer.clip_norm = 40.0
    return c


def multi_step(c, epochs, clips):
    """Sets a learning rate that falls to a tenth at each of these epochs."""
    c.schedule.name = "multi_step"
    c.schedule.boundaries = tuple(steps(epoch, clips) for epoch in epochs)


def fine_tuned(c, start):
    """Changes a recipe for Kinetics into one for a data set of some thousand videos.

    Few clips at a time, statistics of normalisation as they came, a tenth of the learning rate.
    2000 updates of 16 clips are 10 epochs of 3200 videos.
    """
    c.steps = 2_000
    c.log_every, c.validate_every, c.checkpoint_every = 20, 200, 200
    c.batch_norm = "frozen"
    c.data.records = ""
    c.data.validation, c.data.validation_share = "train", 0.1
    c.data.read_mb = 512
    c.model.start, c.model.inflate = start, False
    c.batch.per_replica = 8
    c.batch.accumulate = 2
    c.optimizer.learning_rate = 0.001
    c.optimizer.reference_batch = 16
    c.schedule = config.defaults().schedule
    c.schedule.name = "multi_step"
    c.schedule.boundaries = (1_200, 1_700)
    return c

"""Settings that published recipes share: MMAction2's for Kinetics and AVA, of CLIP, of localizers.

c = published.kinetics(epochs=100, clips=256)     # in updates of so many clips
published.fine_tuned(c, "tsn_....pth")            # the same for a data set of one's own
c = published.ava(epochs=20, clips=128)           # of boxes
c = published.actionformer(per_epoch=100)         # and c = published.bmn(per_epoch=625)
c = published.actionclip(per_epoch=298, clips=32) # 50 epochs of so many updates
"""

from i3d import config

THUMOS14_VIDEOS = 200  # to train on, those of its validation
ACTIVITYNET_VIDEOS = 10_000  # to train on, about; videos go offline all the time
# Of ImageNet's pictures, and of levels of flow.
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
FLOW_MEAN, FLOW_STD = (128.0, 128.0), (128.0, 128.0)
# Of torchvision's video models.
KINETICS_MEAN, KINETICS_STD = (110.2008, 100.63983, 95.99475), (58.14765, 56.46975, 55.332195)
X3D_MEAN, X3D_STD = (114.75,) * 3, (57.38,) * 3
# Of CLIP's pictures, of the levels 0..255.
CLIP_MEAN = tuple(255 * value for value in (0.48145466, 0.4578275, 0.40821073))
CLIP_STD = tuple(255 * value for value in (0.26862954, 0.26130258, 0.27577711))
KINETICS_VIDEOS = 240_000  # to train on, about; videos go offline all the time
AVA_KEY_FRAMES = 211_000  # to train on, about; Feichtenhofer et al. 2019, arXiv:1812.03982, 5


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


def ava(epochs, clips, warmup):
    """Returns the part that the recipes for AVA have in common.

    Args:
      epochs: of all training.
      clips: key frames per update; with others the learning rate scales linearly.
      warmup: updates in which the learning rate rises from a tenth.
    """
    c = config.defaults()
    c.steps = steps(epochs, clips, AVA_KEY_FRAMES)
    c.log_every = 100
    c.checkpoint_every = 1_000
    c.data.records = "data/ava"
    c.data.validation = ""  # AVA's is what it is tested on
    c.data.size = 256
    c.data.mean, c.data.std = IMAGENET_MEAN, IMAGENET_STD
    c.boxes.scale = (256, 320)
    c.model.dropout = 0.5
    c.batch.per_replica = clips // 8  # on 8 GPUs
    c.optimizer.learning_rate = 0.2 * clips / 128
    c.optimizer.reference_batch = clips
    c.optimizer.weight_decay = 1e-5
    c.optimizer.clip_norm = 40.0
    c.schedule.warmup_steps = warmup
    return c


def ava_20_epochs(clips):
    """Returns `ava` of 20 epochs, whose rate changes between epochs alone.

    It rises up to the fifth epoch and falls to a tenth after the tenth and the fifteenth.
    """
    epoch = steps(1, clips, AVA_KEY_FRAMES)
    c = ava(20, clips, warmup=4 * epoch)
    c.steps = 20 * epoch
    c.schedule.name = "multi_step"
    c.schedule.hold = epoch  # a rate that is held changes at the last update of an epoch
    c.schedule.boundaries = (10 * epoch - 1, 15 * epoch - 1)
    return c


def ava_cosine(clips):
    """Returns `ava` of 10 epochs, whose rate rises in two and falls by a cosine."""
    begin = steps(2, clips, AVA_KEY_FRAMES)
    c = ava(10, clips, warmup=begin)
    c.schedule.name, c.schedule.begin = "cosine", begin
    return c


def actionclip(per_epoch, clips, epochs=50, warmup=5):
    """Returns the part that ActionCLIP's recipes have in common.

    Args:
      per_epoch: updates of an epoch.
      clips: videos per update; the learning rate does not scale with them.
      epochs: of all training.
      warmup: epochs in which the learning rate rises from 0.
    """
    c = config.defaults()
    c.steps = epochs * per_epoch
    c.precision = "bfloat16"
    c.data.frames, c.data.segments = 1, 8
    c.data.sampling, c.data.frame_of_segment = "ticks", "lower_middle"
    c.data.interpolation = "bicubic"
    c.data.crop, c.data.crop_places = "multi_scale", 13
    c.data.color_jitter, c.data.grayscale = 0.8, 0.2
    c.data.mean, c.data.std = CLIP_MEAN, CLIP_STD
    c.batch.per_replica = clips // 8  # on 8 GPUs
    c.optimizer.name = "adamw"
    c.optimizer.learning_rate, c.optimizer.weight_decay = 5e-6, 0.2
    c.optimizer.fusion_factor = 10.0
    c.schedule.name, c.schedule.begin = "cosine", warmup * per_epoch
    c.schedule.warmup_steps, c.schedule.warmup_factor = warmup * per_epoch + 1, 0.0
    c.schedule.hold, c.schedule.hold_within = 10, per_epoch
    return c


def actionformer(per_epoch, videos, epochs=35, warmup=5):
    """Returns the part that the recipes of ActionFormer have in common.

    The rate rises from 0 in the first epochs and falls by a cosine. Averages of the weights are
    what is validated and tested.

    Args:
      per_epoch: updates of an epoch.
      videos: per update.
      epochs: of all training.
      warmup: epochs in which the rate rises.
    """
    c = config.defaults()
    c.steps = epochs * per_epoch
    c.log_every, c.validate_every, c.checkpoint_every = 20, per_epoch, per_epoch
    c.model.name, c.model.dropout = "actionformer", 0.1
    c.batch.per_replica = videos
    _adamw(c, 1e-4, 0.05)
    c.optimizer.clip_norm, c.optimizer.ema_decay = 1.0, 0.999
    c.schedule.name = "cosine"
    c.schedule.begin = c.schedule.warmup_steps = warmup * per_epoch
    c.schedule.warmup_factor = 0.0
    return c


def _adamw(c, rate, decay):
    c.optimizer.name, c.optimizer.betas = "adamw", (0.9, 0.999)
    c.optimizer.learning_rate, c.optimizer.weight_decay = rate, decay
    c.optimizer.kernels_only = True


def bmn(per_epoch, videos, epochs=9, milestone=7):
    """Returns the part that the recipes of BMN have in common; arguments as of `actionformer`.

    Args:
      per_epoch, videos, epochs: as of `actionformer`.
      milestone: epoch after which the rate falls to a tenth.
    """
    c = config.defaults()
    c.steps = epochs * per_epoch
    c.log_every, c.validate_every, c.checkpoint_every = 20, per_epoch, per_epoch
    c.model.name, c.model.dropout = "bmn", 0.0
    c.segments.crop = (1.0, 1.0)
    c.batch.per_replica = videos
    c.optimizer.name, c.optimizer.betas = "adam", (0.9, 0.999)
    c.optimizer.learning_rate, c.optimizer.weight_decay = 1e-3, 1e-4
    c.optimizer.clip_norm = 40.0
    c.schedule.name = "multi_step"
    c.schedule.boundaries = (milestone * per_epoch,)
    return c

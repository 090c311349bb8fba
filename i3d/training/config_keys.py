"""The keys of a training configuration: their defaults, and the values that they can take.

Public as `i3d.config.defaults`; i3d.training.config checks a configuration against these tables.
"""

from ml_collections import ConfigDict

from i3d.spec import FRAMES_OF_SEGMENT, INTERPOLATIONS

CHOICES = {
    "precision": ("float32", "bfloat16"),
    "batch_norm": ("local", "sync", "frozen"),
    "loss": ("", "softmax", "sigmoid"),
    "data.stream": ("rgb", "flow"),
    "model.start_stream": ("", "rgb", "flow"),
    "data.crop": ("random", "multi_scale", "random_resized"),
    "data.crop_places": (0, 5, 13),
    "data.sampling": ("random", "ticks", "test"),
    "data.frame_of_segment": FRAMES_OF_SEGMENT,
    "data.interpolation": INTERPOLATIONS,
    "text.target": ("softmax", "normalised"),
    "optimizer.name": ("sgd", "adam", "adamw"),
    "schedule.name": ("piecewise", "step", "multi_step", "cosine"),
}
WITH_IMAGES = ("omni_slowonly_r50",)  # networks that have a head of images
# What numbers must not be below; the keys of every other number: 0.
AT_LEAST_1 = (
    "steps data.frames data.stride data.size data.read_mb boxes.most segments.channels "
    "segments.window segments.stride segments.longest segments.normalizer batch.per_replica "
    "batch.accumulate schedule.every schedule.hold log_every validate_every checkpoint_every"
).split()
SIZES = {"data.mean": (0, 2, 3), "data.std": (0, 2, 3), "optimizer.head_factors": (0, 2)}
SIZES |= {"data.rand_augment": (0, 2), "optimizer.betas": (2,), "boxes.scale": (2,)}
SIZES |= {"segments.crop": (2,), "segments.tiou": tuple(range(1, 21))}
BELOW_1 = (
    "batch_norm_momentum label_smoothing data.validation_share model.dropout optimizer.momentum "
    "optimizer.ema_decay"
).split()
# What numbers must not be above; the keys of every other number: MOST.
MOST = 10**12
AT_MOST = {"model.width": 16, "batch.per_replica": 2**16, "data.read_mb": 2**24}
AT_MOST |= {"data.color_jitter": 1, "data.grayscale": 1}
AT_MOST |= {"boxes.most": 1000, "boxes.proposal_iou": 1, "boxes.jitter": 0.4}
AT_MOST |= {"segments.longest": 100_000, "segments.least_left": 1}
AT_MOST |= {"segments.most_missing": 1}
_NUMBERS = (int, float)
ELEMENTS = {
    "data.mean": _NUMBERS,
    "data.std": _NUMBERS,
    "data.rand_augment": (int,),
    "boxes.classes": (int,),
    "boxes.scale": (int,),
    "segments.crop": _NUMBERS,
    "segments.tiou": _NUMBERS,
    "sources.ratios": _NUMBERS,
    "sources.per_replica": (int,),
    "optimizer.head_factors": _NUMBERS,
    "optimizer.betas": _NUMBERS,
    "schedule.boundaries": (int,),
    "schedule.factors": _NUMBERS,
}
# The keys that only some optimizers and schedules read: by which choice, and which of its values.
READ_BY = {
    "optimizer.momentum": ("optimizer.name", ("sgd",)),
    "optimizer.betas": ("optimizer.name", ("adam", "adamw")),
    "schedule.begin": ("schedule.name", ("cosine",)),
    "schedule.every": ("schedule.name", ("step",)),
    "schedule.gamma": ("schedule.name", ("step", "multi_step")),
    "schedule.boundaries": ("schedule.name", ("piecewise", "multi_step")),
    "schedule.factors": ("schedule.name", ("piecewise",)),
}
# The keys that only some kinds of models read ("classes", "text", "boxes", "segments"), and which.
_OF_TEXT = (
    "text.labels text.split_camel_case text.target optimizer.visual_factor optimizer.fusion_factor"
).split()
_OF_CLASSES = (
    "sources.records sources.train sources.kinds sources.ratios sources.per_replica "
    "sources.together"
).split()
_OF_BOXES = (
    "boxes.classes boxes.most boxes.proposal_iou boxes.jitter boxes.frame_jitter boxes.scale "
    "boxes.focal_alpha boxes.focal_gamma"
).split()
_OF_SEGMENTS = (
    "segments.annotations segments.most_missing segments.one_class segments.channels "
    "segments.window segments.stride segments.fps segments.rows segments.extractors "
    "segments.longest segments.crop segments.least_left segments.normalizer "
    "segments.regression_weight segments.tiou"
).split()
_WITHOUT_TEXT = (
    "loss label_smoothing model.width model.dropout model.start_stream model.inflate "
    "optimizer.head_factors"
).split()
_WITHOUT_BOXES = (
    "loss label_smoothing data.validation_share data.shots data.segments data.sampling "
    "data.frame_of_segment data.crop data.crop_places data.interpolation data.rand_augment "
    "data.color_jitter data.grayscale model.start_stream model.inflate"
).split()
_WITHOUT_SEGMENTS = (
    "loss batch_norm batch_norm_momentum data.shots data.stream data.frames data.stride "
    "data.segments data.sampling data.frame_of_segment data.size data.crop data.crop_places "
    "data.interpolation data.rand_augment data.color_jitter data.grayscale data.flip data.mean "
    "data.std data.read_mb data.flow_method model.start_stream model.inflate "
    "optimizer.head_factors"
).split()
OF_MODELS = (
    (_OF_TEXT, ("text",), "with a text tower"),
    (_OF_CLASSES, ("classes",), "of classes"),
    (_OF_BOXES, ("boxes",), "of boxes"),
    (_OF_SEGMENTS, ("segments",), "of segments"),
    (_WITHOUT_TEXT, ("classes", "boxes", "segments"), "without a text tower"),
    (_WITHOUT_BOXES, ("classes", "text", "segments"), "without boxes"),
    (_WITHOUT_SEGMENTS, ("classes", "text", "boxes"), "without segments"),
)


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
    config.sources = _sources()
    config.model = _model()
    config.text = _text()
    config.boxes = _boxes()
    config.segments = _segments()
    config.batch = _batch()
    config.optimizer = _optimizer()
    config.schedule = _schedule()
    return config.lock()


def _data():
    data = ConfigDict()
    data.records = ""  # folder written by data_prep, or of feature rows; must be given
    data.train = "train"  # names of splits
    data.validation = "validation"  # "" for none
    data.validation_share = 0.0  # of data.train, held out where data.validation names that split
    data.shots = 0  # videos of each class of data.train that are taken, by the seed; 0: all
    data.stream = "rgb"  # or "flow"
    data.frames = 64  # of a clip
    data.stride = 1  # from one frame of a clip to the next
    data.segments = 0  # of a video, a clip of each stacked in the channels; 0: one clip in time
    data.sampling = "random"  # clips anywhere; "ticks": a frame of each segment; "test": as a test
    data.frame_of_segment = "middle"  # of a test: or "lower_middle"; see spec.InputSpec
    data.size = 224  # pixels of the crop's sides
    data.crop = "random"  # or "multi_scale" or "random_resized"; see data/cropping.py
    data.crop_places = 5  # of "multi_scale": 5, 13, or 0 for anywhere
    data.interpolation = "bilinear"  # of a test; "bicubic" resizes to 256 / 224 of data.size
    data.rand_augment = ()  # number and magnitude (0 to 30) of operations on each frame; (): none
    data.color_jitter = 0.0  # share of the clips whose colours are changed; see data/color.py
    data.grayscale = 0.0  # share of the clips that are made grey
    data.flip = True  # half of the clips mirrored
    data.mean = ()  # of the channels in 0..255, and std: (x - mean) / std; (): [-1, 1]
    data.std = ()
    data.read_mb = 512  # memory for encoded videos being read, on each worker
    data.flow_method = "tvl1"  # what the stored flow was made with; "" takes any
    return data


def _sources():
    sources = ConfigDict()  # that are trained on beside data.records; see training/sources.py
    sources.records = ""  # folders of their data sets, "a,b"; "": none
    sources.train = "train"  # their split, or "a,b" for each its own
    sources.kinds = "clips"  # or "images", of classes of their own; or "a,b" for each its own
    sources.ratios = ()  # batches of each for one of data.records; (): 1, one number: for all
    sources.per_replica = ()  # clips of a batch of each; (): batch.per_replica
    sources.together = False  # one update of the batches of all; False: an update of each in turn
    return sources


def _model():
    model = ConfigDict()
    model.name = "inception_i3d"  # of i3d.models.names()
    model.width = 1.0
    model.dropout = 0.5
    model.start = ""  # checkpoint to initialise from, or a card's name; "": random weights
    model.start_stream = ""  # of that checkpoint where it is not data.stream: "rgb" or "flow"
    model.inflate = False  # whether that checkpoint is of a network of images
    return model


def _text():
    text = ConfigDict()  # of models with a text tower
    text.labels = ""  # texts of the classes, in their order: a file, a line each; "": their names
    text.split_camel_case = False  # whether "ApplyEyeMakeup" is read as three words
    text.target = "softmax"  # of the loss, or "normalised"; see training/losses.py, contrastive
    return text


def _boxes():
    boxes = ConfigDict()  # of models of boxes
    boxes.classes = ()  # ids of the label map that are learned, as 1, 2, ... in this order; (): all
    boxes.most = 32  # of a key frame
    boxes.proposal_iou = 0.9  # least overlap with a truth of a proposal that gets its labels
    boxes.jitter = 0.0  # share of a box's width or height by which each side is moved, at most
    boxes.frame_jitter = True  # frames are moved by less than half of the stride
    boxes.scale = (256, 320)  # of the short side before the crop, pixels: the least and the most
    boxes.focal_alpha = 1.0  # see training/losses.py, box_cross_entropy
    boxes.focal_gamma = 0.0
    return boxes


def _segments():
    segments = ConfigDict()  # of localizers, which take feature rows
    segments.annotations = ""  # file of segments, see localization/annotations.py; must be given
    segments.most_missing = 0.0  # share of the videos that may have no rows, and are left out
    segments.one_class = False  # whether all segments are of one class, to be labelled afterwards
    segments.channels = 2048  # width of a row; see data/feature_spec.py
    segments.window = 16  # frames that a row is of
    segments.stride = 4  # frames from one row to the next
    segments.fps = 0.0  # frame rate of these frames; 0: each video's own
    segments.rows = 0  # to which the rows of a video are interpolated; 0: they are not
    segments.extractors = ""  # cards of the networks that made the rows, RGB first: "a,b"
    segments.longest = 2304  # rows that are seen at once
    segments.crop = (0.9, 1.0)  # share of the rows of a shorter video: the least and the most
    segments.least_left = 0.5  # share of a segment that a part of a video must hold
    segments.normalizer = 100.0  # of the losses of points, in the beginning: positive points
    segments.regression_weight = 1.0  # of the loss of the ends of segments
    segments.tiou = (0.3, 0.4, 0.5, 0.6, 0.7)  # of the validation by mean average precision
    return segments


def _batch():
    batch = ConfigDict()
    batch.per_replica = 6  # clips at a time on each device
    batch.accumulate = 1  # how often, before an update
    return batch


def _optimizer():
    optimizer = ConfigDict()
    optimizer.name = "sgd"  # or "adam" or "adamw"; see training/optimizer.py
    optimizer.learning_rate = 0.1
    optimizer.reference_batch = 0  # clips per update which that rate is for; 0: do not scale it
    optimizer.momentum = 0.9  # sgd
    optimizer.betas = (0.9, 0.98)  # adam, adamw: of the averages of the gradient and of its square
    optimizer.weight_decay = 1e-7  # sgd, adam: L2, added to the gradient; adamw: decoupled
    optimizer.head_factors = ()  # of the rate, for the head's kernel and its bias; (): 1 and 1
    optimizer.visual_factor = 1.0  # of the rate, with a text tower: for the visual tower
    optimizer.fusion_factor = 1.0  # the same for the head over time
    optimizer.kernels_only = False  # no weight decay of offsets, scales and biases
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
    schedule.hold = 1  # the rate changes at every so many steps only
    schedule.hold_within = 0  # steps of an epoch, in which that is counted anew; 0: never
    schedule.warmup_steps = 0
    schedule.warmup_factor = 0.1  # at step 0
    return schedule

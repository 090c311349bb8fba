"""What is random in a training example, by config.data: its frames, crop, mirror and colours.

pipeline.train_batches(records, augmentation.sampler(data, spec), augmentation.crop(data), ...,
                       change_frames=augmentation.change_frames(data))
"""

from functools import partial

from i3d.data import color, rand_augment, random_cropping, sampling, view_sampling


def sampler(data, spec):
    """Returns what draws the frames of a training example: (num_frames, rng) -> indices.

    Args:
      data: ConfigDict of config.data.
      spec: InputSpec of one view of a video, for the sampling of a test.
    """
    if data.sampling == "test":
        return lambda count, rng: view_sampling.indices(count, spec)
    if data.sampling == "ticks":
        return lambda count, rng: sampling.frames_within_ticks(count, data.segments, rng)
    if data.segments:
        clips = data.segments, data.frames, data.stride
        return lambda count, rng: sampling.train_clips(count, *clips, rng)
    return lambda count, rng: sampling.dense_clip(count, data.frames, data.stride, rng)


def crop(data):
    """Returns what draws the crop of a training clip: (frame size, seed) -> cropping.Crop."""
    chance = 0.5 if data.flip else 0.0
    if data.crop == "random_resized":
        return partial(random_cropping.random_resized_crop, flip_chance=chance)
    if data.crop == "multi_scale":
        places = data.crop_places
        return lambda frame, seed: random_cropping.multi_scale_crop(
            frame, data.size, seed, chance, places=places
        )
    return lambda frame, seed: random_cropping.random_crop(frame, data.size, seed, chance)


def change_frames(data):
    """Returns what changes a clip before its crop: (clip, rng) -> clip; None: nothing does."""
    if not data.rand_augment:
        return None
    number, magnitude = data.rand_augment
    return lambda clip, rng: rand_augment.changed(clip, rng, number, magnitude)


def change_crop(data):
    """Returns what changes a clip after its crop: (clip, rng) -> clip; None: nothing does."""
    jitter, grey = data.color_jitter, data.grayscale
    if not (jitter or grey):
        return None
    return lambda clip, rng: color.grayscale(color.jittered(clip, rng, jitter), rng, grey)

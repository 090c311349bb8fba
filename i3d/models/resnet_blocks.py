"""Blocks of the residual and separable video networks, on clips [B, T, H, W, C].

    x = resnet_blocks.unit(x, 64, (1, 7, 7), (1, 2, 2), "conv1")
    x = resnet_blocks.bottleneck(x, 64, stride=1, kernel_t=3, name="layer1-0")

Zero padding is symmetric, (k - 1) // 2 on each side, and layer names are those of the published
PyTorch checkpoints with "-" for ".". A network of images is one whose kernels span one frame.
"""

import keras
from keras import layers, ops

EXPANSION = 4  # output channels of a bottleneck per inner channel


def conv(x, filters, kernel, strides, name, use_bias=False):
    """Convolution with symmetric padding; `kernel` and `strides` are (t, h, w), kernels odd.

    Initial values: He et al. 2015 (arXiv:1502.01852), normal by fan-out, as all sources here.
    """
    initial = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    return CentredConv3D(
        filters, kernel, strides, use_bias=use_bias, kernel_initializer=initial, name=name
    )(x)


def batch_norm(x, name, epsilon=1e-5, momentum=0.9, gamma="ones"):
    """Batch normalisation with PyTorch's defaults (its momentum 0.1 is 0.9 here)."""
    return layers.BatchNormalization(
        momentum=momentum, epsilon=epsilon, gamma_initializer=gamma, name=name
    )(x)


def conv_norm(x, filters, kernel, strides, name, gamma="ones", **norm):
    """Convolution `name-conv` and batch normalisation `name-bn`, no activation."""
    x = conv(x, filters, kernel, strides, f"{name}-conv")
    return batch_norm(x, f"{name}-bn", gamma=gamma, **norm)


def unit(x, filters, kernel, strides, name, **norm):
    """Convolution, batch normalisation, ReLU; the ReLU layer carries `name`."""
    return layers.ReLU(name=name)(conv_norm(x, filters, kernel, strides, name, **norm))


def max_pool(x, window, strides, name, centred=True):
    """Max pooling; `window` and `strides` are (t, h, w), an odd window is centred by padding.

    With `centred` False nothing is padded, and windows lie within the map.
    """
    kind = CentredMaxPool3D if centred else InnerMaxPool3D
    return kind(window, strides, name=name)(x)


def stem(x, filters, kernel_t=1, stride_t=1, pool_stride_t=1, prefix="", centred=True):
    """The first convolution (7 x 7 pixels, every second) and the max pooling after it.

    A `pool_stride_t` of 0 leaves the pooling out; for `centred` see `max_pool`.
    """
    x = unit(x, filters, (kernel_t, 7, 7), (stride_t, 2, 2), f"{prefix}conv1")
    if not pool_stride_t:
        return x
    return max_pool(x, (1, 3, 3), (pool_stride_t, 2, 2), f"{prefix}maxpool", centred)


def bottleneck(
    x, filters, stride, kernel_t, name, end=None, shift=False, gamma="zeros", factorised=False
):
    """Residual block of 1x1, 3x3 and 1x1 convolutions, the first over `kernel_t` frames.

    Args:
      x: clips [B, T, H, W, C].
      filters: channels inside; 4 times as many come out.
      stride: of the 3x3 convolution and of the shortcut, in space; or (t, h, w), where only a
        factorised convolution can take a stride in time.
      kernel_t: 1, or 3 for an inflated block.
      name: prefix of the layers' names.
      end: name of the last ReLU, the block's output; None is `name`.
      shift: True shifts channels in time before the first convolution, the shortcut not.
      gamma: initial scale of the last normalisation; "zeros" makes a new block the identity.
      factorised: True puts a convolution over 3 frames, with normalisation and ReLU, before the
        3x3 one.

    Source: He et al. 2016 (arXiv:1512.03385), with the stride on the 3x3 convolution.
    """
    strides = (1, stride, stride) if isinstance(stride, int) else stride
    shortcut = x
    if strides != (1, 1, 1) or x.shape[-1] != EXPANSION * filters:
        shortcut = conv_norm(x, EXPANSION * filters, (1, 1, 1), strides, f"{name}-downsample")
    if shift:
        x = TemporalShift(name=f"{name}-shift")(x)
    x = unit(x, filters, (kernel_t, 1, 1), (1, 1, 1), f"{name}-conv1")
    if factorised:
        x = unit(x, filters, (3, 1, 1), (strides[0], 1, 1), f"{name}-conv2_t")
        strides = (1, *strides[1:])
    x = unit(x, filters, (1, 3, 3), strides, f"{name}-conv2")
    x = conv_norm(x, EXPANSION * filters, (1, 1, 1), (1, 1, 1), f"{name}-conv3", gamma=gamma)
    x = layers.Add(name=f"{name}-add")([x, shortcut])
    return layers.ReLU(name=end or name)(x)


def head(features, num_classes, dropout):
    """Dropout and the float32 dense layer "Logits" on the pooled `features`."""
    if dropout:
        features = layers.Dropout(dropout, name="Logits-dropout")(features)
    initial = keras.initializers.RandomNormal(stddev=0.01)
    return layers.Dense(num_classes, kernel_initializer=initial, dtype="float32", name="Logits")(
        features
    )


def pooled(x, name="features", window=()):
    """Float32 mean over time and space: [B, T, H, W, C] -> [B, C].

    Args:
      x: maps.
      name: of the layer.
      window: (t, h, w): the mean over all places of such a window, see `WindowMean`.
    """
    if window:
        return WindowMean(window, dtype="float32", name=name)(x)
    return layers.GlobalAveragePooling3D(dtype="float32", name=name)(x)


def check_arguments(num_classes, width, dropout, frames=None, min_frames=1):
    """Raises ValueError in one line if an argument that all builders take is out of range."""
    if num_classes < 1:
        raise ValueError(f"num_classes: expected at least 1, got {num_classes}")
    if width <= 0:
        raise ValueError(f"width: expected a positive multiplier, got {width}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout: expected a rate with 0 <= rate < 1, got {dropout}")
    if frames is not None and frames < min_frames:
        raise ValueError(f"frames: expected at least {min_frames}, got {frames}")


@keras.saving.register_keras_serializable("i3d")
class CentredConv3D(layers.Conv3D):
    """3-D convolution padded by (k - 1) // 2 zeros on each side, k odd.

    With strides, Keras's "same" pads less on the left. A kernel over one frame, or over one
    pixel, runs as a 2-D convolution, which is faster on CPUs; its weights keep five axes.
    """

    def __init__(self, filters, kernel_size, strides=(1, 1, 1), **keywords):
        """Takes what Conv3D takes, without the padding."""
        keywords["padding"] = "same"  # for an odd kernel the output has the size of ours
        super().__init__(filters, kernel_size, strides, **keywords)

    def call(self, x, still=False):
        """Returns [B, T', H', W', filters], with n' = (n - 1) // stride + 1 along each axis.

        With `still` every frame is seen as a clip that stands still and has no ends: weights
        are summed over time. It is for a stride in time of 1.
        """
        (kernel_t, *kernel_s), (stride_t, *stride_s) = self.kernel_size, self.strides
        if still:
            return per_frame(x, lambda y: self._convolve(y, ops.sum(self.kernel, 0), stride_s))
        if kernel_t == 1:
            x = every_frame(x, stride_t)
            return per_frame(x, lambda y: self._convolve(y, self.kernel[0], stride_s))
        if kernel_s == [1, 1]:
            x = x[:, :, :: stride_s[0], :: stride_s[1]] if stride_s != [1, 1] else x
            return per_pixel(x, lambda y: self._convolve(y, self.kernel[:, :, 0], [stride_t, 1]))
        return self._convolve(x, self.kernel, self.strides)

    def _convolve(self, x, kernel, strides):
        sizes, padding = kernel.shape[:-2], "same"
        if max(strides) > 1:
            sides = [((size - 1) // 2,) * 2 for size in sizes]
            x = ops.pad(x, [(0, 0), *sides, (0, 0)]) if max(sizes) > 1 else x
            padding = "valid"
        return self._summed(x, kernel, list(strides), padding)

    def _summed(self, x, kernel, strides, padding):
        """Returns the sums of products of a kernel over 2 or 3 axes and the bias, if any.

        `padding` is "same" or "valid".
        """
        return self._biased(ops.conv(x, kernel, strides, padding))

    def _biased(self, x):
        return ops.add(x, self.bias) if self.use_bias else x


@keras.saving.register_keras_serializable("i3d")
class CentredMaxPool3D(layers.MaxPooling3D):
    """Max pooling of ReLU outputs, padded by (k - 1) // 2 on each side; sizes round down.

    Zeros pad as well as minus infinity would, since no input is negative.
    """

    centred = True

    def call(self, x):
        """Returns [B, T', H', W', C]; space and time are pooled one after the other.

        Raises:
          ValueError: the clip is too short or too small for one window.
        """
        self.compute_output_shape(x.shape)
        (window_t, *window_s), (stride_t, *stride_s) = self.pool_size, self.strides
        x = every_frame(x, stride_t) if window_t == 1 else x
        if max(window_s) > 1:
            x = per_frame(x, lambda y: _pool(y, window_s, stride_s, self.centred))
        if window_t > 1:
            time = [window_t, 1], [stride_t, 1]
            x = per_pixel(x, lambda y: _pool(y, *time, self.centred))
        return x

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output; an axis of unknown size stays unknown."""
        sizes = []
        for n, window, stride in zip(input_shape[1:4], self.pool_size, self.strides, strict=True):
            padding = (window - 1) // 2 * 2 if self.centred else 0
            sizes.append(n and (n + padding - window) // stride + 1)
        if any(size is not None and size < 1 for size in sizes):
            raise ValueError(
                f"clip too short or too small: {self.name} needs a map of at least "
                f"{self.pool_size} (t, h, w), got {tuple(input_shape[1:4])}"
            )
        return (input_shape[0], *sizes, input_shape[4])


@keras.saving.register_keras_serializable("i3d")
class InnerMaxPool3D(CentredMaxPool3D):
    """Max pooling without padding: windows begin at the first pixel and lie within the map."""

    centred = False


def _pool(x, window, strides, centred):
    """Max pooling of [N, H, W, C]; padded here where Keras's "same" would not be symmetric."""
    sides = [((size - 1) // 2,) * 2 for size in window]
    x = ops.pad(x, [(0, 0), *sides, (0, 0)]) if centred and max(window) > 2 else x
    return ops.max_pool(x, tuple(window), tuple(strides), "valid")


@keras.saving.register_keras_serializable("i3d")
class TemporalShift(layers.Layer):
    """Moves channels by one frame: the first eighth from t + 1, the second from t - 1.

    Zeros come in at the ends. Source: Lin et al. 2019 (arXiv:1811.08383).
    """

    def call(self, x):
        """Returns the shifted clips, [B, T, H, W, C] as they came."""
        fold = x.shape[-1] // 8
        rest = [(0, 0)] * 3
        later = ops.pad(x[:, 1:, :, :, :fold], [(0, 0), (0, 1), *rest])
        earlier = ops.pad(x[:, :-1, :, :, fold : 2 * fold], [(0, 0), (1, 0), *rest])
        return ops.concatenate([later, earlier, x[:, :, :, :, 2 * fold :]], axis=-1)


@keras.saving.register_keras_serializable("i3d")
class WindowMean(layers.Layer):
    """Average pooling in windows of stride 1, then the mean over their places.

    Where the map is larger than the window, its middle lies in more windows than its border and
    counts more; where it is not, this is the mean. Source: ResNetBasicHead of pytorchvideo 0.1.5.
    """

    def __init__(self, window, **keywords):
        """window: (t, h, w)."""
        super().__init__(**keywords)
        self.window = tuple(window)

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "window": self.window}

    def compute_output_shape(self, input_shape):
        """Returns (B, C)."""
        return (input_shape[0], input_shape[-1])

    def call(self, x):
        """Returns [B, C] of maps [B, T, H, W, C]."""
        for window in self.window:
            length = ops.shape(x)[1]
            window = ops.minimum(window, length)
            place = ops.arange(length)
            places = length - window + 1
            count = ops.minimum(ops.minimum(place + 1, length - place), ops.minimum(window, places))
            weights = ops.cast(count, x.dtype) / ops.cast(window * places, x.dtype)
            x = ops.sum(x * ops.reshape(weights, (-1, *(1,) * (x.ndim - 2))), axis=1)
        return x


def every_frame(x, step):
    """Takes every `step`-th frame, from the first: [B, T, ...] -> [B, ceil(T / step), ...]."""
    if step == 1:
        return x
    return ops.take(x, ops.arange(0, ops.shape(x)[1], step), axis=1)  # a slice is far slower


def per_frame(x, function):
    """Applies a function of [N, H, W, C] to the frames of clips [B, T, H, W, C]."""
    _, frames, height, width, channels = ops.shape(x)
    y = function(ops.reshape(x, (-1, height, width, channels)))
    return ops.reshape(y, (-1, frames, *ops.shape(y)[1:]))


def per_pixel(x, function):
    """Applies a function of [B, T, N, C] to the pixels of clips [B, T, H, W, C]."""
    _, frames, height, width, channels = ops.shape(x)
    y = function(ops.reshape(x, (-1, frames, height * width, channels)))
    return ops.reshape(y, (-1, ops.shape(y)[1], height, width, ops.shape(y)[-1]))

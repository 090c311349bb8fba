"""TV-L1 flow: against OpenCV, against known motion, sizes, threads, mistakes, the median filter."""

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from i3d.flow.tvl1 import median, solve
from i3d.flow.tvl1 import pair as tvl1_pair
from i3d.flow.tvl1.pair import tvl1_flow
from i3d.video import frames as video_frames

needs_opencv_5 = pytest.mark.skipif(
    int(cv2.__version__.split(".")[0]) < 5,
    reason=f"OpenCV {cv2.__version__} rounds warps to 1/32 pixel: only 5 and later compare closely",
)


def moved_texture(height, width, motion=(3.0, -1.5), seed=0):
    """Returns (previous, following): a smooth texture moved by (x, y) pixels."""
    random = np.random.default_rng(seed)
    shape = (width + 32, height + 32)
    coarse = random.integers(0, 256, (shape[1] // 6, shape[0] // 6), np.uint8)
    texture = cv2.resize(coarse, shape, interpolation=cv2.INTER_CUBIC)
    matrix = np.array([[1, 0, motion[0]], [0, 1, motion[1]]])
    following = cv2.warpAffine(texture, matrix, shape, flags=cv2.INTER_CUBIC)
    return tuple(np.ascontiguousarray(image[16:-16, 16:-16]) for image in (texture, following))


def opencv_flow(previous, following, change=0.0):
    method = cv2.optflow.DualTVL1OpticalFlow_create()
    method.setTau(method.getTau() * (1 + change))
    method.setLambda(method.getLambda() * (1 + change))
    return method.calc(previous, following, None)


def difference(a, b):
    return float(np.linalg.norm(a - b, axis=2).mean())


def test_known_motion_is_found():
    flow = tvl1_flow(*moved_texture(120, 150))
    assert flow.shape == (120, 150, 2) and flow.dtype == np.float32
    inner = flow[15:-15, 15:-15]
    assert np.abs(np.median(inner, axis=(0, 1)) - (3.0, -1.5)).max() < 0.02
    assert np.linalg.norm(inner - np.array([3.0, -1.5]), axis=2).mean() < 0.1


@needs_opencv_5
@pytest.mark.parametrize("shape", [(16, 16), (17, 31), (20, 20), (31, 64), (65, 48), (96, 128)])
def test_as_opencv_at_any_size(shape):
    pair = moved_texture(*shape, motion=(0.8, -0.5))
    reference = opencv_flow(*pair)
    own = difference(reference, opencv_flow(*pair, change=2e-7))
    assert difference(tvl1_flow(*pair), reference) <= 0.01 + 3 * own


@needs_opencv_5
def test_as_opencv_on_real_clips(clips):
    paths = sorted(clips.rglob("*.avi"))[::40]
    assert paths, f"{clips} holds no .avi file"
    for path in paths:
        frames = itertools.islice(video_frames.read_frames(path, short_side=128), 10, 12)
        pair = tuple(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
        reference = opencv_flow(*pair)
        own = difference(reference, opencv_flow(*pair, change=2e-7))
        assert difference(tvl1_flow(*pair), reference) <= 0.01 + 3 * own, path


def test_still_images_have_no_flow():
    previous, _ = moved_texture(40, 56)
    assert not tvl1_flow(previous, previous).any()


@pytest.mark.slow
def test_iterating_together_changes_nothing():
    """Three iterations in one sweep are three single ones, to the last bit."""
    height, width, blocks = 21, 37, 3
    random = np.random.default_rng(0)
    size = (height + 1) * (blocks + 1) * solve.BLOCK
    start = random.normal(size=size).astype(np.float32)
    start[: size // (height + 1)] = 0
    constants = random.normal(size=height * blocks * solve.CONSTANTS).astype(np.float32)
    mask = (np.arange(16) < width % 16).astype(np.float32)
    together, single, errors = start.copy(), start.copy(), np.zeros(3)
    once, summed = np.zeros(1), []
    after = np.zeros(size, np.float32)
    solve._sweep(together, after, constants, 3, height, width, mask, errors)
    for _ in range(3):
        other = np.zeros(size, np.float32)
        solve._sweep(single, other, constants, 1, height, width, mask, once)
        single = other
        summed.append(once[0])
    shape = (height + 1, blocks + 1, 6, 16)
    seen = [np.swapaxes(s.reshape(shape), 1, 2).reshape(height + 1, 6, -1) for s in (after, single)]
    assert np.array_equal(seen[0][..., :width], seen[1][..., :width])
    assert np.array_equal(errors, summed) and min(summed) > 0


@pytest.mark.parametrize("shape", [(16, 16), (19, 33), (40, 47)])
def test_median_filter_is_opencvs(shape):
    height, width = shape
    blocks = (width + 15) // 16
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    state = np.zeros((height + 1, blocks + 1, 6, 16), np.float32)
    padded = np.zeros((height, (blocks + 1) * 16), np.float32)
    padded[:, :width] = image
    state[1:, :, 1] = padded.reshape(height, blocks + 1, 16)
    ring = np.zeros(median.RING * blocks, np.float32)
    median.median_filter(state.reshape(-1), height, width, ring)
    filtered = state[1:, :, 1].reshape(height, -1)[:, :width]
    assert np.array_equal(filtered, cv2.medianBlur(image, 5))


def test_threads_and_earlier_images_do_not_matter():
    pairs = [moved_texture(48 + 8 * n, 60, seed=n) for n in range(4)]
    alone = [tvl1_flow(*pair) for pair in pairs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: tvl1_flow(*pair), pairs * 3))
    for n, flow in enumerate(together):
        assert np.array_equal(flow, alone[n % 4])


def test_strided_and_read_only_images():
    previous, following = moved_texture(32, 40)
    colour = np.stack([following] * 3, axis=-1)
    fixed = previous.copy()
    fixed.setflags(write=False)
    assert np.array_equal(tvl1_flow(fixed, colour[..., 1]), tvl1_flow(previous, following))


def test_pyramid_stops_where_opencvs_does():
    assert tvl1_pair.pyramid_shapes(256, 340)[-1] == (105, 139)
    assert tvl1_pair.pyramid_shapes(20, 100) == [(20, 100), (16, 80)]
    assert tvl1_pair.pyramid_shapes(19, 100) == [(19, 100)]


@pytest.mark.parametrize(
    ("previous", "following", "message"),
    [
        (
            np.zeros((32, 32), np.float32),
            np.zeros((32, 32), np.uint8),
            "previous must be .*float32",
        ),
        (
            np.zeros((32, 32), np.uint8),
            np.zeros((32, 32, 3), np.uint8),
            r"following .*\[32, 32, 3\]",
        ),
        (np.zeros((32, 32), np.uint8), [[0] * 32] * 32, "following must be .*list"),
        (np.zeros((32, 32), np.uint8), np.zeros((32, 33), np.uint8), "one shape"),
        (np.zeros((15, 32), np.uint8), np.zeros((15, 32), np.uint8), "at least 16 pixels"),
    ],
)
def test_mistakes_are_named_in_one_line(previous, following, message):
    with pytest.raises(ValueError, match=message) as caught:
        tvl1_flow(previous, following)
    assert "\n" not in str(caught.value)


WITHOUT_CACHE = """
import sys
from numba.core import caching
caching.CompileResultCacheImpl._locator_classes = []  # as where no folder can be written
from i3d.flow.tvl1 import pair
if "run" in sys.argv:
    import numpy as np
    image = np.random.default_rng(0).integers(0, 255, (20, 24), np.uint8)
    print(abs(pair.tvl1_flow(image, image)).max())
"""


def test_without_a_place_for_compiled_code_it_is_said():
    done = without_cache()
    assert done.returncode == 0 and done.stderr.count("\n") == 1, done.stderr
    assert "set NUMBA_CACHE_DIR to a folder of yours" in done.stderr


@pytest.mark.slow
def test_without_a_place_for_compiled_code_it_compiles():
    assert without_cache("run").stdout == "0.0\n"


def without_cache(*words):
    command = [sys.executable, "-c", WITHOUT_CACHE, *words]
    return subprocess.run(command, capture_output=True, text=True)

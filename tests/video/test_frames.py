"""Reading videos: rate, order, range, orientation, colour, damage."""

import math
import pickle
import socket
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from i3d.video import clock
from i3d.video import frames as video_frames
from i3d.video import source as video_source

B_FRAMES = {"bf": "2", "x264-params": "b-adapt=0:scenecut=0", "g": "25"}  # in AVI: wrong timestamps
MPEG4 = {"codec": "mpeg4", "options": {"b": "5M"}}
NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)


def numbered(count, height=32, width=48):
    """Returns frames whose brightness tells their number (see `number`)."""
    return [np.full((height, width, 3), 20 + 3 * (i % 70), np.uint8) for i in range(count)]


def number(frame):
    """Returns the number (modulo 70) that a frame of `numbered` shows."""
    return round((float(frame.mean()) - 20) / 3)


def noisy(count, height=120, width=160):
    """Returns frames that compress badly, so that the middle of a file is picture data."""
    noise = np.random.default_rng(0).integers(0, 200, (height, width, 3), dtype=np.uint8)
    return [np.roll(noise, i, axis=1) for i in range(count)]


def write(path, frames, rate=25, codec="libx264", pix_fmt="yuv420p", stamps_ms=None, **settings):
    """Encodes RGB frames; stamps_ms gives each its time. Settings: options, muxer, last_ms."""
    with av.open(str(path), "w", options=settings.get("muxer", {})) as container:
        stream = container.add_stream(codec, rate=rate, options=settings.get("options", {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.time_base = Fraction(1, 1000) if stamps_ms else 1 / Fraction(rate)
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts = stamps_ms[i] if stamps_ms else i
            frame.time_base = context.time_base
            container.mux(stream.encode(frame))
        for packet in stream.encode(None):
            packet.duration = settings.get("last_ms", packet.duration)
            container.mux(packet)
    return path


def read(path, **settings):
    return list(video_frames.read_frames(path, short_side=None, **settings))


def numbers(path, **settings):
    return [number(frame) for frame in read(path, **settings)]


def expected_numbers(starts, end, fps=25):
    """Returns which frame each slot shows: the last whose start rounds to it or before."""
    slots = [math.floor(start * fps + Fraction(1, 2)) for start in starts]
    count = math.floor(end * fps + Fraction(1, 2))
    return [max(i for i, slot in enumerate(slots) if slot <= n) % 70 for n in range(count)]


# ---- rate


@pytest.mark.parametrize("rate", [NTSC_FILM, Fraction(25), NTSC, Fraction(30), Fraction(60)])
def test_constant_rates_become_25(tmp_path, rate):
    path = write(tmp_path / "a.mp4", numbered(70), rate=rate)
    found = numbers(path)
    assert found == expected_numbers([i / rate for i in range(70)], 70 / rate)
    assert abs(len(found) / 25 - 70 / rate) <= 1 / 25
    info = video_frames.probe(path)
    assert (info.frames, info.width, info.height, info.codec) == (70, 48, 32, "h264")
    assert info.fps == pytest.approx(float(rate))
    assert info.duration_s == pytest.approx(float(70 / rate))
    assert info.timestamps_usable and info.problem == "" and info.rotation == 0


def test_other_output_rates(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(30), rate=30)
    assert numbers(path, fps=10) == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28]
    assert numbers(path, fps=None) == list(range(30))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rate_goes_by_timestamps(tmp_path, name):
    stamps = [0, 40, 80, 400, 440, 441, 1000, 1011, 1500]
    encoder = {"options": {"bf": "0"}, "stamps_ms": stamps, "last_ms": 300}
    path = write(tmp_path / name, numbered(9), **encoder)
    starts = [Fraction(stamp, 1000) for stamp in stamps]
    assert numbers(path) == expected_numbers(starts, Fraction(1800, 1000))
    assert numbers(path, fps=None) == list(range(9))
    assert video_frames.probe(path).fps == pytest.approx(9 / 1.8)


def test_a_leap_in_the_timestamps_is_not_filled(tmp_path):
    stamps = [0, 40, 80, 10**8, 10**8 + 40]
    path = write(tmp_path / "a.mkv", numbered(5), stamps_ms=stamps)
    assert numbers(path) == [0, 1, 2, 3, 4]
    assert not video_frames.probe(path).timestamps_usable


def test_time_starts_at_the_first_frame(tmp_path):
    path = write(tmp_path / "a.mkv", numbered(10), stamps_ms=[5000 + 40 * i for i in range(10)])
    assert numbers(path) == list(range(10))
    assert numbers(path, start_s=0.2, end_s=0.32) == [5, 6, 7]


def test_avi_with_b_frames_keeps_decoder_order(tmp_path):
    path = write(tmp_path / "a.avi", numbered(60), rate=30, options=B_FRAMES)
    with av.open(str(path)) as container:
        stamps = [frame.pts for frame in container.decode(video=0)]
    assert stamps != sorted(stamps), "the file must have the fault that this test is about"
    assert numbers(path, fps=None) == list(range(60))
    assert numbers(path) == expected_numbers([Fraction(i, 30) for i in range(60)], Fraction(2))
    info = video_frames.probe(path)
    assert not info.timestamps_usable
    assert info.frames == 60 and info.problem == ""
    assert numbers(path, start_s=1.2, end_s=1.6) == numbers(path)[30:40]


def test_avi_without_b_frames_goes_by_timestamps(tmp_path):
    path = write(tmp_path / "a.avi", numbered(30), rate=30, **MPEG4)
    assert video_frames.probe(path).timestamps_usable
    assert numbers(path) == expected_numbers([Fraction(i, 30) for i in range(30)], Fraction(1))


def test_raw_stream_without_timestamps(tmp_path):
    path = write(tmp_path / "a.h264", numbered(40), rate=25)
    assert numbers(path) == list(range(40))
    assert not video_frames.probe(path).timestamps_usable


def test_timestamps_that_turn_bad_are_left(monkeypatch, tmp_path):
    """From the first step back on, each frame takes one period of the stream's rate."""
    path = write(tmp_path / "a.avi", numbered(60), rate=25, options=B_FRAMES)
    kept = clock.Clock.__init__

    def trusting(self, source):
        kept(self, source)
        self.trusted = True

    monkeypatch.setattr(clock.Clock, "__init__", trusting)
    found = numbers(path)
    assert found == sorted(found)
    assert not video_frames.probe(path).timestamps_usable
    assert abs(len(found) - 60) <= 3


def test_three_frames_and_one(tmp_path):
    assert numbers(write(tmp_path / "3.mp4", numbered(3), rate=30)) == [0, 1, 2]
    assert numbers(write(tmp_path / "1.mp4", numbered(1), rate=60)) == [0]


def test_stated_reads_the_header(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(50))
    assert video_frames.stated(path) == (32, 48, 2.0)
    assert video_frames.stated(write(tmp_path / "a.h264", numbered(2)))[:2] == (32, 48)
    with pytest.raises(video_frames.VideoError, match="the file is empty"):
        (tmp_path / "b.mp4").touch()
        video_frames.stated(tmp_path / "b.mp4")


# ---- range


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "25", "bf": "3"}),
        ("a.mkv", "libx264", {"g": "40", "bf": "3", "x264-params": "open-gop=1"}),
        ("a.ts", "libx264", {"g": "25"}),
        ("a.webm", "libvpx-vp9", {"g": "30", "deadline": "realtime", "cpu-used": "8"}),
        ("a.avi", "mpeg4", {"g": "20"}),
        ("a.avi", "libx264", B_FRAMES),
    ],
)
@pytest.mark.parametrize("fps", [25, 12, None])
def test_range_equals_a_slice_of_the_whole(tmp_path, name, codec, options, fps):
    path = write(tmp_path / name, numbered(180), rate=30, codec=codec, options=options)
    whole = read(path, fps=fps)
    place = lambda s: math.floor(Fraction(str(s)) * fps + Fraction(1, 2))  # noqa: E731
    if fps is None:  # the first frame at or after the time
        place = lambda s: math.ceil(Fraction(str(s)) * 30)  # noqa: E731
    for start, end in ((0, 1), (0.5, 2.3), (2.2, 3.1), (4.04, 4.84), (5.2, None), (3.7, 99)):
        first, last = place(start), None if end is None else place(end)
        part = read(path, fps=fps, start_s=start, end_s=end)
        np.testing.assert_array_equal(np.stack(part), np.stack(whole[first:last]))


def test_range_is_found_by_seeking(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mp4", numbered(500), options={"g": "25"})
    decoded = []
    decode = video_source.Source.decode

    def counting(self):
        for frame in decode(self):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(video_source.Source, "decode", counting)
    assert len(read(path, start_s=18, end_s=18.4)) == 10
    assert len(decoded) < 75


def test_seeking_that_lands_too_late_is_undone(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mp4", numbered(60), options={"g": "10"})
    stamp = clock.Clock.stamp
    monkeypatch.setattr(clock.Clock, "stamp", lambda self, s: stamp(self, s + Fraction(8, 10)))
    monkeypatch.setattr(clock, "_SEEK_MARGIN_S", 0)
    assert numbers(path, start_s=1, end_s=1.2) == [25, 26, 27, 28, 29]


def test_range_without_a_frame(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(50))
    with pytest.raises(
        video_frames.VideoError, match=r"a\.mp4: no frame from 7 s to 8 s .*2\.000 s"
    ):
        read(path, start_s=7, end_s=8)
    with pytest.raises(video_frames.VideoError, match=r"a\.mp4: no frame from 2 s to the end"):
        read(path, start_s=2)
    for start, end in ((-1, 2), (2, 2), (3, 1)):
        with pytest.raises(
            video_frames.VideoError, match=f"start_s < end_s, got {start} and {end}"
        ):
            read(path, start_s=start, end_s=end)


# ---- size and orientation


def test_short_side(tmp_path):
    path = write(tmp_path / "a.mp4", noisy(2, 240, 320))
    assert next(video_frames.read_frames(path)).shape == (256, 341, 3)
    assert next(video_frames.read_frames(path, short_side=120)).shape == (120, 160, 3)
    plain = next(video_frames.read_frames(path, short_side=None))
    assert plain.shape == (240, 320, 3) and plain.dtype == np.uint8 and plain.flags.c_contiguous
    half = next(video_frames.read_frames(path, short_side=120))
    np.testing.assert_array_equal(half, cv2.resize(plain, (160, 120)))


def test_longer_side_is_rounded_to_the_nearest(tmp_path):
    tall = write(tmp_path / "a.mp4", noisy(1, 58, 34))
    assert next(video_frames.read_frames(tall, short_side=17)).shape == (29, 17, 3)
    assert next(video_frames.read_frames(tall, short_side=16)).shape == (27, 16, 3)  # 27.29
    assert next(video_frames.read_frames(tall, short_side=19)).shape == (32, 19, 3)  # 32.41
    assert next(video_frames.read_frames(tall, short_side=20)).shape == (34, 20, 3)  # 34.12
    assert next(video_frames.read_frames(tall, short_side=22)).shape == (38, 22, 3)  # 37.53


def test_odd_sizes(tmp_path):
    path = write(tmp_path / "a.mkv", numbered(3, 33, 47), codec="ffv1", pix_fmt="yuv444p")
    assert read(path)[0].shape == (33, 47, 3)


MATRICES = {  # a, b, c, d of the display matrix, and what it does to the stored picture
    "quarter clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "half": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "quarter counter-clockwise": ((0, -1, 1, 0), np.rot90),
    "flip left to right": ((-1, 0, 0, 1), np.fliplr),
    "flip top to bottom": ((1, 0, 0, -1), np.flipud),
    "transpose": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
}


@pytest.mark.parametrize("turn", MATRICES)
def test_display_matrix_is_applied(tmp_path, turn):
    (a, b, c, d), turned = MATRICES[turn]
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :16] = 255  # a white corner, top left
    image[16:, :16, 0] = 200  # a red one below it
    path = write(tmp_path / "a.mp4", [image] * 2)
    content = bytearray(path.read_bytes())
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 16384]) * 65536
    at = content.index(b"tkhd") + 44
    content[at : at + 36] = matrix.astype(">i4").tobytes()
    path.write_bytes(content)
    frame = read(path)[0]
    assert frame.shape == turned(image).shape
    assert cv2.PSNR(frame, np.ascontiguousarray(turned(image))) > 25
    info = video_frames.probe(path)
    assert (info.height, info.width) == turned(image).shape[:2]


def test_probe_names_the_rotation(tmp_path, clips):
    found = [
        video_frames.probe(clips / "misc" / f"video_{k}.mov").rotation for k in (0, 90, 180, 270)
    ]
    assert found == [0, -90, -180, 90]


def test_resolution_that_changes_is_resized_to_the_first(tmp_path):
    first = write(tmp_path / "1.h264", numbered(5, 32, 48))
    second = write(tmp_path / "2.h264", [f + 90 for f in numbered(5, 64, 64)])
    both = tmp_path / "a.h264"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    frames = read(both)
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 10
    assert [number(frame) for frame in frames] == [0, 1, 2, 3, 4, 30, 31, 32, 33, 34]


# ---- colour


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "name"),
    [
        ("libx264", "yuv420p10le", "a.mp4"),
        ("libx264", "yuv444p", "a.mp4"),
        ("ffv1", "gray", "a.mkv"),
        ("ffv1", "gray16le", "a.mkv"),
        ("ffv1", "bgra", "a.mkv"),
        ("gif", "rgb8", "a.gif"),
        ("mjpeg", "yuvj422p", "a.avi"),
    ],
)
def test_pixel_formats(tmp_path, codec, pix_fmt, name):
    path = write(tmp_path / name, numbered(10), codec=codec, pix_fmt=pix_fmt)
    frames = read(path)
    assert len(frames) == 10
    tolerance = 85 if codec == "gif" else 2.5  # GIF: 4 levels of blue
    for frame, meant in zip(frames, numbered(10), strict=True):
        assert frame.shape == (32, 48, 3)
        assert np.abs(frame.astype(int) - meant).max() <= tolerance


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["601", "709"])
def test_colour_tags_are_obeyed(tmp_path, full, matrix):
    """Known Y, Cb, Cr are turned to RGB by the standard that the stream names."""
    kr, kb = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}[matrix]
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.color_range = 2 if full else 1
        stream.codec_context.colorspace = 1 if matrix == "709" else 6
        planes = np.concatenate(
            [np.full((32, 32), 120), np.full((8, 32), 90), np.full((8, 32), 150)]
        )
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes.astype(np.uint8), "yuv420p")))
        container.mux(stream.encode(None))
    light, blue, red = (
        (120 / 255, (90 - 128) / 255, (150 - 128) / 255)
        if full
        else ((120 - 16) / 219, (90 - 128) / 224, (150 - 128) / 224)
    )
    r, b = light + 2 * (1 - kr) * red, light + 2 * (1 - kb) * blue
    g = (light - kr * r - kb * b) / (1 - kr - kb)
    np.testing.assert_allclose(read(path)[0][16, 16], np.array([r, g, b]) * 255, atol=2)


# ---- several streams, and none


def test_the_largest_video_stream_is_read(tmp_path):
    path = tmp_path / "a.ts"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(3)]
        for stream, size in zip(streams, (32, 64, 48), strict=True):
            stream.width = stream.height = size
            stream.pix_fmt = "yuv420p"
        for image in numbered(5, 64, 64):
            for stream in streams:
                small = np.ascontiguousarray(image[: stream.height, : stream.width])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(small, "rgb24")))
        for stream in streams:
            container.mux(stream.encode(None))
    frames = read(path)
    assert [frame.shape for frame in frames] == [(64, 64, 3)] * 5
    assert [number(frame) for frame in frames] == list(range(5))


def sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_audio_only(tmp_path):
    sound(tmp_path / "a.mp4")
    with pytest.raises(video_frames.VideoError, match=r"a\.mp4: no video stream"):
        read(tmp_path / "a.mp4")


@pytest.mark.parametrize("function", [video_frames.probe, read])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mp4", b"", "the file is empty"),
        ("a.mp4", b"these are not the frames\n" * 99, "not a readable video"),
        ("a.txt", b"these are not the frames\n" * 99, "not a video"),
        ("a.mp4", bytes(range(256)) * 99, "not a readable video"),
        ("a.avi", b"RIFF\0\0\0\0AVI ", "not a readable video|no video stream"),
    ],
)
def test_what_is_no_video(tmp_path, function, name, content, message, capfd):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(video_frames.VideoError, match=message) as caught:
        function(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(video_frames.VideoError, match="gone.mp4: no such file"):
        read(tmp_path / "gone.mp4")
    with pytest.raises(video_frames.VideoError, match="not a regular file"):
        read(tmp_path)
    with pytest.raises(video_frames.VideoError, match="no such file"):
        read("http://localhost/a.mp4")


def test_names_that_look_like_addresses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "b.mp4", numbered(2)).rename(tmp_path / "rtp:b (1) %d.mp4")
    assert numbers("rtp:b (1) %d.mp4") == [0, 1]


def test_playlists_reach_no_network(tmp_path):
    path = tmp_path / "a.m3u8"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path.write_text(f"#EXTM3U\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n")
        with pytest.raises(video_frames.VideoError, match="not a readable video|no video stream"):
            read(path)
        with pytest.raises(TimeoutError):
            server.accept()


def test_titles_in_another_encoding(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "caf*"
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(1)[0], "rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"caf*", b"caf\xe9"))  # Latin-1
    assert numbers(path) == [0]


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(video_frames.VideoError("a.mp4: the file is empty")))
    assert str(error) == "a.mp4: the file is empty" and isinstance(error, video_frames.VideoError)


# ---- damage


def damaged(path, start=0.5, length=1500):
    """Overwrites the middle of a file."""
    content = bytearray(path.read_bytes())
    at = int(len(content) * start)
    content[at : at + length] = np.random.default_rng(1).bytes(length)
    path.write_bytes(content)
    return path


def packets_before(path, at):
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    return sum(p.pos + p.size <= at for p in packets)


@pytest.mark.parametrize("fps", [None, 25])
def test_corrupt_data_after_good_frames(tmp_path, fps, capfd):
    path = write(tmp_path / "a.mp4", noisy(100))
    good = read(path, fps=fps)
    intact = packets_before(path, path.stat().st_size // 2)
    damaged(path)
    frames = []
    with pytest.raises(
        video_frames.VideoError, match=r"a\.mp4: corrupt after \d+ decoded"
    ) as caught:
        for frame in video_frames.read_frames(path, fps=fps, short_side=None):
            frames.append(frame)
    assert 20 < intact < 80
    np.testing.assert_array_equal(np.stack(frames[: intact - 3]), np.stack(good[: intact - 3]))
    assert f"after {intact} decoded frames" in str(caught.value)
    assert 0 <= len(frames) - intact <= (0 if fps is None else 3)
    info = video_frames.probe(path)
    assert info.frames == intact
    assert info.problem.startswith(f"corrupt after {intact} decoded frames")
    assert capfd.readouterr().err == ""


def test_corrupt_data_outside_the_range_do_not_matter(tmp_path):
    path = write(tmp_path / "a.mp4", noisy(150), options={"g": "10"})
    good = read(path)
    damaged(path)
    np.testing.assert_array_equal(np.stack(read(path, end_s=1)), np.stack(good[:25]))
    after = read(path, start_s=5)
    np.testing.assert_array_equal(np.stack(after), np.stack(good[125:]))


def cut(path, share=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def test_cut_short_without_its_index(tmp_path):
    with pytest.raises(video_frames.VideoError, match=r"a\.mp4: not a readable video"):
        read(cut(write(tmp_path / "a.mp4", noisy(50))))


def test_cut_short_after_its_index(tmp_path):
    """The index is there, the data of some frames are not: an error, not a short video."""
    path = cut(write(tmp_path / "a.mp4", noisy(100), muxer={"movflags": "faststart"}))
    frames = []
    with pytest.raises(video_frames.VideoError, match="corrupt after"):
        for frame in video_frames.read_frames(path, fps=None):
            frames.append(frame)
    assert 30 < len(frames) < 70
    assert video_frames.probe(path).problem.startswith("corrupt after")


@pytest.mark.parametrize(
    ("name", "codec", "share", "problem"),
    [
        ("a.avi", "mpeg4", 0.6, "incomplete: the header promises 100 frames"),
        ("a.mkv", "libx264", 0.5, "incomplete: the header promises 4.0 s"),
    ],
)
def test_cut_short_and_decoded_to_its_end(tmp_path, name, codec, share, problem):
    path = write(tmp_path / name, noisy(100), codec=codec)
    whole = read(path)
    assert video_frames.probe(path).problem == ""
    frames = read(cut(path, share))
    assert 20 < len(frames) < 80
    np.testing.assert_array_equal(np.stack(frames[:20]), np.stack(whole[:20]))
    info = video_frames.probe(path)
    assert info.frames == len(frames)
    assert info.problem.startswith(problem)


# ---- real videos


def real_files(folder):
    return sorted(path for path in folder.rglob("*.*") if path.suffix != ".csv")


def test_all_kinds_of_real_files(clips, capfd):
    """Each gives its length in frames or one line; what is wrong with the bad ones is known."""
    bad = {}
    for path in real_files(clips / "misc"):
        count = 0
        try:
            for frame in video_frames.read_frames(path, short_side=32):
                assert frame.dtype == np.uint8 and min(frame.shape[:2]) == 32
                count += 1
            assert abs(count - 25 * video_frames.probe(path).duration_s) <= 1, path
        except video_frames.VideoError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            bad[path.name] = count
    assert sorted(bad) == ["corrupted.mp4", "truncated60_abseiling_k400.mp4", "zero_bytes.mp4"]
    assert bad["corrupted.mp4"] > 0
    assert capfd.readouterr().err == ""


def test_avi_and_mp4_of_one_clip(clips):
    avi = list(video_frames.read_frames(clips / "ucf101/Biking/v_Biking_g02_c05.avi"))
    mp4 = list(video_frames.read_frames(clips / "misc/v_Biking_g02_c05.mp4"))
    assert len(avi) == len(mp4) == 150
    assert min(map(cv2.PSNR, avi, mp4)) >= 35


def test_real_avi_with_b_frames(clips):
    found = {}
    for path in (clips / "ut_interaction").rglob("*.avi"):
        info = video_frames.probe(path)
        found[info.timestamps_usable] = found.get(info.timestamps_usable, 0) + 1
        assert info.problem == ""
        count = sum(1 for _ in video_frames.read_frames(path, short_side=None))
        assert abs(count - 25 * info.frames / 30) <= 0.5
    assert set(found) == {False}


def test_real_truncated_avi(clips):
    path = clips / "misc/derived/truncated60_v_Biking_g02_c05.avi"
    assert len(read(path, fps=None)) == 104
    info = video_frames.probe(path)
    assert info.frames == 104 and "promises 180 frames" in info.problem


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_real_rotation_equals_another_reader(clips, degrees):
    path = clips / f"misc/video_{degrees}.mov"
    reader = cv2.VideoCapture(str(path))
    frames = read(path, fps=None)
    assert len(frames) == 3
    for frame in frames:
        other = np.ascontiguousarray(reader.read()[1][..., ::-1])
        assert frame.shape == other.shape
        assert cv2.PSNR(frame, other) >= 30


def test_real_choice_of_stream(clips):
    info = video_frames.probe(clips / "misc/nasa_13013.mp4")
    assert (info.width, info.height, info.frames) == (480, 270, 390)


def test_real_ranges_equal_slices(clips):
    for name in ("flipping_a_pancake.mkv", "baseball.mp4", "v_CricketShot_g04_c01_rgb.gif"):
        path = clips / "misc" / name
        part = read(path, start_s=2, end_s=2.4)
        np.testing.assert_array_equal(np.stack(part), np.stack(read(path)[50:60]))


def test_probe_tells_of_an_aspect_that_a_build_refuses(tmp_path):
    path = write(tmp_path / "long.mp4", numbered(3, 32, 400))
    line = "frames of 400x32 pixels; expected an aspect of at most 10:1"
    assert video_frames.probe(path).problem == line
    with pytest.raises(video_frames.VideoError, match=line):
        list(video_frames.read_frames(path))

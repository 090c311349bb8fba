"""Files that are opened: several streams or none, damage, names that mislead."""

import pickle
import socket

import av
import cv2
import numpy as np
import pytest

from i3d.video import frames as video_frames
from tests.helpers import images
from tests.helpers.video_files import noisy, number, numbered, numbers, read, write


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
    with pytest.raises(video_frames.VideoError, match="a folder, not a video"):
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


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp", ".gif", ".avif"])
def test_an_image_is_no_video_whatever_its_name(tmp_path, kind):
    picture = np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8)
    encoded, data = cv2.imencode(kind, picture)
    if not encoded:
        pytest.skip(f"this OpenCV writes no {kind}")
    for name in (f"a{kind}", "a.mp4"):
        (tmp_path / name).write_bytes(data)
        for function in (video_frames.probe, read, video_frames.stated):
            with pytest.raises(video_frames.VideoError, match=r"is an image, not a video$"):
                function(tmp_path / name)


def test_several_pictures_are_a_video(tmp_path):
    assert len(read(images.animation(tmp_path / "a.gif", 3), fps=None)) == 3
    assert len(read(images.animation(tmp_path / "a.webp", 3), fps=None)) == 3
    _, data = cv2.imencode(".jpg", images.picture(100))
    (tmp_path / "a.mjpeg").write_bytes(5 * data.tobytes())
    assert len(read(tmp_path / "a.mjpeg", fps=None)) == 5

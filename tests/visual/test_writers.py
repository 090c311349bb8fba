"""Videos by the ending of their names; times of frames; sound."""

from fractions import Fraction

import av
import numpy as np
import pytest

from i3d.runtime.command import UserError
from i3d.video import frames
from i3d.video.clock import intervals
from i3d.visual.writers import writer
from tests.helpers import video_files

NTSC = Fraction(24000, 1001)


def write(path, count, fps, **options):
    with writer(path, fps, **options) as video:
        for i, frame in enumerate(video_files.numbered(count)):
            video.add(frame, i / Fraction(fps), (i + 1) / Fraction(fps))
    return path


def write_with_sound(path, codec="aac", seconds=2, rate=25, height=32, width=48):
    """Writes a video of numbered frames and a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate)
        video.height, video.width, video.pix_fmt = height, width, "yuv420p"
        audio = container.add_stream(codec, rate=44100)
        for picture in video_files.numbered(seconds * rate, height, width):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode())
        tone = np.sin(np.arange(seconds * 44100) / 20)[None]
        form = audio.codec_context.format.name
        tone = np.float32(tone) if form.startswith("flt") else np.int16(tone * 9000)
        frame = av.AudioFrame.from_ndarray(tone, form, "mono")
        frame.sample_rate = 44100
        fifo = av.AudioFifo()
        fifo.write(frame)
        while part := fifo.read(1024, partial=True):
            container.mux(audio.encode(part))
        container.mux(audio.encode())
    return path


@pytest.mark.parametrize("ending", ["mp4", "gif", "webp"])
def test_frames_and_duration(tmp_path, ending):
    path = write(tmp_path / f"a.{ending}", 30, NTSC)
    info = frames.probe(path)
    assert info.frames == 30 and (info.width, info.height) == (48, 32)
    assert info.duration_s == pytest.approx(30 / NTSC, abs=0.02)
    assert video_files.numbers(path, fps=None) == list(range(30))


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_fast_videos_are_at_25_frames_per_second(tmp_path, ending):
    info = frames.probe(write(tmp_path / f"a.{ending}", 50, 60))
    assert info.frames == 21 and info.duration_s == pytest.approx(50 / 60, abs=0.02)
    one = write(tmp_path / f"b.{ending}", 1, 60)  # shorter than half a frame
    with av.open(str(one)) as container:
        assert len(list(container.decode(video=0))) == 1


def test_an_mp4_keeps_uneven_times(tmp_path):
    times = [Fraction(ms, 1000) for ms in (0, 100, 150, 400, 1000, 1000, 2000)]
    with writer(tmp_path / "a.mp4", 4) as video:
        for i, frame in enumerate(video_files.numbered(6)):
            video.add(frame, times[i], times[i + 1])
    found = [(begin, end) for _, begin, end in intervals(tmp_path / "a.mp4", 0)]
    expected = list(zip(times[:-1], times[1:], strict=True))
    np.testing.assert_allclose(np.float64(found), np.float64(expected), atol=1e-4)


def test_sound_is_copied(tmp_path):
    source = write_with_sound(tmp_path / "a.mp4")
    path = write(tmp_path / "b.mp4", 50, 25, sound=source)
    found = []
    for file in (source, path):
        with av.open(str(file)) as container:
            (audio,) = container.streams.audio
            assert audio.codec_context.name == "aac"
            found.append([bytes(p) for p in container.demux(audio) if p.size and p.pts >= 0])
    assert found[0] == found[1] and len(found[0]) > 80
    assert frames.probe(path).frames == 50


def test_sound_that_cannot_be_kept(tmp_path):
    silent = video_files.write(tmp_path / "silent.mp4", video_files.numbered(3))
    with pytest.raises(UserError, match="silent.mp4: it has no sound; leave --sound out"):
        write(tmp_path / "b.mp4", 3, 25, sound=silent)
    pcm = write_with_sound(tmp_path / "a.avi", "pcm_s16le", seconds=1)
    with pytest.raises(UserError, match="its sound is pcm_s16le, --sound keeps aac, mp3"):
        write(tmp_path / "b.mp4", 3, 25, sound=pcm)
    with pytest.raises(UserError, match="a name that ends in .mp4"):
        write(tmp_path / "b.gif", 3, 25, sound=pcm)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.avi", "silent.mp4"]


def test_another_ending(tmp_path):
    with pytest.raises(UserError, match=r"b.avi: expected a name that ends in .mp4, .gif, .webp"):
        writer(tmp_path / "b.avi", 25)


@pytest.mark.parametrize("ending", ["mp4", "gif", "webp"])
def test_an_error_leaves_no_file(tmp_path, ending):
    with pytest.raises(RuntimeError), writer(tmp_path / f"a.{ending}", 25) as video:
        for i, frame in enumerate(video_files.numbered(4)):
            video.add(frame, Fraction(i, 25), Fraction(i + 1, 25))
        raise RuntimeError
    assert not list(tmp_path.iterdir())

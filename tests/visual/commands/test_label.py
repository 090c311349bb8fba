"""`python -m i3d.visualize label` on one video."""

from fractions import Fraction

import av
import numpy as np
import pytest

import i3d
from i3d.video import frames
from i3d.visual.commands import label
from tests.helpers import calls, runs, video_files
from tests.helpers.videos import texture_frames, write_video
from tests.visual.test_writers import write_with_sound

pytestmark = pytest.mark.usefixtures("tiny_model")
NAME = "visualize label"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_model):
    """Networks of RGB and flow, and videos."""
    folder = tmp_path_factory.mktemp("label")
    runs.write(folder / "rgb")
    runs.write(folder / "flow", "flow", seed=1)
    write_video(folder / "a.mp4", texture_frames(60, 48, 160))
    return folder


def words(folder, out, *more, video="a.mp4", checkpoint="rgb"):
    named = f"--checkpoint={folder / checkpoint / 'best.weights.h5'}"
    return [named, f"--out={out}", *map(str, more), str(folder / video)]


def refused(*given, status=2):
    return calls.refused(label.main, NAME, *given, status=status)


def labelled(folder, out, *more, **options):
    assert label.main([NAME, *words(folder, out, *more, **options)]) == 0
    return out


def test_a_video_is_labelled(folder, tmp_path, capsys):
    out = labelled(folder, tmp_path / "a.mp4", "--true_label=Jump_High", "--window_s=0.5")
    ((name, score),) = i3d.load(folder / "rgb/best.weights.h5").predict(folder / "a.mp4", 1)
    right = "right" if name == "jump high" else "true: jump high"
    expected = f"{out}: {name} {score:.4f} ({right}); 60 frames, 2.40 s\n"
    assert capsys.readouterr().out == expected
    source, info = frames.probe(folder / "a.mp4"), frames.probe(out)
    assert (info.frames, info.fps, info.duration_s) == (60, 25, source.duration_s)
    assert info.width == source.width and info.height > source.height
    read = zip(video_files.read(folder / "a.mp4"), video_files.read(out), strict=True)
    for before, after in read:
        assert np.abs(before - after[: len(before)].astype(int)).mean() < 6  # H.264's loss
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert not container.streams.audio


@pytest.mark.long
def test_two_streams_and_other_formats(folder, tmp_path, capsys):
    flow = f"--checkpoint={folder / 'flow/best.weights.h5'}"
    checkpoints = [folder / f"{s}/best.weights.h5" for s in ("rgb", "flow")]
    ((name, score),) = i3d.load(checkpoints).predict(folder / "a.mp4", 1)
    for ending in ("gif", "webp"):
        out = labelled(folder, tmp_path / f"a.{ending}", flow, "--top_k=1")
        assert f"a.{ending}: {name} {score:.4f}; 60 frames, 2.40 s\n" in capsys.readouterr().out
        info = frames.probe(out)
        assert info.frames == 60 and info.duration_s == pytest.approx(2.4)


def sources(folder):
    """Yields the paths of unusual videos."""
    yield write_video(folder / "ntsc.mp4", texture_frames(31), Fraction(24000, 1001))
    yield write_video(folder / "sixty.mp4", texture_frames(31), 60)
    yield write_video(folder / "one.mp4", texture_frames(1))
    options = {"codec": "rawvideo", "pix_fmt": "bgr24"}
    yield video_files.write(folder / "odd.avi", list(texture_frames(9, 37, 51)), **options)
    stamps = [0, 40, 400, 410, 1500]
    uneven = list(texture_frames(5))
    yield video_files.write(folder / "uneven.mkv", uneven, stamps_ms=stamps, last_ms=500)
    yield write_video(folder / "small.mp4", texture_frames(12, 64, 64))


@pytest.mark.long
def test_frames_size_and_duration_are_those_of_the_source(folder, tmp_path):
    for video in sources(tmp_path):
        out = labelled(folder, tmp_path / f"{video.stem}_out.mp4", video=video)
        before, after = frames.probe(video), frames.probe(out)
        assert after.frames == before.frames, video
        width = max(before.width, 160)  # with margins, so that the strip can be read
        assert after.width == width + width % 2, video
        frame_s = 1 / before.fps
        assert after.duration_s == pytest.approx(before.duration_s, abs=frame_s), video
        picture = video_files.read(video, fps=None)[0]
        left = (width - before.width) // 2
        found = video_files.read(out, fps=None)[0][: before.height, left : left + before.width]
        assert np.abs(found - picture.astype(int)).mean() < 8, video


@pytest.mark.long
def test_sound_is_kept_where_it_is_asked_for(folder, tmp_path):
    write_with_sound(folder / "tone.mp4", height=64, width=64)
    out = labelled(folder, tmp_path / "a.mp4", "--sound", video="tone.mp4")
    with av.open(str(out)) as container:
        (audio,) = container.streams.audio
        assert audio.codec_context.name == "aac"
        assert float(audio.duration * audio.time_base) == pytest.approx(2, abs=0.06)
    assert frames.probe(out).frames == 50


@pytest.mark.long
def test_some_videos_of_each_class(folder, tmp_path, capsys):
    videos, out = tmp_path / "videos", tmp_path / "out"
    for name in ("walk", "jump_high"):
        for number in range(3):
            write_video(videos / name / f"{number}.mp4", texture_frames(20, seed=number))
    for name in ("0.mp4", "1.mp4", "2.mp4"):
        (videos / "jump_high" / name).write_bytes(b"no video")
    write_video(videos / "jump_high" / "good.mp4", texture_frames(20, seed=9))
    given = f"--videos={videos}", "--samples_per_class=4"
    assert label.main([NAME, *words(folder, out, *given)[:-1]]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("not a readable video") == 3
    lines = printed.out.splitlines()
    assert len(lines) == 5 and lines[-1].endswith(", 3 failed")
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*.*"))
    labelled = ["jump_high/good.mp4", *(f"walk/{number}.mp4" for number in range(3))]
    assert written == ["contact_sheet.jpg", "index.html", *labelled]
    page = (out / "index.html").read_text()
    assert page.count("<video") == 4 and page.count("not a readable video") == 3
    right = int(lines[-1].split(": ")[1].split(" of ")[0])
    assert page.count('<li class="right">') == right == sum("(right)" in line for line in lines)
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    assert "new or empty folder" in refused(*words(folder, out, *given)[:-1])
    assert before == {path: path.read_bytes() for path in out.rglob("*.*")}


def test_wrong_calls_of_folders(folder, tmp_path):
    videos, flags = folder / "classes", words(folder, tmp_path / "out")[:-1]
    write_video(videos / "jump" / "a.mp4", texture_frames(5))
    for given, expected in (
        ((f"--videos={videos}",), "true label: expected one of the network's 4 classes, got"),
        ((f"--videos={videos}", "a.mp4"), "unexpected argument 'a.mp4'"),
        ((f"--videos={videos}", "--true_label=walk"), "the name of the folder; leave it out"),
        (("--videos=no",), "expected a folder with a folder for each class"),
        (("--samples_per_class=2", "a.mp4"), "--samples_per_class goes with --videos=FOLDER"),
    ):
        assert expected in refused(*flags, *given), given
    assert "--out is needed: a new folder" in refused(flags[0], f"--videos={videos}")


def test_wrong_calls(folder, tmp_path):
    there = tmp_path / "there.mp4"
    there.write_text("")
    for given, expected in (
        (words(folder, "a.mp4")[:-1], "expected one video, or --videos=FOLDER, got 0"),
        (words(folder, there), "is there already"),
        (words(folder, "a.avi"), "expected a name that ends in .mp4, .gif or .webp"),
        (words(folder, "b.mp4", video="no.mp4"), "no.mp4: no such file"),
        (words(folder, "b.gif", "--sound"), "--sound goes with --out=FILE.mp4"),
        (words(folder, "b.mp4", "--sound"), "it has no sound"),
        (
            words(folder, "b.mp4", "--window_s=0"),
            "--window_s: expected seconds above 0 and below 1,0",
        ),
        (words(folder, "b.mp4", "--window_s=1e9"), "below 1,000,000, got 1e+09"),
        (words(folder, tmp_path / ".mp4"), ".mp4: expected a name before .mp4"),
        (words(folder, "b.mp4", video="."), "expected one video, got a folder; of many, --videos"),
        (words(folder, "b.mp4", "--true_label=jump"), "got 'jump'; did you mean 'jump high'?"),
        (words(folder, "b.mp4", "--text=a,b"), "--text: tiny has no text tower"),
        ([words(folder, "b.mp4")[1], str(folder / "a.mp4")], "--checkpoint is needed"),
        ([words(folder, "b.mp4")[0], str(folder / "a.mp4")], "--out is needed"),
    ):
        assert expected in refused(*given), given

"""`python -m data_prep figures`: classes and seeds."""

from i3d.visual.figures import compositions, render


def test_figures_writes_the_classes(call, tmp_path):
    words = ["--videos_per_class=1", "--height=32", "--width=42", "--workers=1"]
    status, output, _ = call("figures", f"--out={tmp_path}", *words)
    assert (status, output) == (0, f"{tmp_path}: 13 videos of 13 classes\n")
    names = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*.mp4"))]
    assert names == [f"{name}/{name}_0.mp4" for name in render.ACTIONS]
    status, _, errors = call("figures", f"--out={tmp_path}", "--videos_per_class=1", "--workers=1")
    assert status == 1 and "is not the video that would be written there" in errors


def test_figures_for_testing_take_other_seeds(call, tmp_path, monkeypatch):
    seeds = []
    monkeypatch.setattr(render, "write_videos", lambda seed, **_: seeds.append(seed) or [])
    assert call("figures", f"--out={tmp_path}", "--videos_per_class=1", "--test")[0] == 0
    assert call("figures", f"--out={tmp_path}", "--videos_per_class=1", "--seed=5")[0] == 0
    assert seeds == [render.TEST_SEED, 5]
    status, _, errors = call(
        "figures", f"--out={tmp_path}", "--videos_per_class=1", "--test", "--seed=5"
    )
    assert status == 2 and "leave --seed out" in errors


def test_figures_writes_folders_of_captions(call, tmp_path):
    words = ["--classes=held_out", "--videos_per_class=1", "--height=36", "--width=36"]
    status, output, _ = call("figures", f"--out={tmp_path}", "--workers=1", *words)
    assert (status, output) == (0, f"{tmp_path}: 7 videos of 7 classes\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(compositions.HELD_OUT)
    # The same class before another wall is another video.
    render.write_videos(tmp_path / "all", 1, actions=compositions.LEARNED[:1], height=36, width=36)
    words[0] = "--classes=learned"
    status, _, errors = call("figures", f"--out={tmp_path / 'all'}", "--workers=1", *words)
    assert status == 1 and "is not the video that would be written there" in errors


def test_figures_writes_scenes_of_several_people(call, tmp_path):
    words = ["--classes=scenes", "--videos_per_class=1", "--height=48", "--width=64", "--test"]
    status, output, _ = call("figures", f"--out={tmp_path}", "--workers=1", *words)
    assert (status, output) == (0, f"{tmp_path}: 1 scene of people, 8 classes\n")
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["scene_1000000.mp4"]
    status, _, errors = call("figures", f"--out={tmp_path}", "--seed=2", *words[:-1])
    assert status == 1 and "annotations.csv is not the file" in errors
    status, _, errors = call("figures", f"--out={tmp_path}", *words[:2], "--height=63")
    assert status == 2 and "must be even" in errors


def test_figures_writes_untrimmed_videos(call, tmp_path):
    words = ["--classes=untrimmed", "--videos_per_class=1", "--height=48", "--width=64", "--test"]
    status, output, _ = call("figures", f"--out={tmp_path}", "--workers=1", *words)
    assert (status, output) == (0, f"{tmp_path}: 1 untrimmed video, 13 classes\n")
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["untrimmed_1000000.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "annotations.csv", "annotations.json", "videos",
    ]  # fmt: skip

"""The page in a headless Chromium: keyboard alone, names of controls, mistakes, two visitors."""

import pytest

from i3d.visual.figures.render import render
from tests.helpers import accessible, clip_files
from tests.helpers import browser as browsers
from tests.helpers.browser import SPACE, TAB
from tests.helpers.processes import wait_for
from tests.helpers.served import predict, served, uploads
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two drawn videos, a file that is no video, one above the limit, a long one."""
    folder = tmp_path_factory.mktemp("videos")
    for action in ("clapping", "waving"):
        write_video(folder / f"{action}.mp4", render(action, seed=0))
    (folder / "bad.mp4").write_bytes(b"not a video")
    (folder / "large.mp4").write_bytes(bytes(1_100_000))
    write_video(folder / "long.mp4", texture_frames(400, height=96, width=96))
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address and folder of uploads of a server."""
    folder = tmp_path_factory.mktemp("uploads")
    demo = ("--checkpoint=demo_rgb", "--checkpoint=demo_flow")
    with served(*demo, "--max_upload_mb=1", folder=folder) as (url, _):
        yield url, folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsers.opened(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def test_a_video_by_the_keyboard_alone(server, browser, videos, tmp_path):
    url, folder = server
    browser.get(url)
    assert browser.script("return document.documentElement.lang") == "en"
    reached = []
    for _ in range(6):
        browser.press(TAB)
        reached.append(browser.active())
    assert reached == ["video", "demo_rgb", "demo_flow", "timeline", "flow", "activation"]
    browser.press(SPACE)  # which is not asked for else
    browser.keys(browser.find("#video"), str(videos / "clapping.mp4"))
    browser.script("document.querySelector('[value=activation]').focus()")
    browser.press(TAB)
    assert browser.active() == "go"
    browser.press(SPACE)
    browser.wait_text("#status", "clapping")
    assert browser.active() == "heading"
    shown = browser.text("#rows").splitlines()
    expected = predict(url, videos / "clapping.mp4").json()
    first = expected[0]["predictions"][0]
    assert first["label"] == "clapping"
    assert shown[0].startswith("clapping") and f"{100 * first['score']:.1f} %" in browser.text(
        "#rows"
    )
    assert "clapping" in browser.text("#spans")
    alts = browser.script("return [...document.images].map((i) => [i.alt, i.naturalHeight])")
    assert [alt[:9] for alt, _ in alts] == ["Timeline ", "Frame at ", "Its optic", "Activatio"]
    assert [height for _, height in alts[1:]] == [256, 256, 384]
    assert "demo_rgb for clapping" in alts[3][0]
    assert "blob:" in browser.script("return document.getElementById('download').href")
    accessible.by_keyboard(browser)
    assert not accessible.too_low(accessible.contrasts(browser))
    browser.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000
    assert not browser.logged()
    assert not uploads(folder)


def test_labels_as_text(browser, videos, tmp_path):
    clip_files.write_clip(tmp_path / "clip.safetensors")
    words = ["--model=clip_tiny", f"--checkpoint={tmp_path / 'clip.safetensors'}"]
    with served(*words, folder=tmp_path) as (url, _):
        browser.get(url)
        assert browser.role("#text") == "textbox"
        assert browser.name("#text").startswith("Labels, one a line")
        browser.keys(browser.find("#video"), str(videos / "clapping.mp4"))
        browser.script("document.getElementById('go').click()")
        browser.wait_text("#error", "texts: expected labels, one a line")
        browser.keys(browser.find("#text"), "a person clapping\na <b>person</b>, waving")
        browser.script("document.getElementById('go').click()")
        browser.wait_text("#status", " %")
        assert "a <b>person</b>, waving" in browser.text("#rows")


def test_names_and_roles(server, browser):
    browser.get(server[0])
    found = {
        css: (browser.role(css), browser.name(css))
        for css in ("#go", "input[value=demo_rgb]", "fieldset", "#video", "main")
    }
    assert found["#go"] == ("button", "Predict")
    assert found["input[value=demo_rgb]"] == ("checkbox", "demo_rgb inception_i3d, RGB")
    assert found["fieldset"] == ("group", "Networks; the logits of several are added")
    assert "Video file" in found["#video"][1] and found["main"][0] == "main"


@pytest.mark.parametrize(
    ("name", "says"), [("bad.mp4", "not a readable video"), ("large.mp4", "at most 1 MB")]
)
def test_mistakes(server, browser, videos, name, says):
    browser.get(server[0])
    browser.keys(browser.find("#video"), str(videos / name))
    browser.press(TAB)
    browser.script("document.getElementById('go').click()")
    browser.wait_text("#error", says)
    assert name in browser.text("#error") and browser.role("#error") == "alert"


def test_two_visitors_at_once(server, browser, videos, tmp_path):
    url, folder = server
    other = browser.another(tmp_path)
    try:
        visits = ((browser, "clapping.mp4"), (other, "waving.mp4"))
        for each, name in visits:
            each.get(url)
            each.keys(each.find("#video"), str(videos / name))
        for each, _ in visits:
            each.script("document.getElementById('go').click()")
        for each, name in visits:
            each.wait_text("#status", " %")
            assert each.text("#caption") == f"Best classes of {name}"
            assert each.text("#rows").startswith(name.removesuffix(".mp4"))
    finally:
        other.close()
    assert not uploads(folder)


def test_a_file_is_dropped(server, browser):
    browser.get(server[0])
    browser.script(
        "const data = new DataTransfer(); data.items.add(new File(['x'], 'dropped.mp4'));"
        "document.getElementById('drop').dispatchEvent("
        "new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))"
    )
    assert browser.script("return document.getElementById('video').files[0].name") == "dropped.mp4"


@pytest.mark.parametrize("leave", ["cancel", "close"])
def test_a_job_ends_when_the_visitor_leaves(server, browser, videos, leave):
    url, folder = server
    browser.get(url)
    browser.script("document.querySelector('input[value=demo_flow]').click()")
    browser.keys(browser.find("#video"), str(videos / "long.mp4"))
    browser.script("document.getElementById('go').click()")
    browser.wait_text("#status", "Working")
    assert uploads(folder)
    if leave == "cancel":
        browser.script("document.getElementById('cancel').click()")
        wait_for(lambda: browser.active() == "go", "the end")
        assert browser.text("#status") == "Cancelled." and not browser.text("#error")
    else:
        browser.get("about:blank")
    wait_for(lambda: not uploads(folder), "the end of the job", 30)

"""Contrast, keyboard, names and texts of pictures, as a headless Chromium computes them.

Of the page and of the HTML files that commands write; WCAG 2.2, level AA.
"""

import pytest

from i3d.web.app import App
from tests.helpers import accessible, web
from tests.helpers import browser as browsers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsers.opened(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def url():
    app = App(web.Networks(), 10_000, hosts=("127.0.0.1",))
    with web.listening(app) as port:
        yield f"http://127.0.0.1:{port}/"
    app.close()


def check(browser):
    assert not accessible.too_low(accessible.contrasts(browser))
    assert not accessible.pictures_without_text(browser)
    accessible.by_keyboard(browser)


def send(browser, url, folder, content):
    (folder / "my.mp4").write_bytes(content)
    browser.get(url)
    browser.script("document.querySelector('[value=flow]').checked = false")  # of a real video
    browser.script("document.querySelector('[value=activation]').checked = true")
    browser.keys(browser.find("#video"), str(folder / "my.mp4"))
    browser.script("document.getElementById('go').click()")


def test_the_page(browser, url):
    browser.get(url)
    check(browser)
    assert browser.script("return document.querySelectorAll('h1').length") == 1


def test_the_page_with_a_result(browser, url, tmp_path):
    send(browser, url, tmp_path, b"video")
    browser.wait_text("#status", "5 bytes of a", 20)
    check(browser)
    assert browser.script("return document.images.length") == 2
    assert browser.text("#spans").splitlines()[1] == "1.5 to 2.0 <b> 100.0 %"


def test_the_page_with_an_error(browser, url, tmp_path):
    send(browser, url, tmp_path, b"bad")
    browser.wait_text("#error", "my.mp4: not a video", 20)
    check(browser)


def test_names_and_labels_are_no_html(browser, url, tmp_path):
    """Of the file, of networks, of classes, of the field of labels."""
    send(browser, url, tmp_path, b"video")
    browser.wait_text("#status", " %", 20)
    browser.script(
        "const nasty = '<img src=x onerror=alert(1)>';"
        "show({ result: [{ video: nasty, predictions: [{ label: nasty, score: 1 }] }],"
        "timeline: [{ start_s: 0, end_s: 1, label: nasty, score: 1 }],"
        "pictures: [{ of: 'flow', src: 'data:,', alt: nasty }] }, new File(['x'], nasty))"
    )
    for css in ("#rows", "#spans", "#caption", "#status"):
        assert "<img src=x" in browser.text(css)
    assert browser.script("return document.images.length") == 1


@pytest.mark.parametrize("name", ["report", "several", "gallery", "points"])
def test_html_files(browser, name, tmp_path):
    (tmp_path / "page.html").write_text(accessible.html_files()[name])
    browser.get(f"file://{tmp_path}/page.html")
    check(browser)
    browser.script("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    assert not accessible.too_low(accessible.contrasts(browser))


def test_the_map_by_arrow_keys(browser, tmp_path):
    (tmp_path / "page.html").write_text(accessible.html_files()["points"])
    browser.get(f"file://{tmp_path}/page.html")
    browser.press(browsers.TAB)
    assert browser.active() == "map" and browser.text("#text") == "video 0, class 0"
    browser.press(browsers.END)
    assert browser.text("#text") == "video 41, class 41"
    assert browser.script("return document.getElementById('shot').alt") == (
        "Frame of video 41, class 41"
    )


def test_what_is_wrong_is_found(browser, url):
    browser.get(url)
    browser.script("document.body.style.color = '#999'")
    assert any(" text " in line for line in accessible.too_low(accessible.contrasts(browser)))
    browser.script("document.body.append(new Image())")
    assert len(accessible.pictures_without_text(browser)) == 1
    browser.script("document.getElementById('go').tabIndex = -1")
    with pytest.raises(AssertionError, match="Tab does not reach"):
        accessible.by_keyboard(browser)
    browser.script("document.querySelector('label[for=text]').remove()")
    with pytest.raises(AssertionError, match="has no name"):
        accessible.by_keyboard(browser)

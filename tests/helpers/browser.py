"""A headless Chromium, by the W3C WebDriver protocol of its chromedriver.

with opened(folder) as browser:
    browser.get("http://127.0.0.1:8000/")
    browser.keys(browser.find("#video"), "/tmp/my.mp4")
"""

import base64
import contextlib
import shutil
import subprocess
import time

import pytest
import requests

from tests.helpers.processes import PATIENCE_S, free_ports, wait_for

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # key of an element in the protocol
TAB, ENTER, END, SPACE = "\ue004", "\ue007", "\ue010", " "


@contextlib.contextmanager
def opened(folder):
    """Gives a Browser; skips the test where Chromium or chromedriver is missing."""
    driver = shutil.which("chromedriver")
    if not driver or not shutil.which("chromium"):
        pytest.skip("chromium and chromedriver are not installed: no browser to test in")
    (port,) = free_ports(1)
    log = open(folder / "chromedriver.log", "w")
    with log, subprocess.Popen([driver, f"--port={port}"], stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: _ready(url), "chromedriver")
            browser = Browser(url, folder)
            yield browser
            browser.close()
        finally:
            process.terminate()


def _ready(url):
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{url}/status", timeout=5).json()["value"]["ready"]


class Browser:
    """One window."""

    def __init__(self, url, folder):
        """Opens it, with a profile in `folder`."""
        self._driver = url
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=900,1000"]
        flags.append(f"--user-data-dir={folder / 'profile'}")
        options = {"binary": shutil.which("chromium"), "args": flags}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options}
        wanted["goog:loggingPrefs"] = {"browser": "ALL"}
        body = {"capabilities": {"alwaysMatch": wanted}}
        answer = _asked("POST", f"{url}/session", body)
        self._url = f"{url}/session/{answer['sessionId']}"

    def another(self, folder):
        """Returns the Browser of another visitor, with a profile in `folder`."""
        return Browser(self._driver, folder)

    def close(self):
        """Closes it."""
        _asked("DELETE", self._url)

    def get(self, url):
        """Opens a page."""
        self._post("url", url=url)

    def find(self, css):
        """Returns the address of an element."""
        return self._element(self._post("element", using="css selector", value=css))

    def active(self):
        """Returns the id of the element that has the focus."""
        return self.script("return document.activeElement.id || document.activeElement.value")

    def keys(self, element, text):
        """Types into an element; a path into an input of files."""
        _asked("POST", f"{element}/value", {"text": text})

    def press(self, key):
        """Presses a key."""
        steps = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": steps}])

    def name(self, css):
        """Returns the name of an element as a screen reader says it."""
        return _asked("GET", f"{self.find(css)}/computedlabel").strip()

    def role(self, css):
        """Returns the role of an element as a screen reader says it."""
        return _asked("GET", f"{self.find(css)}/computedrole")

    def text(self, css):
        """Returns the visible text of an element."""
        return _asked("GET", f"{self.find(css)}/text")

    def script(self, text):
        """Returns what JavaScript returns."""
        return self._post("execute/sync", script=text, args=[])

    def logged(self):
        """Returns what the browser's console was told since it was last asked."""
        return [entry["message"] for entry in self._post("se/log", type="browser")]

    def wait_text(self, css, part, seconds=PATIENCE_S):
        """Waits until an element shows a text."""
        deadline = time.monotonic() + seconds
        while part not in (found := self.text(css)):
            assert time.monotonic() < deadline, f"{css}: {found!r}, expected {part!r}"
            time.sleep(0.05)

    def screenshot(self, path):
        """Writes a PNG file."""
        path.write_bytes(base64.b64decode(_asked("GET", f"{self._url}/screenshot")))

    def _post(self, what, **body):
        return _asked("POST", f"{self._url}/{what}", body)

    def _element(self, value):
        return f"{self._url}/element/{value[_ELEMENT]}"


def _asked(method, url, body=None):
    answer = requests.request(method, url, json=body, timeout=PATIENCE_S)
    value = answer.json()["value"]
    assert answer.ok, value
    return value

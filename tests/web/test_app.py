"""The HTTP interface by Werkzeug's client, with a network that needs no TensorFlow."""

import io
import json

import pytest
from werkzeug.test import Client, TestResponse, create_environ, run_wsgi_app

from i3d.web import app as web
from i3d.web import jobs as web_jobs
from tests.helpers.processes import wait_for
from tests.helpers.web import Networks, error, form

MOST_BYTES = 10_000


@pytest.fixture
def served():
    """The app, its networks and a client."""
    networks = Networks()
    app = web.App(networks, MOST_BYTES, queue=2, hosts=("localhost",))
    try:
        yield app, networks, Client(app)
    finally:
        networks.open.set()
        app.close()
        wait_for(lambda: not app.jobs._folder.path.exists(), "the folder of uploads")


def test_predict_is_as_the_command_prints_it(served):
    app, networks, client = served
    answer = client.post("/predict", **form(model=["b<", "a"]))
    assert answer.status_code == 200
    label = "5 bytes of b<+a"
    predictions = [{"index": 3, "label": label, "score": 1.0}]
    entry = json.dumps({"video": "my.mp4", "predictions": predictions})
    assert answer.text == f"[\n{entry}\n]\n"
    assert client.post("/predict", **form()).json[0]["predictions"][0]["label"] == "5 bytes of a"
    assert not list(app.jobs._folder.path.iterdir())


@pytest.mark.parametrize("name", ["../../etc/passwd", "/root/x.mp4", "\x1b[31m<b>.mp4", "ä" * 1000])
def test_names_of_clients_are_no_files(served, name):
    app, networks, client = served
    answer = client.post("/predict", **form(name=name))
    assert answer.status_code == 200 and len(answer.json[0]["video"]) <= 200
    assert answer.text.replace("\n", "").isprintable()
    (video,) = networks.seen
    assert video.path.parents[1] == app.jobs._folder.path and video.path.name == "video"


def test_page_and_health(served):
    client = served[2]
    page = client.get("/")
    assert page.mimetype == "text/html" and 'value="b&lt;"' in page.text and "b<" not in page.text
    assert "0.01 MB" in page.text and "$" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for name in ("page.js", "page.css"):
        assert client.get(f"/static/{name}").status_code == 200 and name in page.text
    health = {"status": "ok", "models": ["a", "b<"], "queue": 0, "queue_limit": 2}
    assert client.get("/healthz").json == health


class Unread(io.RawIOBase):
    """A body that must not be read."""

    def readable(self):
        return True

    def readinto(self, buffer):
        raise AssertionError("the body was read")


@pytest.mark.parametrize(
    ("length", "kind", "status", "says"),
    [
        (MOST_BYTES + 1, "multipart/form-data; boundary=x", 413, "at most 0.01 MB"),
        (None, "multipart/form-data; boundary=x", 411, "Content-Length"),
        (10, "video/mp4", 415, "multipart/form-data"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/jobs"])
def test_what_is_refused_is_not_read(served, path, length, kind, status, says):
    environ = create_environ(path, method="POST", content_type=kind)
    environ |= {"wsgi.input": Unread(), "CONTENT_LENGTH": str(length)}
    if length is None:
        del environ["CONTENT_LENGTH"]
    answer = TestResponse(*run_wsgi_app(served[0], environ), request=None)
    assert says in error(answer, status)
    assert served[0].jobs.counts() == (0, 2)


def test_mistakes_are_one_line(served):
    app, _, client = served
    assert error(client.post("/predict", **form(b"bad")), 422) == "my.mp4: not a video"
    assert "model: expected a" in error(client.post("/predict", **form(model="c")), 400)
    assert "field video" in error(client.post("/predict", data={"x": (io.BytesIO(), "x")}), 400)
    two = {"video": [(io.BytesIO(b"1"), "1"), (io.BytesIO(b"2"), "2")]}
    assert "one file" in error(client.post("/predict", data=two), 400)
    broken = {"data": b"--x\r\n", "content_type": "multipart/form-data; boundary=x"}
    assert "field video" in error(client.post("/predict", **broken), 400)
    error(client.get("/nothing"), 404)
    error(client.get("/static/..%2fapp.py"), 404)
    assert client.get("/predict").headers["Allow"] == "POST"
    assert app.jobs.counts() == (0, 2) and not list(app.jobs._folder.path.iterdir())


def test_a_fault_of_the_server_is_reported_there(served, capsys):
    assert "server failed" in error(served[2].post("/predict", **form(b"bug")), 422)
    assert "KeyError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "other.example"}, 400),
        ({"Origin": "http://other.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_pages_of_others_are_refused(served, headers, status):
    error(served[2].post("/predict", headers=headers, **form()), status)


def test_places_in_the_queue(served):
    app, networks, client = served
    networks.open.clear()
    first = client.post("/jobs", **form(b"1"))
    wait_for(lambda: networks.seen, "the first job")
    second = client.post("/jobs", **form(b"22"))
    assert first.status_code == 202 and first.json["job"] != second.json["job"]
    assert second.json["place"] == 1
    full = client.post("/jobs", **form())
    assert "2 videos are in the queue" in error(full, 503) and full.headers["Retry-After"]
    one, two = (f"/jobs/{each.json['job']}" for each in (first, second))
    assert client.get(one).json == {"state": "running", "place": 0}
    assert client.get(two).json == {"state": "waiting", "place": 1}
    networks.open.set()
    wait_for(lambda: client.get(two).json["state"] == "done", "the second job")
    for path, label in ((one, "1 bytes of a"), (two, "2 bytes of a")):
        assert client.get(path).json["result"][0]["predictions"][0]["label"] == label
    assert not list(app.jobs._folder.path.iterdir())


def result(client, **fields):
    """Returns the state of a job that is done."""
    path = f"/jobs/{client.post('/jobs', **form(**fields)).json['job']}"
    wait_for(lambda: client.get(path).json["state"] == "done", "the job")
    return client.get(path).json


def test_what_is_shown_beside_the_classes(served):
    client = served[2]
    assert result(client, show="other").keys() == {"state", "result"}
    found = result(client, show=["timeline", "activation"])
    assert found["timeline"] == [
        {"start_s": 0.0, "end_s": 1.5, "label": "walk", "score": 0.5},
        {"start_s": 1.5, "end_s": 2.0, "label": "<b>", "score": 1.0},
    ]
    assert found["pictures"] == [
        {"of": "timeline", "src": "data:,", "alt": "a timeline"},
        {"of": "activation", "src": "data:,", "alt": "of class 3"},
    ]
    answer = client.post("/predict", **form(show="timeline")).json
    assert answer[0].keys() == {"video", "predictions"}


def test_labels_are_one_a_line(served):
    networks, client = served[1:]
    text = ["falling, slowly\r\n\r\n <b>walking</b> \n", "../etc/passwd"]
    assert client.post("/predict", **form(text=text)).status_code == 200
    assert networks.seen[0].labels == ("falling, slowly", "<b>walking</b>", "../etc/passwd")


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        ("falling", 400, "two labels or more"),
        ("falling\nFalling", 400, "same text"),
        ("\n".join(map(str, range(101))), 400, "at most 100 labels, got 101"),
        ("a\n" + "b" * 501, 400, "at most 500 letters, got one of 501"),
        ("a\n" + "b " * 80, 400, "at most 77 tokens"),
        ("a\nb\x1b[31m", 400, "expected names of classes in one line"),
    ],
)
def test_labels_that_cannot_be_used(served, text, status, says):
    app, networks, client = served
    assert says in error(client.post("/jobs", **form(text=text)), status)
    assert not networks.seen and app.jobs.counts() == (0, 2)


def test_jobs_are_cancelled(served):
    app, networks, client = served
    networks.open.clear()
    names = [client.post("/jobs", **form()).json["job"] for _ in range(2)]
    wait_for(lambda: networks.seen, "the first job")
    for name in reversed(names):
        assert client.delete(f"/jobs/{name}").status_code == 200
    wait_for(lambda: app.jobs.counts() == (0, 2), "the end of both")
    assert len(networks.seen) == 1 and not list(app.jobs._folder.path.iterdir())
    error(client.get(f"/jobs/{names[1]}"), 404)


def test_jobs_that_nobody_asks_for_end(served, monkeypatch):
    app, networks, client = served
    networks.open.clear()
    for _ in range(2):
        client.post("/jobs", **form())
    monkeypatch.setattr(web_jobs, "ABANDONED_S", 0.05)
    wait_for(lambda: app.jobs.counts() == (0, 2), "the end of both")
    assert not list(app.jobs._folder.path.iterdir())

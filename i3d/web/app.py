"""The HTTP interface, on Werkzeug.

    GET  /            the page
    GET  /healthz     {"status": "ok", "models": [...], "queue": 0, "queue_limit": 8}
    POST /predict     multipart form: the file `video`, `model` (may be repeated); waits, and
                      answers with the JSON of `python -m i3d.predict --format=json`
    POST /jobs        the same form, and `show`: timeline, flow; answers at once with
                      {"job": ID, "place": 2}
    GET  /jobs/ID     {"state": "waiting", "place": 2}, {"state": "done", "result": [...]}, ...
    DELETE /jobs/ID   cancels it

An error is {"error": "one line"}. An upload above the limit is refused before it is read. Names
that a client gives are written in answers, never used for files.
"""

import io
import json
import selectors
import socket
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple

from werkzeug import exceptions
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from i3d.inference import table
from i3d.runtime.command import UserError
from i3d.runtime.text import printable
from i3d.web import page, pictures
from i3d.web.jobs import Full, Job, Jobs
from i3d.web.networks import Networks

_LONGEST_NAME = 200  # letters
_SHOWN = ("timeline", "flow")
_HEADERS = {
    "Content-Security-Policy": page.POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_ROUTES = Map(
    [
        Rule("/", endpoint="index", methods=["GET"]),
        Rule("/static/<name>", endpoint="static", methods=["GET"]),
        Rule("/healthz", endpoint="health", methods=["GET"]),
        Rule("/predict", endpoint="predict", methods=["POST"]),
        Rule("/jobs", endpoint="begin", methods=["POST"]),
        Rule("/jobs/<name>", endpoint="state", methods=["GET"]),
        Rule("/jobs/<name>", endpoint="cancel", methods=["DELETE"]),
    ]
)


class Video(NamedTuple):
    """An upload.

    Attributes:
      path: of the file.
      name: what the client calls it, for answers alone.
      models: names of networks.
      show: of _SHOWN, what is asked for beside the classes.
    """

    path: Path
    name: str
    models: list[str]
    show: list[str]


class App:
    """A WSGI application."""

    def __init__(
        self,
        networks: Networks,
        most_bytes: int,
        queue: int = 8,
        top_k: int = 5,
        hosts: Iterable[str] = (),
    ):
        """Starts the worker; `close` ends it.

        Args:
          networks: that are offered.
          most_bytes: of the body of a request.
          queue: jobs at a time, at most.
          top_k: number of classes in an answer.
          hosts: names that the server has; others in the header Host are refused. () takes all.
        """
        self._networks, self._top_k = networks, top_k
        self._most_bytes, self._hosts = most_bytes, list(hosts)
        self.jobs = Jobs(self._work, queue)

    def close(self) -> None:
        """Ends all jobs and removes their files."""
        self.jobs.__exit__()

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Answers a request."""
        request = Request(environ)
        try:
            response = self._answer(request)
        except exceptions.HTTPException as error:
            response = _failed(error)
        except Exception:  # a fault of ours
            traceback.print_exc()
            response = _failed(exceptions.InternalServerError())
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response(environ, start_response)

    def _answer(self, request):
        """Returns the Response to a request."""
        request.trusted_hosts = self._hosts or None
        host = request.host  # raises for names that are not ours: pages of others that point here
        if request.headers.get("Sec-Fetch-Site") == "cross-site" or (
            request.headers.get("Origin") not in (None, f"http://{host}", f"https://{host}")
        ):
            raise exceptions.Forbidden("a page of another site may not ask for this")
        endpoint, values = _ROUTES.bind_to_environ(request.environ).match()
        return getattr(self, f"_{endpoint}")(request, **values)

    def _index(self, request):
        return Response(page.html(self._networks, self._most_bytes), mimetype="text/html")

    def _static(self, request, name):
        if name not in page.STATIC:
            raise exceptions.NotFound
        return Response(page.static(name), mimetype=page.STATIC[name])

    def _health(self, request):
        count, most = self.jobs.counts()
        names = list(self._networks.names)
        return _json({"status": "ok", "models": names, "queue": count, "queue_limit": most})

    def _predict(self, request):
        job = self._submitted(request)
        self.jobs.wait(job, lambda: _has_gone(request.environ.get("werkzeug.socket")))
        if job.state != "done":
            raise exceptions.UnprocessableEntity(job.error or "cancelled")
        return Response(job.result["text"], mimetype="application/json")

    def _begin(self, request):
        job = self._submitted(request, _SHOWN)
        return _json({"job": job.id, "place": self.jobs.place(job)}, 202)

    def _state(self, request, name):
        job = self._found(name)
        told: dict[str, Any] = {"state": job.state}
        if job.state == "done":
            shown = {key: value for key, value in job.result.items() if key != "text"}
            told |= {"result": json.loads(job.result["text"]), **shown}
        elif job.state == "failed":
            told["error"] = job.error
        else:
            told["place"] = self.jobs.place(job)
        return _json(told)

    def _cancel(self, request, name):
        job = self._found(name)
        self.jobs.cancel(job)
        self.jobs.forget(job)
        return _json({"state": "cancelled"})

    def _found(self, name):
        job = self.jobs.find(name)
        if job is None:
            raise exceptions.NotFound("no such job; its result may have been dropped")
        return job

    def _submitted(self, request, known=()):
        """Returns the Job of an upload; what can be refused is refused before the body is read.

        Args:
          request: the request.
          known: values of the field `show`; others are ignored.
        """
        length = request.content_length
        if length is None:
            raise exceptions.LengthRequired("expected the header Content-Length")
        if length > self._most_bytes:
            limit = f"{self._most_bytes / 1e6:g} MB"
            raise exceptions.RequestEntityTooLarge(f"expected at most {limit}")
        if request.mimetype != "multipart/form-data":
            raise exceptions.UnsupportedMediaType("expected multipart/form-data")
        try:
            job = self.jobs.reserve()
        except Full as error:
            raise exceptions.ServiceUnavailable(str(error), retry_after=10) from None
        try:
            self.jobs.submit(job, self._uploaded(request, job, known))
        except BaseException as error:
            self.jobs.cancel(job)
            self.jobs.forget(job)
            if isinstance(error, UserError):
                raise exceptions.BadRequest(str(error)) from None
            raise
        return job

    def _uploaded(self, request, job, known):
        """Returns the Video of a form; its file is in the folder of the Job."""
        upload = _Upload(request.environ)
        upload.folder = job.folder
        with upload:
            files, models = upload.files, upload.form.getlist("model")
            show = [one for one in known if one in upload.form.getlist("show")]
            if list(files) != ["video"] or upload.stored is None:
                raise UserError("expected one file, in the field video")
            name = printable(files["video"].filename or "")[:_LONGEST_NAME]
        models = list(dict.fromkeys(models)) or [self._networks.names[0]]
        self._networks.check(models)
        return Video(_with_ending(upload.stored), name or "video", models, show)

    def _work(self, job: Job) -> dict[str, Any]:
        """Returns {"text": JSON of `predict`}, with "timeline" and "pictures" where asked for."""
        video = job.request
        asked = str(video.path), video.models, self._top_k, job.check
        shown: dict[str, Any] = {}
        try:
            if "timeline" in video.show:
                rows, spans = self._networks.timeline(*asked)
                shown["timeline"] = [span._asdict() for span in spans]
            else:
                rows = self._networks.predict(*asked)
            if "flow" in video.show:
                shown["pictures"] = [one._asdict() for one in pictures.beside_flow(asked[0])]
        except UserError as error:
            raise UserError(str(error).replace(asked[0], video.name)) from error
        text = io.StringIO()
        with table.written("json", text) as written:
            written.add(video.name, rows)
        return {"text": text.getvalue(), **shown}


class _Upload(Request):
    """A request whose one file goes into a folder, under a name of ours."""

    max_form_parts = 50
    folder: Path
    stored: Path | None = None
    _file: IO[bytes] | None = None

    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        if self.stored is not None:
            raise exceptions.BadRequest("expected one file, got more")
        self.stored = self.folder / "video"
        self._file = open(self.stored, "wb+")  # closed by `close`
        return self._file

    def close(self) -> None:
        """Closes the file, of a form that is not whole too."""
        if self._file:
            self._file.close()
        super().close()


def _with_ending(path):
    """Returns the path of an upload, with an ending where the reader goes by it."""
    with open(path, "rb") as file:
        is_webp = file.read(12)[8:] == b"WEBP"
    return path.rename(path.with_suffix(".webp")) if is_webp else path


def _json(value, status=200):
    return Response(json.dumps(value) + "\n", status, mimetype="application/json")


def _failed(error):
    """Returns the Response to an error: one line."""
    line = error.description if "description" in vars(error) else error.name
    response = _json({"error": line.partition("\n")[0]}, error.code)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _has_gone(connection: socket.socket | None) -> bool:
    """Returns whether a client has closed its connection."""
    if connection is None:
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        if not selector.select(0):
            return False
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True

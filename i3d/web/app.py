"""The HTTP interface, on Werkzeug.

    GET  /            the page
    GET  /healthz     {"status": "ok", "models": [...], "queue": 0, "queue_limit": 8}
    POST /predict     multipart form: the file `video`, `model` (may be repeated), `text` (labels,
                      one a line); waits, and answers with the JSON of
                      `python -m i3d.predict --format=json`
    POST /jobs        the same form, and `show`: timeline, flow, activation; answers at once with
                      {"job": ID, "place": 2}
    GET  /jobs/ID     {"state": "waiting", "place": 2}, {"state": "done", "result": [...]}, ...
    DELETE /jobs/ID   cancels it

An error is {"error": "one line"}. An upload above the limit is refused before it is read.
"""

import io
import json
import selectors
import socket
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug import exceptions
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from i3d.inference import table
from i3d.runtime.command import UserError
from i3d.web import page, pictures, upload
from i3d.web.jobs import Full, Job, Jobs
from i3d.web.networks import Networks

_SHOWN = ("timeline", "flow", "activation")
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


class App:
    """A WSGI application."""

    def __init__(
        self,
        networks: Networks,
        most_bytes: int,
        queue: int = 8,
        top_k: int = 5,
        hosts: Iterable[str] = (),
        longest_s: float = 600.0,
    ):
        """Starts the worker; `close` ends it.

        Args:
          networks: that are offered.
          most_bytes: of the body of a request.
          queue: jobs at a time, at most.
          top_k: number of classes in an answer.
          hosts: names that the server has; others in the header Host are refused. () takes all.
          longest_s: seconds that a video may take.
        """
        self._networks, self._top_k = networks, top_k
        self._most_bytes, self._hosts = most_bytes, list(hosts)
        self.jobs = Jobs(self._work, queue, longest_s)

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
        endpoint, values = _ROUTES.bind_to_environ(request.environ).match()
        if _is_foreign(request, host) and not _is_link(request, endpoint):
            raise exceptions.Forbidden("a page of another site may not ask for this")
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

    def _submitted(self, request, shown=()):
        """Returns the Job of an upload; `shown` are the values of the field `show`."""
        upload.check_head(request, self._most_bytes)
        try:
            job = self.jobs.reserve()
        except Full as error:
            raise exceptions.ServiceUnavailable(str(error), retry_after=10) from None
        try:
            video = upload.read(request, job.folder, shown)
            video = video._replace(models=video.models or [self._networks.names[0]])
            self._networks.check(video.models, video.labels)
            self.jobs.submit(job, video)
        except BaseException as error:
            self.jobs.cancel(job)
            self.jobs.forget(job)
            if isinstance(error, UserError):
                raise exceptions.BadRequest(str(error)) from None
            raise
        return job

    def _work(self, job: Job) -> dict[str, Any]:
        """Returns {"text": JSON of `predict`}, with "timeline" and "pictures" where asked for."""
        video, networks, found = job.request, self._networks, []
        shown: dict[str, Any] = {}
        try:
            if "timeline" in video.show:
                rows, spans, strip = networks.timeline(video, self._top_k, job.check)
                shown["timeline"] = [span._asdict() for span in spans]
                found.append(strip)
            else:
                rows = networks.predict(video, self._top_k, job.check)
            if "flow" in video.show:
                found += pictures.beside_flow(str(video.path))
            if "activation" in video.show:
                found += networks.activation(video, rows[0][0], job.check)
        except UserError as error:
            raise UserError(str(error).replace(str(video.path), video.name)) from error
        if video.show:
            shown["pictures"] = [picture._asdict() for picture in found]
        text = io.StringIO()
        with table.written("json", text) as written:
            written.add(video.name, rows)
        return {"text": text.getvalue(), **shown}


def _is_foreign(request, host):
    """Returns whether a browser says that a page of another origin asks."""
    site, origin = (request.headers.get(name) for name in ("Sec-Fetch-Site", "Origin"))
    ours = (None, f"http://{host}", f"https://{host}")
    return site in ("cross-site", "same-site") or origin not in ours


def _is_link(request, endpoint):
    """Returns whether a visitor follows a link to the page, in a window of its own."""
    mode, into = (request.headers.get(f"Sec-Fetch-{name}") for name in ("Mode", "Dest"))
    return endpoint == "index" and (mode, into) == ("navigate", "document")


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

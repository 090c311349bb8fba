"""The page: its HTML with the networks that are offered, and the files beside it."""

from importlib import resources
from string import Template

from i3d.runtime.markup import escaped
from i3d.web import upload
from i3d.web.networks import Networks

STATIC = {"page.js": "text/javascript", "page.css": "text/css"}
# Nothing is loaded from elsewhere; pictures are part of answers.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; media-src blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def static(name: str) -> bytes:
    """Returns a file of STATIC."""
    return (resources.files("i3d.web") / "static" / name).read_bytes()


_LABELS = """<div id="labels">
<label for="text">Labels, one a line, for networks whose classes are text</label>
<textarea id="text" name="text" rows="4" aria-describedby="about-text"></textarea>
<p id="about-text">What the video may show, in words: at least 2 labels, at most $most_labels.</p>
</div>"""


def html(networks: Networks, most_bytes: int) -> str:
    """Returns the page.

    Args:
      networks: that are offered; the first is chosen.
      most_bytes: of an upload.
    """
    boxes = "\n".join(
        f'<label><input type="checkbox" name="model" value="{escaped(name)}"'
        f"{' checked' if not i else ''}> {escaped(name)} "
        f"<small>{escaped(networks.described(name))}</small></label>"
        for i, name in enumerate(networks.names)
    )
    text, labels = static("index.html").decode(), ""
    if networks.take_text:
        labels = Template(_LABELS).substitute(most_labels=upload.MOST_LABELS)
    limit = f"{most_bytes / 1e6:g} MB"
    return Template(text).substitute(boxes=boxes, labels=labels, most_bytes=most_bytes, limit=limit)

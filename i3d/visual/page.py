"""One HTML file with everything in it: no file beside it, no network.

text = page("Results", [section("Accuracy", table(...))])
"""

from collections.abc import Iterable

from i3d.runtime.markup import Markup, escaped

# Text and what is focused have a contrast of 4.5 and more (WCAG 2.2, level AA).
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2rem; }
p { max-width: 46rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #4a4a4a; padding: .3rem 0; }
th, td { padding: .15rem .6rem; border-bottom: 1px solid #d0d0d0; text-align: left;
  font-weight: normal; }
thead th { font-weight: bold; vertical-align: bottom; }
.wide { overflow: auto; max-height: 40rem; }
.matrix td { text-align: center !important; padding: .1rem .4rem; border: 1px solid #fff; }
.matrix thead th { writing-mode: vertical-rl; font-weight: normal; padding: .4rem .1rem; }
.videos { list-style: none; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
.videos li { overflow-wrap: anywhere; font-size: .9rem; }
.videos img { display: block; max-width: 100%; }
a { color: #1a55a0; }
:focus-visible { outline: 3px solid #1a55a0; outline-offset: 2px; }
"""


def page(
    title: str, parts: Iterable[str], style: str = "", script: str = "", media: bool = False
) -> str:
    """Returns the text of an HTML file.

    Args:
      title: its heading, not escaped yet.
      parts: what follows, HTML.
      style: more CSS.
      script: JavaScript that runs when the page is there; it must not hold texts of others.
      media: whether it plays videos that lie below its folder.
    """
    allowed = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    allowed += "; script-src 'unsafe-inline'" if script else ""
    allowed += "; media-src 'self' file:" if media else ""
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escaped(title)}</h1>\n{body}\n</main>\n"
        f"{f'<script>{script}</script>' if script else ''}\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> Markup:
    """Returns a part of a page under a heading; the title is escaped, the parts are HTML."""
    body = "\n".join(parts)
    return Markup(f"<section>\n<h2>{escaped(title)}</h2>\n{body}\n</section>")


def paragraph(text: str) -> Markup:
    """Returns a paragraph; the text is escaped."""
    return Markup(f"<p>{escaped(text)}</p>")


def wide(part: str, name: str) -> Markup:
    """Returns a part that scrolls, by the arrow keys too.

    Args:
      part: HTML.
      name: what a screen reader calls it.
    """
    title = escaped(name)
    return Markup(
        f'<div class="wide" tabindex="0" role="region" aria-label="{title}">\n{part}\n</div>'
    )


def picture(uri: str, text: str) -> Markup:
    """Returns a picture; `text` says what is on it, for those who do not see it."""
    return Markup(f'<img src="{escaped(uri)}" alt="{escaped(text)}">')

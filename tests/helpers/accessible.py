"""What WCAG 2.2, level AA, asks of a page: contrast, keyboard, names, texts of pictures.

declared(text)                     # of an HTML file with its CSS, without a browser
contrasts(browser)                 # as a Browser computes the styles of what is visible
by_keyboard(browser)
"""

import re

import numpy as np

from i3d.evaluation.results import Result
from i3d.visual import charts
from i3d.visual.gallery import Shown, gallery
from i3d.visual.points import points_page
from i3d.visual.report import report
from i3d.visual.thumbnails import data_uri
from tests.helpers.browser import TAB
from tests.helpers.pages import NASTY

TEXT, LARGE, GRAPHIC = 4.5, 3.0, 3.0
# Lines between rows and of a grid, gaps between cells: what they part can be told without them.
DECORATION = "#d0d0d0"
_GAP = "1px solid #fff"
_TRACK = "#e6e6e6"  # below a bar; the number beside it says how long the whole is
_WHITE = (255, 255, 255)


def html_files():
    """Returns {name: text} of the HTML files that commands write, with everything they can show."""
    picture = np.full((60, 80, 3), 90, np.uint8)
    uri, names = data_uri(picture, ".jpg"), np.array(["walk", NASTY, "jump"])
    logits = np.array([[5, 0, 0], [0, 5, 0], [4, 0, 0], [3, 0, 0], [0, 0, 9]], np.float32)
    ids = np.array([f"videos/{number}" for number in range(5)])
    one = Result(ids, np.array([0, 1, 1, 1, 2]), logits, names, "rgb", "a test")
    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 1], [0, 0, 1]], bool)
    several = Result(ids, labels, logits, names, "rgb", "a test")
    shown = [
        Shown("a/1.mp4", "run", "run", 0.9, picture),
        Shown("a/2.mp4", "run", NASTY, 0.4, picture),
    ]
    count = 42  # more than there are colours in one shape
    places = np.random.default_rng(0).normal(size=(count, 2))
    titles, classes = zip(*((f"video {i}", f"class {i}") for i in range(count)), strict=True)
    return {
        "report": report(one, lambda id: uri),
        "several": report(several, lambda id: uri),
        "gallery": gallery(shown, ["a/3.mp4: the file is empty"]),
        "points": points_page("Map", "About.", places, titles, classes, [uri] * count),
    }


def ratio(one, other):
    """Returns the contrast of two colours, "#rgb", "#rrggbb" or (r, g, b)."""
    return charts.contrast(*(np.array(_levels(colour)) for colour in (one, other)))


def _levels(colour):
    if not isinstance(colour, str):
        return colour
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    return tuple(int(digits[i : i + 2], 16) for i in (0, 2, 4))


def rules(text):
    """Returns [(selector, {property: value})] of the CSS of a file, and of its style attributes."""
    css = "".join(re.findall(r"<style>(.*?)</style>", text, re.S)) if "<html" in text else text
    found = re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", css, flags=re.S))
    found += [(f'style="{value}"', value) for value in re.findall(r'style="([^"]*)"', text)]
    return [(selector.strip(), dict(_properties(body))) for selector, body in found]


def _properties(body):
    for line in filter(None, map(str.strip, body.split(";"))):
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()


def declared(text):
    """Returns [(what, ratio, what is asked)] of all colours that a file of CSS or HTML declares.

    Text is on the background of its rule, else on white; so are borders, outlines and marks.
    """
    found = []
    for selector, own in rules(text):
        behind = _colour(own.get("background", "")) or _WHITE
        for name, value in own.items():
            colour = _colour(value)
            if colour is None or colour == DECORATION or value == _GAP:
                continue
            if name == "color":
                found.append((f"{selector}: text", ratio(colour, behind), TEXT))
            elif name == "background" and "color" not in own and _holds_text(selector, own):
                found.append((f"{selector}: text on it", ratio("#1a1a1a", colour), TEXT))
            elif name in ("border", "border-color", "outline", "stroke", "fill"):
                found.append((f"{selector}: {name}", ratio(colour, _WHITE), GRAPHIC))
    for name, colour in re.findall(r'(fill|stroke)="(#\w+)"', text):
        if colour != DECORATION:
            found.append((f"{name}={colour}", ratio(colour, _WHITE), GRAPHIC))
    bars = [own["background"] for _, own in rules(text) if "background" in own]
    if _TRACK in bars:
        found.append(("bar on its track", ratio("#2a6fb0", _TRACK), GRAPHIC))
        assert "#2a6fb0" in bars
    return found


def _colour(value):
    found = re.search(r"#[0-9a-fA-F]{3,6}\b", value)
    return found[0] if found else None


def _holds_text(selector, own):
    bar = selector.startswith("progress") or "height" in own
    return not (bar or "video" in selector or own["background"] == _TRACK)


_CONTRASTS = """
const rgb = (text) => {
  const n = (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  return n.length > 3 && n[3] === 0 ? null : n.slice(0, 3);
};
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c && !(e instanceof SVGElement)) return c;
  }
  return [255, 255, 255];
};
const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const add = (e, what, front, back, large) => {
  if (front) found.push([`${e.tagName} ${e.id} ${what}`, front, back, large]);
};
for (let node; (node = walker.nextNode());) {
  const e = node.parentElement, style = getComputedStyle(e);
  if (!node.data.trim() || !e.checkVisibility({ visibilityProperty: true })) continue;
  const svg = e instanceof SVGElement, px = parseFloat(style.fontSize);
  if (e.matches("script, style, title")) continue;
  const large = px >= 24 || (px >= 18.66 && style.fontWeight >= 700);
  add(e, "text " + node.data.trim().slice(0, 20), rgb(svg ? style.fill : style.color), behind(e),
    large ? "large" : "text");
}
for (const e of document.querySelectorAll("button, textarea, fieldset, select, #drop, #map")) {
  const style = getComputedStyle(e);
  if (!e.checkVisibility() || e.disabled) continue;
  if (style.borderStyle === "none" || parseFloat(style.borderWidth) === 0) continue;
  add(e, "border", rgb(style.borderColor), behind(e.parentElement), "graphic");
}
for (const e of document.querySelectorAll("svg path, svg circle, svg polyline, svg line")) {
  const style = getComputedStyle(e), front = style.fill === "none" ? style.stroke : style.fill;
  add(e, "mark", rgb(e.tagName === "line" ? style.stroke : front), behind(e), "graphic");
}
for (const e of document.querySelectorAll("[aria-hidden=true] > span"))
  add(e, "bar", rgb(getComputedStyle(e).backgroundColor), behind(e.parentElement), "graphic");
return found;
"""


def contrasts(browser):
    """Returns [(what, ratio, what is asked)] of all texts, borders and marks that are visible."""
    asked = {"text": TEXT, "large": LARGE, "graphic": GRAPHIC}
    found = browser.script(_CONTRASTS)
    grid = list(_levels(DECORATION))
    return [
        (what, ratio(front, back), asked[kind])
        for what, front, back, kind in found
        if not (kind == "graphic" and front == grid)
    ]


def too_low(found):
    """Returns what has less contrast than is asked; fails where nothing was looked at."""
    assert found
    return sorted(
        {f"{what}: {value:.2f} < {least}" for what, value, least in found if value < least}
    )


_CONTROLS = """
const all = "a[href], button, input, select, textarea, summary, video[controls], [tabindex='0']";
return [...document.querySelectorAll(all)].filter((e) => e.checkVisibility() && !e.disabled)
  .map((e, i) => { e.dataset.number = i; return e.type === "radio" ? e.name : String(i); });
"""
_AT = """
const e = document.activeElement, style = getComputedStyle(e);
const key = e.type === "radio" ? e.name : e.dataset.number || "";
const own = e.tagName === "VIDEO";  // the browser's own buttons in it have the focus in turn
return [key, own ? "auto" : style.outlineStyle, style.outlineColor, parseFloat(style.outlineWidth)];
"""


def by_keyboard(browser):
    """Checks that Tab reaches every control, and that each has a name and shows the focus."""
    wanted = set(browser.script(_CONTROLS))
    for number in range(len(wanted)):
        if browser.script(f"return !!document.querySelector('[data-number=\"{number}\"]')"):
            assert browser.name(f'[data-number="{number}"]'), f"control {number} has no name"
    browser.script("document.activeElement.blur(); scrollTo(0, 0)")
    reached = set()
    for _ in range(12 * len(wanted) + 10):  # a video has several controls of its own
        browser.press(TAB)
        key, style, colour, width = browser.script(_AT)
        if not key:
            continue
        reached.add(key)
        levels = [float(n) for n in re.findall(r"[\d.]+", colour)][:3]
        shows = style == "auto" or (style != "none" and width > 0)
        assert shows, f"control {key} does not show that it has the focus"
        assert style == "auto" or ratio(levels, _WHITE) >= GRAPHIC, (key, colour)
        if reached == wanted:
            break
    assert wanted and reached == wanted, f"Tab does not reach {wanted - reached}"


_WITHOUT_TEXT = """
const hidden = (e) => e.closest("[aria-hidden=true], [hidden]");
return [...document.querySelectorAll("img, svg, canvas, video")].filter((e) => !hidden(e))
  .filter((e) => !(e.alt || e.getAttribute("aria-label"))).map((e) => e.outerHTML.slice(0, 200));
"""


def pictures_without_text(browser):
    """Returns the beginnings of pictures and videos without a text that says what they show."""
    return browser.script(_WITHOUT_TEXT)

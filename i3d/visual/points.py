"""A map of feature vectors: PCA or t-SNE in two dimensions, and an HTML file of it.

places = reduced(features, "tsne", seed=0)             # float64 [N, 2]
text = points_page("Features", places, titles, classes, pictures)
"""

from collections.abc import Sequence

import numpy as np

from i3d.runtime.command import UserError
from i3d.runtime.markup import Markup, escaped, table
from i3d.visual import page

METHODS = ("pca", "tsne")
_KEPT = 50  # principal components that t-SNE begins with
_WIDTH, _HEIGHT, _MARGIN = 900, 640, 20
# Each has a contrast of 3 and more with white (WCAG 2.2, level AA, of graphics).
COLOURS = (
    "#1f5fb4", "#b83b00", "#00734f", "#96207e", "#7a5a00", "#c2143c", "#4f3fc0", "#3f6b14",
)  # fmt: skip
_SHAPES = (  # of one size, about
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z",
    "M-4.5-4.5h9v9h-9Z",
    "M0-6L6 5H-6Z",
    "M0-6.5L6.5 0 0 6.5-6.5 0Z",
    "M-2-6h4v4h4v4h-4v4h-4v-4h-4v-4h4Z",
)
_STYLE = """
#map { width: 100%; height: auto; max-height: 78vh; border: 1px solid #767676; }
#map .at { stroke: #000; stroke-width: 2.5; }
#frame { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr) 14rem;
  align-items: start; }
@media (max-width: 44rem) { #frame { grid-template-columns: minmax(0, 1fr); } }
#about { min-height: 10rem; overflow-wrap: anywhere; }
#about p { margin: 0; } #about img { display: block; max-width: 100%; }
#about img[hidden] { display: none; }
#frame h2 { margin: 0; } #frame .wide { max-height: 45vh; }
.legend { list-style: none; padding: 0; margin: .3rem 0; overflow-wrap: anywhere; }
"""
_SCRIPT = """
const map = document.getElementById("map"), text = document.getElementById("text");
const shot = document.getElementById("shot"), about = document.getElementById("about");
const points = [...map.querySelectorAll("path")];
const turns = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]};
let at = -1;
function show(i) {
  if (i < 0 || i === at) return;
  if (at >= 0) { points[at].classList.remove("at"); points[at].removeAttribute("aria-selected"); }
  at = i;
  const point = points[i];
  point.classList.add("at");
  point.setAttribute("aria-selected", "true");
  map.setAttribute("aria-activedescendant", point.id);
  text.textContent = point.getAttribute("aria-label");
  shot.hidden = !point.dataset.src;
  shot.src = point.dataset.src || "";
  shot.alt = "Frame of " + text.textContent;
}
function next([right, down]) {
  const {x, y} = points[at].dataset;
  let best = -1, least = Infinity;
  points.forEach((point, i) => {
    const across = point.dataset.x - x, along = point.dataset.y - y;
    const ahead = across * right + along * down, aside = Math.abs(across * down + along * right);
    if (ahead > 0 && ahead + 2 * aside < least) { best = i; least = ahead + 2 * aside; }
  });
  return best;
}
map.addEventListener("mouseover", event => show(points.indexOf(event.target)));
map.addEventListener("focus", () => show(at < 0 ? 0 : at));
map.addEventListener("keydown", event => {
  const ends = {Home: 0, End: points.length - 1};
  if (!(event.key in turns) && !(event.key in ends)) return;
  event.preventDefault();
  show(event.key in ends ? ends[event.key] : next(turns[event.key]));
});
"""


def reduced(
    features: np.ndarray, method: str, seed: int = 0, perplexity: float = 30.0
) -> np.ndarray:
    """Returns float64 [N, 2]: feature vectors in two dimensions.

    Args:
      features: float [N, C].
      method: "pca", the two first principal components, or "tsne" of at most 50 of them.
      seed: of t-SNE.
      perplexity: of t-SNE; at most that of `perplexity_of` is taken.

    Raises:
      UserError: there are too few vectors (t-SNE takes 4, PCA 2), or all are equal.

    Source: van der Maaten & Hinton 2008, Visualizing Data using t-SNE (scikit-learn's).
    """
    least = {"pca": 2, "tsne": 4}[method]
    if len(features) < least:
        hint = "; --method=pca takes 2" if len(features) > 1 else ""
        raise UserError(
            f"--method={method}: expected {least} vectors or more, got {len(features)}{hint}"
        )
    if (features == features[0]).all():
        raise UserError(
            f"all {len(features)} vectors are equal, so that no map shows anything; see which "
            "videos and which checkpoint they were extracted with"
        )
    components = principal(features, 2 if method == "pca" else _KEPT)
    if method == "pca":
        return components
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    perplexity = perplexity_of(len(features), perplexity)
    components /= np.abs(components).max()  # what overflows is not finite, of which it crashes
    with threadpool_limits(1):  # its threads spin, and wait for each other where others compute
        return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(components)


def perplexity_of(count: int, asked: float) -> float:
    """Returns the perplexity that t-SNE takes of so many vectors: (count - 1) / 3 at most."""
    return min(asked, (count - 1) / 3)


def principal(features: np.ndarray, count: int) -> np.ndarray:
    """Returns float64 [N, count]: principal components, zeros beyond the last.

    The direction of each is that in which its largest weight is positive.
    """
    scale = np.abs(features).max() or 1.0  # so that nothing overflows
    centred = features / np.float64(scale)
    centred -= centred.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(right).argmax(axis=1)
    signs = np.where(right[np.arange(len(right)), largest] < 0, -1, 1)
    found = (left * sizes * signs)[:, :count]
    return scale * np.pad(found, ((0, 0), (0, count - found.shape[1])))


def points_page(
    title: str,
    about: str,
    places: np.ndarray,
    titles: Sequence[str],
    classes: Sequence[str],
    pictures: Sequence[str] = (),
) -> str:
    """Returns the text of an HTML file with the points of a map.

    Of a point that is under the pointer, or chosen by the arrow keys, title, class and, where there
    is one, its picture stand beside the map. Classes differ by colour and shape.

    Args:
      title: heading.
      about: what the axes are, one paragraph.
      places: float [N, 2].
      titles: N texts.
      classes: N names, "" of points without.
      pictures: N data URIs, "" for none; (): none at all.
    """
    names = sorted(set(classes))
    marks = {name: _mark(number) for number, name in enumerate(names)}
    pixels, uris = _pixels(places), pictures or [""] * len(titles)
    labels = [", ".join(filter(None, both)) for both in zip(titles, classes, strict=True)]
    paths = "\n".join(
        _path(number, place, label, marks[name], uri)
        for number, (place, label, name, uri) in enumerate(
            zip(pixels, labels, classes, uris, strict=True)
        )
    )
    shape = (
        f'<svg id="map" viewBox="0 0 {_WIDTH} {_HEIGHT}" tabindex="0" role="listbox" '
        f'aria-label="{escaped(title)}, {len(titles)} points" aria-describedby="keys">\n'
        f"{paths}\n</svg>"
    )
    legend = _legend(names, marks, classes) if names != [""] else ""
    keys = "Point at a mark, or press Tab and the arrow keys, to see what it is."
    parts = [
        page.paragraph(about),
        Markup(f'<p id="keys">{keys}</p>'),
        Markup(
            f'<div id="frame">\n{shape}\n<div>\n<div id="about"><img id="shot" alt="" hidden>'
            f'<p id="text" role="status"></p></div>\n{legend}\n</div>\n</div>'
        ),
        _table(places, titles, classes),
    ]
    return page.page(title, parts, _STYLE, _SCRIPT)


def _mark(number):
    """Returns (colour, shape) of a class: all colours in one shape, then in the next."""
    colours = len(COLOURS)
    return COLOURS[number % colours], _SHAPES[number // colours % len(_SHAPES)]


def _pixels(places):
    """Returns the places in the picture, one scale for both axes, the second axis upwards."""
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.array([_WIDTH, _HEIGHT]) - 2 * _MARGIN
    scale = (room / np.maximum(high - low, 1e-12)).min()
    turned = (places - (low + high) / 2) * scale * (1, -1)
    return turned + (_WIDTH / 2, _HEIGHT / 2)


def _path(number, place, label, mark, uri):
    x, y = place
    colour, shape = mark
    text, source = escaped(label), f' data-src="{escaped(uri)}"' if uri else ""
    return (
        f'<path id="p{number}" role="option" d="{shape}" fill="{colour}" '
        f'transform="translate({x:.1f} {y:.1f})" data-x="{x:.1f}" data-y="{y:.1f}"{source} '
        f'aria-label="{text}"><title>{text}</title></path>'
    )


def _legend(names, marks, classes):
    items = "\n".join(
        f'<li><svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">'
        f'<path d="{marks[name][1]}" fill="{marks[name][0]}"/></svg> '
        f"{escaped(name or 'no class')} ({list(classes).count(name)})</li>"
        for name in names
    )
    most = len(COLOURS) * len(_SHAPES)
    note = f"Marks repeat after {most} classes." if len(names) > most else ""
    listed = page.wide(f'<ul class="legend">\n{items}\n</ul>', "Classes")
    return page.section("Classes", listed, page.paragraph(note) if note else "")


def _table(places, titles, classes):
    rows = [
        (title, name, f"{x:.4g}", f"{y:.4g}")
        for title, name, (x, y) in zip(titles, classes, places, strict=True)
    ]
    found = page.wide(
        table(("video", "class", "first axis", "second axis"), rows, ""), "All points"
    )
    return f"<details><summary>All points as a table</summary>\n{found}</details>"

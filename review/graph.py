"""A picture of the resources and what they need, as SVG; what changes has a colour and a sign.

Layers from left to right: a resource stands to the right of everything it depends on. Within a
layer the order follows the middle of what a resource depends on, so that lines cross less. Only
the shortest explanation is drawn: a line that others imply is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from review.steps import Preview, Step

_BOX = (230, 40)
_GAP = (70, 14)
_MARGIN, _LEGEND = 20, 46
_LONGEST = 31
"""Characters of a name that fit into a box."""

# Class and sign; the sign says it to those who do not see the colour.
_MARKS = {
    "create": ("create", "+"),
    "import": ("create", "="),
    "update": ("update", "~"),
    "refresh": ("update", "~"),
    "replace": ("replace", "±"),
    "delete": ("delete", "−"),  # noqa: RUF001  a minus, as wide as the plus
}
_WORDS = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}

_STYLE = """
svg { --paper: #ffffff; --ink: #1f2328; --line: #818b98; --quiet: #59636e;
  --create: #1a7f37; --update: #0969da; --replace: #bc4c00; --delete: #d1242f; }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #f0f6fc; --line: #656c76;
  --quiet: #9198a1; --create: #3fb950; --update: #4493f8; --replace: #f0883e; --delete: #f85149; } }
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: var(--ink); }
.kind { font-size: 10px; fill: var(--quiet); }
.sign { font: bold 18px ui-monospace, monospace; text-anchor: middle; }
.paper { fill: var(--paper); }
.box { fill: var(--paper); stroke: var(--line); }
.edge { fill: none; stroke: var(--line); opacity: .7; }
.create .box { stroke: var(--create); stroke-width: 2; } .create .sign { fill: var(--create); }
.update .box { stroke: var(--update); stroke-width: 2; } .update .sign { fill: var(--update); }
.replace .box { stroke: var(--replace); stroke-width: 3; } .replace .sign { fill: var(--replace); }
.delete .box { stroke: var(--delete); stroke-width: 2; stroke-dasharray: 5 3; }
.delete .sign { fill: var(--delete); }
"""

Needs = Mapping[str, frozenset[str]]
"""URN to the URNs that it depends on."""


def svg(preview: Preview) -> str:
    """The picture, a document of its own."""
    steps = {step.urn: step for step in preview.resources}
    needs = _needs(steps)
    layers = _ordered(_layers(needs), needs)
    place = {urn: (x, y) for x, layer in enumerate(layers) for y, urn in enumerate(layer)}
    width = max(len(layers), 1) * (_BOX[0] + _GAP[0]) - _GAP[0] + 2 * _MARGIN
    height = (
        max(map(len, layers), default=1) * (_BOX[1] + _GAP[1]) - _GAP[1] + 2 * _MARGIN + _LEGEND
    )
    title = f"Resources of stack {preview.stack}, and what changes"
    edges = [
        _edge(place[needed], place[urn])
        for urn, all_needed in _reduced(needs).items()
        for needed in sorted(all_needed)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{width}" height="{height}"/>',
            *_legend(preview.resources),
            *edges,
            *(_node(step, place[urn]) for urn, step in steps.items()),
            "</svg>\n",
        ]
    )


def _needs(steps: Mapping[str, Step]) -> Needs:
    """What each resource depends on, now or after; a circle, which only a mix can make, is cut."""
    needs: dict[str, frozenset[str]] = {}
    for urn, step in steps.items():
        named = set(step.state.dependencies if step.state else ())
        needs[urn] = frozenset(other for other in named if other in steps and other != urn)
    return needs


def _layers(needs: Needs) -> list[list[str]]:
    depth: dict[str, int] = {}
    left = dict(needs)
    while left:
        ready = [urn for urn, needed in left.items() if needed <= depth.keys()]
        # The engine knows no circles; a file that was written by hand may.
        for urn in ready or list(left):
            depth[urn] = 1 + max((depth.get(other, -1) for other in left[urn]), default=-1)
        for urn in ready or list(left):
            del left[urn]
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for urn, at in depth.items():
        layers[at].append(urn)
    return layers


def _ordered(layers: list[list[str]], needs: Needs) -> list[list[str]]:
    place: dict[str, float] = {}
    for layer in layers:
        for urn in layer:
            needed = [place[other] for other in needs[urn] if other in place]
            place.setdefault(urn, sum(needed) / len(needed) if needed else 0.0)
        layer.sort(key=lambda urn: (place[urn], urn))
        place.update({urn: float(at) for at, urn in enumerate(layer)})
    return [layer for layer in layers if layer]


def _reduced(needs: Needs) -> Needs:
    reach: dict[str, frozenset[str]] = {}
    for layer in _layers(needs):
        for urn in layer:
            through = (reach.get(other, frozenset()) for other in needs[urn])
            reach[urn] = needs[urn].union(*through)
    return {
        urn: frozenset(
            other
            for other in needed
            if not any(other in reach[between] for between in needed if between != other)
        )
        for urn, needed in needs.items()
    }


def _node(step: Step, place: tuple[int, int]) -> str:
    x, y = _corner(place)
    kind, sign = _MARKS.get(step.op, ("same", ""))
    name = step.name if len(step.name) <= _LONGEST else f"{step.name[: _LONGEST - 1]}…"
    what = f"{step.name} ({step.kind}){', ' + _WORDS[kind] if kind in _WORDS else ''}"
    width, height = _BOX
    return (
        f'<g class="{kind}"><title>{escape(what)}</title>'
        f'<rect class="box" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
        f'<text x="{x + 10}" y="{y + 17}">{escape(name)}</text>'
        f'<text class="kind" x="{x + 10}" y="{y + 32}">{escape(step.kind)}</text>'
        f'<text class="sign" x="{x + width - 16}" y="{y + 26}">{sign}</text></g>'
    )


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = _corner(start)
    x2, y2 = _corner(end)
    x1, y1, y2 = x1 + _BOX[0], y1 + _BOX[1] // 2, y2 + _BOX[1] // 2
    bend = _GAP[0] // 2
    return f'<path class="edge" d="M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>'


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    across, down = place
    return (
        _MARGIN + across * (_BOX[0] + _GAP[0]),
        _MARGIN + _LEGEND + down * (_BOX[1] + _GAP[1]),
    )


def _legend(steps: Sequence[Step]) -> list[str]:
    there = {_MARKS[step.op][0] for step in steps if step.op in _MARKS}
    x, items = _MARGIN, []
    for kind, word in _WORDS.items():
        if kind in there:
            sign = _MARKS[kind][1]
            items.append(
                f'<g class="{kind}"><rect class="box" x="{x}" y="{_MARGIN}" width="24" height="24"'
                f' rx="4"/><text class="sign" x="{x + 12}" y="{_MARGIN + 18}">{sign}</text>'
                f'<text x="{x + 32}" y="{_MARGIN + 16}">{word}</text></g>'
            )
            x += 110
    return items or [f'<text x="{x}" y="{_MARGIN + 16}">Nothing changes.</text>']

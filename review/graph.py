"""A picture of the resources and what they need, as Mermaid; what changes has a colour and a sign.

Only the shortest explanation is drawn: a line that others imply is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from review.steps import Preview, Step

# Class and sign; the sign says it to those who do not see the colour.
_MARKS = {
    "create": ("create", " +"),
    "import": ("create", " ="),
    "update": ("update", " ~"),
    "refresh": ("update", " ~"),
    "replace": ("replace", " ±"),
    "delete": ("delete", " −"),  # noqa: RUF001  a minus, as wide as the plus
}
_SIGNS = "+ created, = imported, ~ updated, ± replaced, − deleted"  # noqa: RUF001  as above
# Colours of lines alone, which can be seen on light and dark paper.
_CLASSES = """
classDef create stroke:#2da44e,stroke-width:3px
classDef update stroke:#218bff,stroke-width:3px
classDef replace stroke:#e16f24,stroke-width:4px
classDef delete stroke:#fa4549,stroke-width:3px,stroke-dasharray:5 3
""".strip()

Needs = Mapping[str, frozenset[str]]
"""URN to the URNs that it depends on."""


def picture(preview: Preview) -> str:
    """The picture as Markdown, folded away; GitHub and Azure DevOps draw it.

    https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/creating-diagrams
    """
    steps = {step.urn: step for step in preview.resources}
    number = {urn: f"r{at}" for at, urn in enumerate(steps)}
    needs = {urn: _needs(step) & steps.keys() - {urn} for urn, step in steps.items()}
    lines = [
        *(f"{number[urn]}{_box(step)}" for urn, step in steps.items()),
        *(f"{number[needed]} --> {number[urn]}" for needed, urn in _shortest(needs)),
        _CLASSES,
    ]
    drawn = "\n".join(["```mermaid", "flowchart LR", *lines, "```"])
    summary = f"<summary>Resources and what they need ({_SIGNS})</summary>"
    return f"<details>{summary}\n\n{drawn}\n\n</details>\n"


def _needs(step: Step) -> frozenset[str]:
    return frozenset(step.state.dependencies if step.state else ())


def _shortest(needs: Needs) -> list[tuple[str, str]]:
    """Pairs of what is needed and what needs it, without those that others imply."""

    def reached(urn: str) -> set[str]:
        found: set[str] = set()
        ahead = list(needs[urn])
        while ahead:
            if (next_ := ahead.pop()) not in found:
                found.add(next_)
                ahead += needs[next_]
        return found

    beyond = {urn: reached(urn) for urn in needs}
    return [
        (needed, urn)
        for urn, all_needed in needs.items()
        for needed in sorted(all_needed)
        if not any(needed in beyond[other] for other in all_needed - {needed})
    ]


def _box(step: Step) -> str:
    kind, sign = _MARKS.get(step.op, ("", ""))
    # A sign before the name would make a list of it, which Mermaid refuses to draw.
    return f'["{_label(step.name)}{sign}<br>{_label(step.kind)}"]{kind and f":::{kind}"}'


def _label(text: str) -> str:
    """As Mermaid takes it: what may mean something is written as its number."""
    return re.sub(r"[^\w .@:/-]", lambda found: f"#{ord(found[0])};", text)

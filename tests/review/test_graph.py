"""The picture of the resources."""

from __future__ import annotations

import re
from collections import Counter

from review.graph import picture
from review.steps import Preview, from_document
from tests.review.recordings import document, preview, step

BOX = re.compile(r'^(r\d+)\["(.*?)(?: ([^\w]))?<br>(.*)"\](?::::(\w+))?$', re.MULTILINE)


def lines(of: Preview) -> set[tuple[str, str]]:
    drawn = picture(of)
    name = {box[0]: box[1] for box in BOX.findall(drawn)}
    return {
        (name[needed], name[user])
        for needed, user in re.findall(r"^(r\d+) --> (r\d+)$", drawn, re.MULTILINE)
    }


def test_every_resource_is_a_box_with_the_colour_and_the_sign_of_its_change() -> None:
    shown = preview()
    signs = {"same": "", "create": "+", "replace": "±", "delete": "−"}  # noqa: RUF001  a minus
    boxes = BOX.findall(picture(shown))

    assert {step.op for step in shown.resources} == signs.keys()
    assert [(name, kind) for _, name, _, kind, _ in boxes] == [
        (step.name, step.kind) for step in shown.resources
    ]
    assert Counter((kind or "same", sign) for _, _, sign, _, kind in boxes) == Counter(
        (step.op, signs[step.op]) for step in shown.resources
    )
    for kind in signs.keys() - {"same"}:
        assert f"classDef {kind} " in picture(shown)


def test_whatever_a_resource_needs_leads_to_it_and_nothing_else_does() -> None:
    shown = preview()
    name = {step.urn: step.name for step in shown.resources}
    needed = {
        (name[needed], step.name)
        for step in shown.resources
        for needed in (step.state.dependencies if step.state else ())
        if needed in name
    }
    drawn = lines(shown)

    def implied(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
        while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
            pairs = pairs | more
        return pairs

    assert len(needed) > len(drawn) > 20
    assert drawn < needed
    assert implied(drawn) == implied(needed)


def test_names_cannot_break_out_of_it() -> None:
    of = document()
    planned = step(of, "client-carol@1-key")["urn"]
    for sneaky in of["steps"]:
        if sneaky["urn"] == planned:
            sneaky["urn"] += '"]\n```\n<script>x</script>'
    drawn = picture(from_document(of, "x"))

    assert "<script>" not in drawn
    assert drawn.count("```") == len(["its begin", "its end"])


def test_a_circle_is_drawn_all_the_same() -> None:
    of = document()
    group, logs = step(of, "endpoint-group"), step(of, "logs")
    logs["newState"]["dependencies"] = [group["urn"]]
    group["newState"]["dependencies"] = [logs["urn"]]

    assert {("logs", "endpoint-group"), ("endpoint-group", "logs")} <= lines(from_document(of, "x"))

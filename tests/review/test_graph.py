"""The picture of the resources."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter

from review.graph import svg
from review.steps import from_document
from tests.review.recordings import document, preview, step

SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314  our own, made a moment ago


def test_every_resource_is_a_box_with_the_mark_of_its_change() -> None:
    shown = preview()
    boxes = drawn(svg(shown)).findall(f"{SVG}g")
    marks = Counter(box.get("class") for box in boxes if box.find(f"{SVG}title") is not None)
    words = {"same": "same", "create": "create", "replace": "replace", "delete": "delete"}

    assert marks == Counter(words[step.op] for step in shown.resources)


def test_a_change_has_a_sign_for_those_who_see_no_colours() -> None:
    by_class = {
        box.get("class"): [text.text for text in box.findall(f"{SVG}text")][-1]
        for box in drawn(svg(preview())).findall(f"{SVG}g")
        if box.find(f"{SVG}title") is not None
    }

    assert by_class == {"same": None, "create": "+", "replace": "±", "delete": "−"}  # noqa: RUF001  a minus


def test_a_resource_stands_to_the_right_of_what_it_needs() -> None:
    shown = preview()
    place = {}
    for box in drawn(svg(shown)).findall(f"{SVG}g"):
        title, rect = box.find(f"{SVG}title"), box.find(f"{SVG}rect")
        if title is not None and rect is not None:
            place[str(title.text).split(" ")[0]] = int(str(rect.get("x")))
    name = {step.urn: step.name for step in shown.resources}
    pairs = [
        (name[needed], step.name)
        for step in shown.resources
        for needed in (step.state.dependencies if step.state else ())
        if needed in name
    ]

    assert len(pairs) > 20
    assert all(place[needed] < place[user] for needed, user in pairs)
    assert len(set(place.values())) > 3


def test_it_can_be_read_in_light_and_dark() -> None:
    style = drawn(svg(preview())).findtext(f"{SVG}style") or ""
    light, _, dark = style.partition("@media (prefers-color-scheme: dark)")
    variables = set(re.findall(r"(--\w+):", light))

    assert variables == set(re.findall(r"(--\w+):", dark))
    assert set(re.findall(r"var\((--\w+)\)", style)) == variables


def test_names_cannot_break_out_of_it() -> None:
    of = document()
    planned = step(of, "client-carol@1-key")
    for sneaky in of["steps"]:
        if sneaky["urn"] == planned["urn"]:
            sneaky["urn"] += '"/><script>x</script>'

    assert "<script>" not in svg(from_document(of, "x"))


def test_a_circle_is_drawn_all_the_same() -> None:
    of = document()
    group, logs = step(of, "endpoint-group"), step(of, "logs")
    logs["newState"]["dependencies"] = [group["urn"]]
    group["newState"]["dependencies"] = [logs["urn"]]

    assert "endpoint-group" in svg(from_document(of, "x"))

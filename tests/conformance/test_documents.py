"""Every claim of docs/security.md names something that exists."""

from __future__ import annotations

import re

import pytest

from common.names import PROJECT
from conformance.case import CASES
from conformance.cases import GROUPS

TEXTS = {name: (PROJECT / "docs" / name).read_text() for name in ("security.md", "operations.md")}


@pytest.mark.parametrize("name", TEXTS)
def test_cases_that_a_document_names_exist(name: str) -> None:
    named = set(re.findall(rf"\b(?:{'|'.join(GROUPS)})-[0-9]+", TEXTS[name]))

    assert named
    assert named <= set(CASES)


@pytest.mark.parametrize("name", TEXTS)
def test_tests_that_a_document_names_exist(name: str) -> None:
    for path, _, test in re.findall(r"`(tests/[\w/]+\.py)(::(\w+))?`", TEXTS[name]):
        functions = re.findall(r"^def (test_\w+)", (PROJECT / path).read_text(), re.MULTILINE)
        assert functions
        assert not test or test in functions, f"{path} has no {test}"


def test_every_group_of_cases_proves_a_claim() -> None:
    for group in GROUPS:
        assert f"{group}-0" in TEXTS["security.md"]


def test_every_promise_names_its_proof() -> None:
    promises = []
    for table in re.findall(r"\| proven by \|\n\|[-| ]+\n((?:\|.*\n)+)", TEXTS["security.md"]):
        promises += [line.split("|")[1:-1] for line in table.splitlines()]

    assert len(promises) > 30
    for objective, control, proof in promises:
        assert objective.strip()
        assert control.strip()
        assert re.search(r"[A-Z]+-[0-9]+|`tests/", proof), objective

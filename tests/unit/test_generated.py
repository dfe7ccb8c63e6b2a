"""Files that are made from the code: the contract's schemas, Pulumi.yaml's keys, the reference."""

from __future__ import annotations

import pytest

from program.settings import reference
from scripts import generate
from tests.unit.program import schema, stack_file


def test_all_are_as_the_code_makes_them() -> None:
    assert generate.outdated() == [], "type `make generate`"


def test_every_key_is_explained() -> None:
    assert [key.path for key in reference.all_keys() if not (key.takes and key.about)] == []


@pytest.mark.parametrize("stack", ["dev", "local", "prod"])
def test_every_key_of_a_committed_stack_is_in_the_reference(stack: str) -> None:
    known = {key.path.partition(".")[0] for key in reference.all_keys()}

    assert stack_file(stack).keys() <= known
    assert schema().keys() <= known


def test_what_a_section_has_without_a_word_is_told_per_key() -> None:
    default = {key.path: key.default for key in reference.all_keys()}

    assert default["resources.sidecar.cpu"] == "`0.5`"
    assert default["resources.model.memoryInGB"] == "`1.5`"
    assert default["modelName"] == "required"
    assert default["certificates.ca.trusted"] == "none"

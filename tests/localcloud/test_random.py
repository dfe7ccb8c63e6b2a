"""The random stand-in: what is asked for, and a new value whenever that changes."""

from __future__ import annotations

import string
import uuid
from typing import Any

import pytest

from common.refusal import Refusal
from localcloud.plugins.random import Random
from tests.localcloud.arm import urn

STRING, UUID = "random:index/randomString:RandomString", "random:index/randomUuid:RandomUuid"


def make(**inputs: Any) -> str:
    id_, outputs = Random().create(urn(STRING), Random().check(urn(STRING), {}, inputs))
    assert id_ == outputs["result"]
    return str(outputs["result"])


@pytest.mark.parametrize("length", [1, 12, 100])
def test_a_string_has_the_length_that_was_asked_for(length: int) -> None:
    assert len(make(length=length)) == length


@pytest.mark.parametrize(
    ("kinds", "allowed"),
    [
        ({"special": False, "upper": False}, string.ascii_lowercase + string.digits),
        ({"special": False, "upper": False, "numeric": False}, string.ascii_lowercase),
        ({"special": False, "lower": False, "upper": False}, string.digits),
        ({"upper": False, "lower": False, "numeric": False, "overrideSpecial": "-_"}, "-_"),
    ],
)
def test_a_string_is_made_of_all_kinds_that_were_asked_for_and_no_other(
    kinds: dict[str, Any], allowed: str
) -> None:
    assert set(make(length=2000, **kinds)) == set(allowed)


def test_without_a_choice_every_kind_is_in_a_string() -> None:
    made = set(make(length=2000))

    for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!@#$"):
        assert made & set(kind)


def test_two_strings_differ() -> None:
    assert make(length=20) != make(length=20)


def test_a_uuid_is_its_own_id() -> None:
    id_, outputs = Random().create(urn(UUID), {})

    assert id_ == outputs["result"] == str(uuid.UUID(id_, version=4))


@pytest.mark.parametrize(
    "change",
    [{"length": 13}, {"upper": True}, {"keepers": {"a": "b"}}, {"overrideSpecial": "-"}],
)
def test_every_change_replaces(change: dict[str, Any]) -> None:
    old = Random().check(urn(STRING), {}, {"length": 12, "upper": False})
    new = Random().check(urn(STRING), old, {"length": 12, "upper": False, **change})

    diff = Random().diff(urn(STRING), old, new, {})

    assert diff.changed == diff.replaces == tuple(change)


def test_no_change_does_nothing() -> None:
    assert Random().diff(urn(STRING), {"length": 12}, {"length": 12}, {}).changed == ()


def test_a_resource_that_is_not_stood_in_for_is_named() -> None:
    with pytest.raises(Refusal, match="there is no resource random:index/randomPet:RandomPet in"):
        Random().create(urn("random:index/randomPet:RandomPet"), {})

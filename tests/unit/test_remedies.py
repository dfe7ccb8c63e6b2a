"""What is typed instead of a wrong value weakens nothing and takes nothing away, for every key."""

from __future__ import annotations

import copy
import itertools
import json
import re
from typing import Any

import pytest

from program import settings
from program.settings import stack_config
from tests.unit.cas import make_ca
from tests.unit.program import as_config, run, stack_file
from tests.unit.pulumi_config import REMEDY, follow
from tests.unit.refused.words import told
from tests.unit.test_refused_keys import paths

WRONG: dict[str, Any] = {
    "nothing": None,
    "no text": "",
    "a word": "Wrong",
    "a number": 7,
    "a large number": 10**9,
    "a number below 0": -1,
    "a fraction": 0.05,
    "a truth value": True,
    "a list": ["x", "y"],
    "a list of one": ["x"],
    "a list of numbers": [3],
    "a map": {"some": "thing"},
    "a list of maps": [{"some": "thing"}],
}
PLACES = [path for path in paths() if path[-1] != "privateKeyPem"]
OTHERS: list[tuple[str | int, ...]] = [("tags", "owner"), ("modelImage", "buildArgs", "A")]
CA = make_ca()
STRENGTH = ("dev", "test", "prod")


def sentences(values: dict[str, Any]) -> list[str]:
    error = run(settings.StackSettings.load, config=as_config(values)).error
    assert error is None or isinstance(error, stack_config.SettingsError), repr(error)
    return told(error) if error else []


def holding(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A good stack file but for one value."""
    values = stack_file("dev", {"clients": [{"name": "alice", "generations": [5]}]})
    holder: Any = values
    for step, following in itertools.pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if step == len(holder):
                holder.append(empty)
        elif step not in holder:
            holder[step] = empty
        holder = holder[step]
    if isinstance(path[-1], int) and path[-1] == len(holder):
        holder.append(value)
    else:
        holder[path[-1]] = value
    return values


def keys(values: Any, place: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    """Every key of a stack file, and place in a list, that holds something."""
    if not isinstance(values, dict | list):
        return {place} if values not in (None, "") else set()
    items = values.items() if isinstance(values, dict) else enumerate(values)
    return {place}.union(*(keys(item, (*place, step)) for step, item in items))


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("path", [*PLACES, *OTHERS], ids=lambda p: ".".join(map(str, p)))
def test_a_remedy_helps_and_takes_nothing_away(path: tuple[str | int, ...], kind: str) -> None:
    values = holding(path, copy.deepcopy(WRONG[kind]))
    before = keys(values)

    for sentence in sentences(values):
        assert (remedy := REMEDY.findall(sentence)), sentence
        if "there is no such key" in sentence or "declares with ARG" in sentence:
            continue
        after = copy.deepcopy(values)
        follow(sentence, after, {"ca.crt": CA.pem, "ca.key": CA.key_pem})

        assert sentence not in sentences(after), "what is typed does not help"
        if "each " not in sentence and "different" not in sentence:
            # Which model there is only its owner knows; a stack can be without the key.
            assert " rm " not in remedy[-1] or path == ("modelImage", "model"), sentence
            others = {key for key in before if key[: len(path)] != path}
            assert others - keys(after) == set(), "it takes something else away"


@pytest.mark.parametrize(
    ("path", "value", "remedy"),
    [
        ("environment", "Prod", "Type: pulumi config set environment prod"),
        ("environment", "PROD ", "Type: pulumi config set environment prod"),
        ("environment", "Dev", "Type: pulumi config set environment dev"),
        ("environment", "production", "Type: pulumi config set environment prod"),
        ("environment", "development", "Type: pulumi config set environment dev"),
        ("environment", "tset", "Type: pulumi config set environment test"),
        ("environment", "prod-test", "Type: pulumi config set environment prod"),
        ("environment", "dev/prod", "Type: pulumi config set environment prod"),
        ("environment", ["dev", "prod"], "Type: pulumi config set environment prod"),
        ("environment", ["dev"], "Type: pulumi config set environment dev"),
        ("environment", "", "Type: pulumi config set environment prod"),
        ("environment", 5, "Type: pulumi config set environment prod"),
        ("tls", "off", "Type: pulumi config set tls mtls"),
        ("tls", "MTLS", "Type: pulumi config set tls mtls"),
        ("tls", "", "Type: pulumi config set tls mtls"),
        ("registrySku", "premium", "Type: pulumi config set registrySku Premium"),
        ("registrySku", "premum", "Type: pulumi config set registrySku Premium"),
        ("logRetentionDays", 731, "Type: pulumi config set logRetentionDays 730"),
        ("logRetentionDays", "90 days", "Type: pulumi config set logRetentionDays 90"),
        ("maxRequestBodyInMB", [16], "Type: pulumi config set maxRequestBodyInMB 16"),
        ("clients", "alice, bob", 'Write: clients: [{"name": "alice"}, {"name": "bob"}]'),
        ("clients", {"name": "a"}, 'Write: clients: [{"name": "a"}]'),
        (
            "resources",
            [{"model": {"cpu": 1, "memoryInGB": 2}}, {"sidecar": {"cpu": 0.5, "memoryInGB": 1}}],
            'Write: resources: {"model": {"cpu": 1, "memoryInGB": 2}, '
            '"sidecar": {"cpu": 0.5, "memoryInGB": 1}}',
        ),
        ("tags", ["a=b", "c=d"], 'Write: tags: {"a": "b", "c": "d"}'),
        ("tags", {"a": {"b": 1}}, "Type: pulumi config set --path tags.a '{\"b\": 1}'"),
        ("tags", {"a": True}, "Type: pulumi config set --path --type string tags.a true"),
        ("tags", {"a": -5}, "Type: pulumi config set --path --type string tags.a -- -5"),
        ("certificates", {"alsoTrust": "x"}, 'Write: certificates.alsoTrust: ["ca.crt"]'),
    ],
)
def test_the_nearest_value_is_proposed(path: str, value: Any, remedy: str) -> None:
    (sentence,) = sentences(stack_file("dev", {path: value}))

    assert REMEDY.findall(sentence) == [remedy]


@pytest.mark.parametrize("meant", STRENGTH)
@pytest.mark.parametrize("before", ["", "-", "x", "my "])
@pytest.mark.parametrize("after", ["", "-", "x", " 1", "uction"])
def test_an_environment_never_gets_weaker(meant: str, before: str, after: str) -> None:
    for text in (f"{before}{meant}{after}", f"{before}{meant}{after}".upper()):
        for sentence in sentences(stack_file("dev", {"environment": text})):
            proposed = re.findall(r"environment (\w+)$", sentence)[0]
            assert STRENGTH.index(proposed) >= STRENGTH.index(meant)


def test_what_is_carried_over_to_the_right_key_is_the_whole_value() -> None:
    clients = [{"name": "alice", "generation": [3]}]
    values = stack_file("dev", {"clients": None, "client": clients})

    (sentence,) = sentences(values)
    follow(sentence, values)

    assert sentence.endswith("Rename: client to clients")
    assert (values["clients"], "client" in values) == (clients, False)
    assert json.dumps(sentences(values)).count("Rename: ") == 1

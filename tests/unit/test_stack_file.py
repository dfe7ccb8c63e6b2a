"""A stack file is read as the engine reads it, or refused; never as something weaker."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from common import stack_file
from common.refusal import Refusal
from tests.unit.program import ROOT, STACKS

OWN = "mtls-model-endpoint"


def read(folder: Path, text: str | bytes) -> stack_file.StackFile:
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "Pulumi.shop.yaml").write_bytes(data)
    return stack_file.read(folder, "shop")


def environment(folder: Path, text: str) -> str:
    read(folder, text)
    return stack_file.environment(folder, "shop")


@pytest.mark.parametrize("stack", STACKS)
def test_committed_stacks_are_of_the_environment_they_say(stack: str) -> None:
    assert stack_file.environment(ROOT, stack) == {"prod": "prod"}.get(stack, "dev")


PROD = {
    "plain": "config:\n  mtls-model-endpoint:environment: prod\n",
    "quoted": "config:\n  'mtls-model-endpoint:environment': \"prod\"  # for real\n",
    "without a namespace": "config:\n  environment: prod\n",
    "in the long form": "config:\n  mtls-model-endpoint:config:environment: prod\n",
    "in a flow": "config: {environment: prod, tls: mtls}\n",
    "in JSON": '{"config": {"mtls-model-endpoint:environment": "prod"}}',
    "merged": "x: &x {environment: prod}\nconfig:\n  <<: *x\n",
    "folded": "config:\n  environment: >-\n    prod\n",
    "behind a mark of the byte order": "\ufeffconfig:\n  environment: prod\n",
    "behind a comment": "config:\n  # mtls-model-endpoint:environment: dev\n  environment: prod\n",
}


@pytest.mark.parametrize("case", PROD)
def test_prod_is_prod_however_yaml_writes_it(tmp_path: Path, case: str) -> None:
    assert environment(tmp_path, PROD[case]) == "prod"


def test_the_default_is_the_programs(tmp_path: Path) -> None:
    assert environment(tmp_path, "config:\n  modelName: demo\n") == "dev"
    assert environment(tmp_path, "") == "dev"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config: {environment: Prod}", '"Prod" is not allowed in Pulumi.shop.yaml; it takes one'),
        ("config: {environment: production}", '"production" is not allowed'),
        ("config: {environment: }", "this is not allowed"),
        ("config: {environment: {secure: AAABB}}", "this is not allowed"),
        ("config: {environment: [prod]}", "this is not allowed"),
        ("config: {environment: true}", "this is not allowed"),
        ("environment: [shared]\nconfig: {tls: mtls}", "takes values from elsewhere"),
        ("config: {environment: prod, mtls-model-endpoint:environment: dev}", "a second one"),
        ("config:\n  environment: prod\n  environment: dev", "lines 2 and 3 have it"),
        ("config: {", "is no YAML: line 1"),
    ],
)
def test_what_is_not_certain_is_refused_and_never_dev(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        environment(tmp_path, text)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_names_its_environment_may_take_the_rest_from_elsewhere(tmp_path: Path) -> None:
    assert environment(tmp_path, "environment: [shared]\nconfig: {environment: prod}") == "prod"


TWICE = {
    "at the top": ("config:\n  clients: []\n  tls: mtls\n  clients: []\n", "clients: ", (2, 4)),
    "with a namespace and without": (
        "config:\n  modelName: a\n  mtls-model-endpoint:modelName: b\n",
        "modelName: ",
        (2, 3),
    ),
    "below": ("config:\n  tags:\n    a: x\n    a: y\n", "tags.a: ", (3, 4)),
    "in a list": ("config:\n  clients:\n  - name: a\n    name: b\n", "clients[0].name: ", (3, 4)),
    "as number and text": ("config:\n  tags:\n    5: x\n    '5': y\n", 'tags["5"]: ', (3, 4)),
    "the whole config": ("config:\n  a: 1\nconfig:\n  b: 1\n", "config: ", (1, 3)),
}


@pytest.mark.parametrize("case", TWICE)
def test_what_is_said_twice_is_refused_with_both_lines(tmp_path: Path, case: str) -> None:
    text, key, (first, second) = TWICE[case]

    with pytest.raises(Refusal) as refused:
        read(tmp_path, text)

    assert str(refused.value).startswith(key)
    assert f"lines {first} and {second} have it" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config:\n  tags: {since: 2026-01-02}", "line 2: a date without quotes is not allowed"),
        ("config:\n  tags: {at: 2026-01-02T03:04:05Z}", "line 2: a date without quotes"),
        ("config: {a: .inf}", "line 1: a number without end"),
        ("config: {a: !foo 5}", "line 1: a tag"),
        ("config: {a: &a [*a]}", "holds itself"),
        ("config: {a: 1}\n---\nconfig: {a: 2}", "is no YAML: line 2: "),
        ("config: {[a]: 1}", "line 1: this as a key is not allowed"),
        ("config: {a: {~: 1}}", "line 1: this as a key is not allowed"),
        ("config: {<<: 5}", "line 1: `<<` of this"),
        ("config: " + "[" * 5000, "too many levels"),
        (b"config: {a: \xff}", "is no text in UTF-8"),
        ("- config", "has no `config:`"),
        ("config: 7", "has no `config:`"),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(Refusal) as refused:
        read(tmp_path, text)

    assert said in str(refused.value)


VALUES: dict[str, Any] = {
    "no": "no",
    "on": "on",
    "12:30": "12:30",
    "0o17": 15,
    "017": 15,
    "08": 8.0,
    "1_000": 1000,
    "1e3": 1000.0,
    "~": None,
    "null": None,
    "True": True,
    '"5"': "5",
    "12345678901234567890": 12345678901234567890,
}


@pytest.mark.parametrize("text", VALUES)
def test_values_are_the_engines(tmp_path: Path, text: str) -> None:
    value = read(tmp_path, f"config:\n  a: {text}\n").config[f"{OWN}:a"]

    assert (type(value), value) == (type(VALUES[text]), VALUES[text])


def test_it_is_known_where_each_value_stands(tmp_path: Path) -> None:
    file = read(
        tmp_path, "config:\n  clients:\n  - name: a\n    paths:\n    - /x\n  docker:host: h\n"
    )

    assert file.lines["clients"] == 2
    assert file.lines["clients[0].name"] == 3
    assert file.lines["clients[0].paths[0]"] == 5
    assert file.lines["docker:host"] == 6

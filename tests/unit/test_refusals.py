"""What a stack file may not say: each refusal in full, and that what it tells one to type helps.

The cases are in refused/, by subject; a CA of the user's has a file of its own, test_authority.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from program import settings
from program.settings import stack_config
from tests.unit.program import STACKS, Deployment, as_config, refused, run, stack_file
from tests.unit.pulumi_config import follow, type_in
from tests.unit.refused import certificates, clients, group, keys, names
from tests.unit.refused.words import told

SUBJECTS = (keys, names, group, certificates, clients)
REFUSED = {name: case for subject in SUBJECTS for name, case in subject.CASES.items()}
refusals = pytest.mark.parametrize("case", REFUSED)


def load(values: dict[str, Any]) -> Deployment:
    """Only reads the settings, which is what refuses."""
    return run(settings.StackSettings.load, config=as_config(values))


def test_no_case_has_the_name_of_another() -> None:
    assert len(REFUSED) == sum(len(subject.CASES) for subject in SUBJECTS)


@refusals
def test_a_refusal_names_key_value_what_is_allowed_and_what_to_type(case: str) -> None:
    overrides, sentences = REFUSED[case]

    error = refused("dev", overrides).error

    assert isinstance(error, stack_config.SettingsError)
    assert told(error) == sentences


def test_too_many_tags_are_refused() -> None:
    error = refused("dev", {"tags": {f"tag{i}": "x" for i in range(41)}}).error

    assert (
        f"is not allowed; it takes {names.TAGS}. Type: pulumi config rm --path tags.tag40"
        in told(error)[0]
    )
    assert load(stack_file("dev", {"tags": {f"tag{i}": "x" for i in range(40)}})).error is None


@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_that_is_wrong_is_named_also_in_the_command(stack: str) -> None:
    """Which otherwise changes the one that happens to be selected."""
    error = str(refused(stack, {"tls": "off"}).error)

    assert error.startswith(f"Pulumi.{stack}.yaml cannot be deployed:\n  tls: ")
    assert error.endswith(f"Type: pulumi config set --stack {stack} tls mtls")


@refusals
def test_typing_what_the_refusals_say_ends_with_a_stack_that_deploys(case: str) -> None:
    values = stack_file("dev", REFUSED[case][0])
    seen: set[str] = set()

    while error := load(values).error:
        sentences = told(error)
        assert seen.isdisjoint(sentences), "the command did not help"
        seen |= set(sentences)
        # Removals last and from the end: they renumber what follows.
        for each in sorted(sentences, key=lambda s: "Type: pulumi config rm " in s):
            follow(each, values)


def test_the_engine_and_this_test_agree_on_what_a_command_does() -> None:
    values: dict[str, Any] = {"tags": "text", "clients": ["a"]}
    for command in (
        "pulumi config set endpointPort 8443",
        "pulumi config set --path resources.model.cpu 1",
        "pulumi config set --path resources.model.memoryInGB 1.5",
        "pulumi config set --path tags.owner x",
        "pulumi config set --path 'serverNames[0]' a.example.com",
        "pulumi config set serverList '[1]'",
        "pulumi config rm --path 'clients[0]'",
    ):
        type_in(command, values)

    assert values == {
        "endpointPort": "8443",
        "resources": {"model": {"cpu": 1, "memoryInGB": "1.5"}},
        "tags": {"owner": "x"},
        "serverNames": ["a.example.com"],
        "serverList": "[1]",
        "clients": [],
    }
    with pytest.raises(AssertionError, match="expected a map"):
        type_in("pulumi config set --path 'a[0].name' x", {"a": ["text"]})

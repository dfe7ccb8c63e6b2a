"""A private key is shown in no refusal, wherever in a stack file it was put."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from program import settings
from program.settings import stack_config
from program.settings.refusals import Section
from tests.unit.cas import make_ca, with_its_curve
from tests.unit.program import as_config, run, stack_file

CA = make_ca()
KEYS = {
    "PKCS 8": CA.key_pem,
    "encrypted": CA.encrypted_key_pem,
    "with its curve": with_its_curve(CA),
    "in one line": CA.key_pem.replace("\n", " "),
    "after its certificate": CA.pem + CA.key_pem,
}


def paths(section: type[Section] = settings.StackSettings) -> Iterator[tuple[str | int, ...]]:
    """Every place that a stack file has, and one of each list's items."""
    for field in section.model_fields.values():
        key = str(field.alias)
        yield (key,)
        kinds = list(walk(field.annotation))
        listed = any(kind is Ellipsis for kind in kinds)
        if listed:
            yield key, 0
        for inner in kinds:
            if isinstance(inner, type) and issubclass(inner, Section):
                for path in paths(inner):
                    yield (key, 0, *path) if listed else (key, *path)


def walk(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from walk(part)


PLACES = [path for path in paths() if path[0] != "azure-native:location"]
MISSPELT = [
    ("privteKeyPem",),
    ("certificates", "key"),
    ("certificates", "authority", "privateKey"),
    ("certificates", "authority", "privteKeyPem"),
    ("certificates", "authority", "caKey"),
    ("certificates", "authority", "privateKeyPem", "pem"),
    ("certificates", "authority", "certificatePem", 0),
    ("certificates", "alsoTrust", 0, "privateKeyPem"),
    ("certificates", "ca", "key"),
    ("clients", 0, "key"),
    ("clients", 0, "paths", 0),
    ("clients", 0, "generations", 0),
    ("modelImage", "buildArgs", "KEY", 0),
    ("tags", "key", "value"),
]


def test_these_are_all_places() -> None:
    written = [".".join(map(str, path)) for path in PLACES]

    assert len(set(written)) == len(written)
    assert {
        "certificates.authority.privateKeyPem",
        "certificates.alsoTrust.0",
        "certificates.ca.trusted.0",
        "certificates.renewBeforeDays.client",
        "clients.0.paths.0",
        "clients.0.requestsPerSecond",
        "resources.model.cpu",
        "serverNames.0",
    } <= set(written)


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("path", [*PLACES, *MISSPELT], ids=lambda p: ".".join(map(str, p)))
def test_a_key_in_the_wrong_place_is_not_shown(path: tuple[str | int, ...], kind: str) -> None:
    key = KEYS[kind]
    for value in (key, [key], {"pem": key}, {key: "pem"}, json.dumps({"k": key})):
        config = as_config(stack_file("dev", {str(path[0]): nested(path[1:], value)}))

        error = run(settings.StackSettings.load, config=config).error

        if path == ("tags", "key", "value") or error is not None:
            assert isinstance(error, stack_config.SettingsError), repr(error)[:200]
            assert not shown(str(error), kind), path


def nested(path: tuple[str | int, ...], value: Any) -> Any:
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def shown(text: str, kind: str) -> bool:
    """Whether any twelve characters of the key's body are in a text."""
    body = KEYS[kind].rpartition("-----BEGIN")[2].replace("\n", " ").split("-----")[1]
    pieces = [word for word in body.split() if len(word) >= 12]
    assert pieces
    windows = {word[start : start + 12] for word in pieces for start in range(len(word) - 11)}
    # A key holds its public half, too, which a certificate shows.
    return any(window in text for window in windows if window not in CA.pem)


@pytest.mark.parametrize("headless", [True, False])
def test_a_key_that_lost_its_first_line_is_not_shown_either(headless: bool) -> None:
    """Where a key is expected nothing is ever shown, whatever it looks like."""
    text = "\n".join(CA.key_pem.splitlines()[1:-1]) if headless else "hunter2 hunter2"
    given = {"certificatePem": CA.pem, "privateKeyPem": text}

    for authority in (given, {"privateKeyPem": text}, {**given, "privateKeyPem": [text]}):
        values = stack_file("dev", {"certificates": {"authority": authority}})
        error = run(settings.StackSettings.load, config=as_config(values)).error
        assert isinstance(error, stack_config.SettingsError)
        assert not any(line in str(error) for line in text.splitlines())


def test_settings_that_were_read_do_not_show_the_key() -> None:
    given = {"certificatePem": CA.pem, "privateKeyPem": CA.key_pem}
    values = stack_file("dev", {"certificates": {"authority": given}})
    loaded: list[settings.StackSettings] = []

    run(lambda: loaded.append(settings.StackSettings.load()), config=as_config(values))

    for text in (repr(loaded[0]), str(loaded[0]), str(loaded[0].model_dump())):
        assert not shown(text, "PKCS 8")

"""A defect has more than one form, and a guardrail has to know them all."""

from __future__ import annotations

import base64
import textwrap
from typing import Any

import pytest

from common import names
from policy.guardrails.rule import Resource
from tests.policy.edits import ANY_KEY
from tests.policy.test_guardrails import DIGEST, group, resource, resource_rule

LINES = "\n".join(textwrap.wrap(base64.b64encode((ANY_KEY * 3).encode()).decode(), 76))


@pytest.mark.parametrize(
    "props",
    [
        {"tags": {"note": LINES}},
        {"tags": {"a.secret.b": ANY_KEY}},
        {"volumes": [{"name": ANY_KEY}]},
        {"command": ["sh", "-c", f"echo {LINES.split()[0]} | base64 -d > key"]},
        {"command": [f"/usr/bin/some-program-of-ours --key={LINES}"]},
        {"value": base64.urlsafe_b64encode(b"\xff\xfe" + ANY_KEY.encode()).decode().rstrip("=")},
    ],
)
def test_a_key_is_seen_in_every_form(props: dict[str, Any]) -> None:
    rule = resource_rule("no-key-in-the-open")

    (finding, *_) = rule.findings(resource(rule, props))
    assert "there is a private key in" in finding
    assert "MIGH" not in finding


def test_a_key_belongs_into_the_files_of_a_groups_secret_volume() -> None:
    rule, props = resource_rule("no-key-in-the-open"), {"volumes": [{"secret": {"key": LINES}}]}

    assert rule.findings(Resource(names.CONTAINER_GROUP, "g", props)) == []
    assert rule.findings(Resource("azure-native:any:Thing", "g", props))


@pytest.mark.parametrize(
    ("name", "props", "words"),
    [
        (
            "images-by-digest",
            {"initContainers": [{"name": "first", "image": "registry.azurecr.io/a:latest"}]},
            "container first: its image has no digest",
        ),
        (
            "images-from-own-registry",
            {"initContainers": [{"name": "first", "image": f"docker.io/a{DIGEST}"}]},
            "container first: its image is from another registry",
        ),
        *(
            (
                "volume-beside-etc-nginx",
                group(volumeMounts=[{"mountPath": path}]),
                "a volume hides what is in /etc/nginx",
            )
            for path in ("/etc", "/etc/", "/", "/etc/nginx", "/etc/../etc//nginx/")
        ),
        (
            "tls-required",
            {**group(), "ipAddress": {"ports": [{"port": 8501}]}},
            "port 8501 is public, and no container says that it is its",
        ),
        (
            "leaf-for-one-purpose",
            {"allowedUses": ["any_extended"]},
            "good for any_extended, not for one thing",
        ),
        (
            "leaf-for-one-purpose",
            {"allowedUses": ["client_auth", "timestamping"]},
            "good for client_auth, timestamping, not for one thing",
        ),
        ("ca-only-signs", {"isCaCertificate": True, "allowedUses": ["any_extended"]}, "more than"),
    ],
)
def test_a_defect_has_more_than_one_form(name: str, props: dict[str, Any], words: str) -> None:
    rule = resource_rule(name)

    assert any(words in finding for finding in rule.findings(resource(rule, props)))


@pytest.mark.parametrize("path", ["/etc/nginx-sidecar", "/etc/nginx/conf.d", "/mnt"])
def test_a_volume_beside_or_below_hides_nothing(path: str) -> None:
    rule = resource_rule("volume-beside-etc-nginx")

    assert rule.findings(resource(rule, group(volumeMounts=[{"mountPath": path}]))) == []


@pytest.mark.parametrize(
    ("name", "use", "right"),
    [
        ("server-certificate", "server_auth", True),
        ("client-alice@1-certificate", "client_auth", True),
        ("server-certificate", "client_auth", False),
        ("client-alice@1-certificate", "server_auth", False),
    ],
)
def test_a_leaf_is_for_what_it_is_called(name: str, use: str, right: bool) -> None:
    rule = resource_rule("leaf-for-one-purpose")
    leaf = Resource(names.LOCALLY_SIGNED_CERT, name, {"allowedUses": [use]})

    assert (rule.findings(leaf) == []) is right

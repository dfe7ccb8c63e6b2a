"""destroy: names of the user's own that lead to the group are removed first.

The engine and the state are real. What the names lead to is said in place of the resolver, in the
shape in which glibc answers: the end of the chain of CNAMEs, and what led there.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from localcloud.stack import LocalStack
from operations import names
from tests.clone import Clone, Said
from tests.engine.engine import recorded, up

REFUSED = 2
OWN = ("model.example.com", "www.example.com")
RESOLVER = """\
import json, os, socket

def look_up(name):
    try:
        return json.loads(os.environ["NAMES"])[name]
    except KeyError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None

socket.gethostbyname_ex = look_up
"""


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[LocalStack]:
    with recorded(tmp_path / "home", config={"serverNames": list(OWN)}) as local:
        up(local)
        yield local


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def group(local: LocalStack) -> str:
    fqdn: str = local.stack.outputs()["endpoint"].value["fqdn"]
    return fqdn


def destroy(
    clone: Clone, local: LocalStack, *options: str, names: Mapping[str, object] | None = None
) -> Said:
    (clone.folder.parent / "resolver").mkdir(exist_ok=True)
    (clone.folder.parent / "resolver/sitecustomize.py").write_text(RESOLVER)
    variables = {
        **local.stack.workspace.env_vars,
        "PYTHONPATH": str(clone.folder.parent / "resolver"),
        "NAMES": json.dumps(names or {}),
    }
    return clone.run("operations", "destroy", "--stack", "dev", *options, **variables)


def left(local: LocalStack) -> list[str]:
    return [record.type.split(":")[-1] for record in local.cloud.all()]


@pytest.mark.parametrize("by", ["name", "address"])
def test_while_a_name_leads_to_the_group_nothing_is_removed(
    clone: Clone, deployed: LocalStack, by: str
) -> None:
    fqdn = group(deployed)
    end, address = (fqdn, "20.1.2.3") if by == "name" else (OWN[0], "20.1.2.3")
    known = {fqdn: [fqdn, [], ["20.1.2.3"]], OWN[0]: [end, [OWN[0]], [address]]}
    before = left(deployed)

    said = destroy(clone, deployed, names=known)

    assert said.returncode == REFUSED, said.stdout + said.stderr
    assert f"error: {OWN[0]} still leads to {fqdn}, which somebody else may take" in said.stderr
    assert "ARGS=--leave-names" in said.stderr
    assert left(deployed) == before


def test_who_means_it_destroys_all_the_same(clone: Clone, deployed: LocalStack) -> None:
    fqdn = group(deployed)

    said = destroy(clone, deployed, "--leave-names", names={OWN[0]: [fqdn, [OWN[0]], []]})

    assert said.returncode == 0, said.stdout + said.stderr
    assert left(deployed) == ["ResourceGroup"]


def test_names_that_lead_nowhere_or_elsewhere_are_named_before_anything_is_removed(
    clone: Clone, deployed: LocalStack
) -> None:
    """Those of the last deployment, too: the clone's stack file has none."""
    fqdn = group(deployed)
    known = {fqdn: [fqdn, [], ["20.1.2.3"]], OWN[1]: ["elsewhere.example", [OWN[1]], ["20.9.9.9"]]}

    said = destroy(clone, deployed, names=known)

    assert said.returncode == 0, said.stdout + said.stderr
    sentence = f"Remove the CNAME records of {', '.join(OWN)} first: once {fqdn} is free"
    assert said.stdout.index(sentence) < said.stdout.index("delete")
    assert left(deployed) == ["ResourceGroup"]


def test_of_prod_the_refusal_names_them_too(clone: Clone) -> None:
    clone.configure("prod", serverNames=list(OWN))

    said = clone.run("operations", "destroy", "--stack", "prod")

    assert said.returncode == REFUSED
    assert "after the DNS records of model.example.com, www.example.com are gone" in said.stderr


def test_a_stack_without_a_group_has_no_names_to_remove() -> None:
    assert names.of([], OWN) is None
    stack = {"type": "pulumi:pulumi:Stack"}
    assert names.of([stack], OWN) is None


def test_a_name_that_cannot_be_looked_up_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def out_of_order(_: str) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")

    monkeypatch.setattr(socket, "gethostbyname_ex", out_of_order)

    assert names.Names("group.example", ("own.example",)).leading() == []
    assert "Where own.example leads could not be looked up: Temporary" in capsys.readouterr().out

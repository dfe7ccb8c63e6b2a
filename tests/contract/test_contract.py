"""What consumers rely on stays as it is, for as long as the version does."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from common import contract as schema
from common.contract import ContractError
from tests.contract.compatibility import breaches
from tests.unit.cas import make_ca
from tests.unit.plugins import private_key_pem
from tests.unit.program import STACKS, deploy
from tests.unit.properties import plain

RELEASED = Path(__file__).parent / "released"
VERSIONS = sorted(int(folder.name[1:]) for folder in schema.FOLDER.glob("v*"))
OUTPUTS = ("endpoint", "clientCertificates", "certificates")
CONSUMED = OUTPUTS[:2]
ROTATING = {"clients": [{"name": "alice", "generations": [1, 2]}]}


def released(version: int, name: str) -> Any:
    return json.loads((RELEASED / f"v{version}" / f"{name}.json").read_text())


def with_keys(outputs: dict[str, Any]) -> dict[str, Any]:
    """A recording, which keeps no keys, with something in their form."""

    def put_in(entry: dict[str, Any]) -> dict[str, Any]:
        key = {"privateKeyPem": private_key_pem("recording")} if "privateKeyPem" in entry else {}
        return {**entry, **key}

    loaded: dict[str, Any] = json.loads(json.dumps(outputs), object_hook=put_in)
    return loaded


def consumed(version: int, outputs: dict[str, Any], client: str) -> dict[str, Any]:
    """What the app of a version makes of outputs."""
    consumer = importlib.import_module(f"tests.contract.consumers.v{version}")
    told: dict[str, Any] = consumer.settings(*(outputs[name] for name in CONSUMED), client)
    return told


def test_every_version_that_ever_was_is_kept() -> None:
    """With its schemas, what they were when it was released, and an app that was made for it."""
    assert list(range(1, schema.VERSION + 1)) == VERSIONS
    for version in VERSIONS:
        names = {path.name for path in (RELEASED / f"v{version}").iterdir()}
        assert names == {*(f"{name}.schema.json" for name in OUTPUTS), "outputs.json"}
        assert (Path(__file__).parent / f"consumers/v{version}.py").exists()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_version_promises_what_it_promised_when_it_was_released(
    version: int, output: str
) -> None:
    """Red? Raise VERSION in common/contract/__init__.py, and leave this one's schemas alone."""
    assert breaches(released(version, f"{output}.schema"), schema.schema(output, version)) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_schema_is_one_and_explains_every_field(version: int, output: str) -> None:
    loaded = schema.schema(output, version)

    jsonschema_rs.meta.validate(loaded)
    assert list(undescribed(loaded, output)) == []


def undescribed(node: Any, path: str) -> Any:
    if "$ref" not in node and "description" not in node and not path.endswith("[]"):
        yield path
    for name, field in node.get("properties", {}).items():
        yield from undescribed(field, f"{path}.{name}")
    for name, field in node.get("$defs", {}).items():
        yield from undescribed(field, f"{path}.{name}")
    if isinstance(node.get("items"), dict):
        yield from undescribed(node["items"], f"{path}[]")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_app_of_a_version_reads_what_was_exported_then(version: int) -> None:
    recorded = released(version, "outputs")

    told = consumed(version, recorded, "alice")

    assert told["GENERATIONS"] == [2, 1]
    assert told["CERTIFICATE"].startswith(b"-----BEGIN CERTIFICATE-----")
    assert told["MODEL_URL"].endswith("/v1/models/demo")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_exported_then_is_what_was_promised(version: int) -> None:
    recorded = with_keys(released(version, "outputs"))

    for output in CONSUMED:
        frozen = released(version, f"{output}.schema")
        jsonschema_rs.validate(frozen, recorded[output], validate_formats=True)


@pytest.mark.parametrize("overrides", [{}, ROTATING], ids=["committed", "rotating"])
@pytest.mark.parametrize("stack", STACKS)
def test_what_is_exported_today_is_what_was_released(stack: str, overrides: dict[str, Any]) -> None:
    exports = plain(deploy(stack, overrides).exports)

    for output in OUTPUTS:
        frozen = released(schema.VERSION, f"{output}.schema")
        jsonschema_rs.validate(frozen, exports[output], validate_formats=True)
    for client, entry in exports["clientCertificates"].items():
        generations = consumed(schema.VERSION, exports, client)["GENERATIONS"]
        assert generations == list(range(entry["generation"], 0, -1))


def test_without_tls_the_promise_is_kept_too() -> None:
    exports = plain(deploy("dev", {"tls": "none"}).exports)

    schema.check("endpoint", exports["endpoint"])
    schema.check("clientCertificates", exports["clientCertificates"])
    assert exports["endpoint"]["caCertificatesPem"] == ""


@pytest.mark.parametrize("untidy", [" \n", "\r\n"], ids=["spaces", "CRLF"])
def test_a_ca_of_the_users_own_fits_however_its_file_is_written(untidy: str) -> None:
    ca = make_ca()
    written = f"Our root:\n{ca.pem}".replace("\n", untidy)
    authority = {"certificatePem": written, "privateKeyPem": ca.key_pem}
    exports = plain(deploy("dev", {"certificates": {"authority": authority}}).exports)

    assert untidy in exports["endpoint"]["caCertificatesPem"]
    schema.check("endpoint", exports["endpoint"])


WRONG: dict[str, tuple[str, Any, str]] = {
    "no name": ("serverName", None, 'endpoint: "serverName" is a required property'),
    "a number for a name": ("serverName", 7, "endpoint.serverName: its value is not of type"),
    "an image by tag": ("modelImage", "demo:latest", "endpoint.modelImage: its value does not"),
    "no CA": ("caCertificatesPem", "", "endpoint.caCertificatesPem: its value is shorter than"),
    "plain HTTP": ("url", "http://localhost", "endpoint.url: its value does not match"),
    "another version": ("version", 2, "endpoint.version: 1 was expected"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_output_that_breaks_its_promise_is_not_exported(case: str) -> None:
    field, value, said = WRONG[case]
    endpoint = {**released(1, "outputs")["endpoint"], field: value}
    given = {k: v for k, v in endpoint.items() if v is not None}

    with pytest.raises(ContractError) as refused:
        schema.check("endpoint", given)

    assert said in str(refused.value)
    assert "raise VERSION in common/contract/__init__.py" in str(refused.value)


def test_what_is_secret_is_in_no_refusal() -> None:
    certificates = with_keys(released(1, "outputs"))["clientCertificates"]
    certificates["alice"].update(privateKeyPem="hush", serialNumber="hush", generation="hush")

    with pytest.raises(ContractError) as refused:
        schema.check("clientCertificates", certificates)

    assert "clientCertificates.alice.privateKeyPem: its value does not match" in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("endpoint", ["caCertificatesPem"]),
        ("clientCertificates", ["alice", "certificatePem"]),
    ],
    ids=["which is public", "of a client"],
)
@pytest.mark.parametrize("after_the_certificate", [True, False])
def test_a_key_among_certificates_is_refused_and_not_shown(
    output: str, path: list[str], after_the_certificate: bool
) -> None:
    value = with_keys(released(1, "outputs"))[output]
    *above, last = path
    holder = value
    for step in above:
        holder = holder[step]
    key = private_key_pem("alice")
    holder[last] = holder[last] + key if after_the_certificate else key

    with pytest.raises(ContractError) as refused:
        schema.check(output, value)

    assert f"{'.'.join([output, *path])}: its value does not match" in str(refused.value)
    assert key.splitlines()[1] not in str(refused.value)


def test_a_certificate_in_the_place_of_a_key_is_refused() -> None:
    certificates = with_keys(released(1, "outputs"))["clientCertificates"]
    certificates["bob"]["privateKeyPem"] = certificates["bob"]["certificatePem"]

    with pytest.raises(ContractError, match=r"clientCertificates\.bob\.privateKeyPem: its value"):
        schema.check("clientCertificates", certificates)

"""Writes what one client needs into a folder: its certificate, its key, whom to trust, where.

Takes the stack outputs `endpoint` and `clientCertificates`, from wherever they were read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from clients import contract, pkcs12
from clients.contract import Endpoint, Issued
from clients.folder import File, holds, is_missing_or_empty, located, replace, require_same_bundle
from clients.identity import Identity
from common.refusal import Refusal

SNIPPETS = Path(__file__).resolve().parent / "snippets"
FOR_PEM = ("curl.sh", "with_requests.py", "with_httpx.py", "main.go")
FOR_PKCS12 = ("keystore.sh", "Main.java")
TRUSTSTORE = "truststore.p12"
"""What snippets/keystore.sh makes in the folder."""
PARTS = frozenset(
    ["client.crt", "client.key", "ca.crt", "client.p12", "endpoint.json", TRUSTSTORE]
    + [f"snippets/{name}" for name in FOR_PEM + FOR_PKCS12]
)


@dataclass(frozen=True)
class Bundle:
    """One client's bundle, checked and not yet written."""

    identity: Identity
    issued: Issued
    endpoint: Endpoint
    public: Mapping[str, Any]
    """The output `endpoint` as it came, also with what this code does not know."""

    @classmethod
    def checked(cls, client: str, public: Mapping[str, Any], issued: Issued) -> Bundle:
        """Raises Refusal if there is nothing to make a bundle of, or its parts do not fit."""
        endpoint = contract.endpoint({"endpoint": public})
        cls.require_mtls(endpoint)
        return cls(Identity.checked(client, issued, endpoint), issued, endpoint, public)

    @staticmethod
    def require_mtls(endpoint: Endpoint) -> None:
        """Raises Refusal if the endpoint asks nobody for a certificate."""
        if endpoint.auth != "mtls":
            raise Refusal(
                "this endpoint takes plain HTTP from anybody (auth: none), so there are no bundles "
                f"for it; call {endpoint.predict_url} as it is"
            )

    @property
    def description(self) -> dict[str, Any]:
        """What endpoint.json says: the endpoint, and whose bundle this is."""
        public = {k: v for k, v in self.public.items() if k != "caCertificatesPem"}
        generation = self.issued.generation
        return {
            **public,
            "client": self.identity.client,
            "serialNumber": self.issued.serial_number,
            "notAfter": self.issued.not_after,
            **({} if generation is None else {"generation": generation}),
        }

    def files(self, password: str | None) -> dict[str, File]:
        """All files by path; `client.p12` and what uses it only where there is a password."""
        files = {
            "client.crt": File(self.issued.certificate_pem.encode()),
            "client.key": File(self.issued.private_key_pem.encode(), 0o600),
            "ca.crt": File(self.endpoint.ca_certificates_pem.encode()),
            "endpoint.json": File((json.dumps(self.description, indent=2) + "\n").encode()),
        }
        snippets = list(FOR_PEM)
        if password is not None:
            files["client.p12"] = File(pkcs12.keystore(self.identity, password), 0o600)
            snippets += FOR_PKCS12
        for name in snippets:
            text = render(name, predict_url=self.endpoint.predict_url)
            files[f"snippets/{name}"] = File(
                text.encode(), 0o755 if name.endswith(".sh") else 0o644
            )
        return files

    def require_own(self, folder: Path) -> None:
        """Raises Refusal if the folder holds anything but an older bundle of this client."""
        require_same_bundle(folder, self.description, PARTS)

    def kept(self, folder: Path) -> list[str]:
        """What outlives a renewal: a truststore of the same CA certificates."""
        ca, truststore = folder / "ca.crt", folder / TRUSTSTORE
        if (
            truststore.is_file()
            and ca.read_text(encoding="utf-8") == self.endpoint.ca_certificates_pem
        ):
            return [TRUSTSTORE]
        return []


def write_bundle(
    folder: Path, client: str, endpoint: Mapping[str, Any], certificate: Mapping[str, Any]
) -> None:
    """Write a bundle without `client.p12`, for a folder that is only used for bundles.

    What is not part of a bundle stays there, and a bundle that is as it should be is left alone.

    Args:
        folder: made if it is not there (mode 0700).
        client: the client's name.
        endpoint: the stack output `endpoint`.
        certificate: the client's entry in the stack output `clientCertificates`.

    Raises:
        Refusal: if the parts do not fit together or the folder cannot be written.
    """
    issued = contract.checked(Issued, certificate, f"clientCertificates.{client}")
    bundle = Bundle.checked(client, endpoint, issued)
    folder = located(folder)
    files = bundle.files(None)
    if is_missing_or_empty(folder):
        replace(folder, files)
    elif not holds(folder, files):
        parts = {part.split("/")[0] for part in PARTS}
        others = [path.name for path in folder.iterdir() if path.name not in parts]
        replace(folder, files, [*others, *bundle.kept(folder)])


def render(name: str, **variables: str) -> str:
    """A sample of `clients/snippets/`, filled in."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  not HTML; the contract's patterns say what a URL may hold
    )
    return environment.from_string((SNIPPETS / f"{name}.j2").read_text(encoding="utf-8")).render(
        variables
    )

"""The stack outputs as a consumer knows them, checked before anything is done with them.

What the program exports is decided in `program/outputs.py`; this is the reading side, which needs
neither Pulumi nor the program. Values may be secret, so no sentence repeats one that is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from common.certificate_record import Record
from common.contract import VERSION
from common.refusal import Refusal, shown

HIDDEN = "[secret]"


class _Output(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class Endpoint(_Output):
    """The output `endpoint`.

    The patterns keep out what has a meaning in a shell or in a string of some language: samples
    for five of them are made from these values.
    """

    url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
    predict_url: Annotated[
        str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~:-]+)+$")
    ]
    fqdn: str
    ca_certificates_pem: str
    auth: Literal["mtls", "none"]


class Issued(_Output):
    """One generation of a client's certificate, with its key."""

    certificate_pem: str
    private_key_pem: str = Field(repr=False)
    serial_number: str
    not_after: str
    generation: int | None = None


class ClientCertificate(Issued):
    """An entry of the output `clientCertificates`: the newest generation, and those before it."""

    earlier_generations: tuple[Issued, ...] = ()

    def of_generation(self, wanted: int | None, client: str) -> Issued:
        """The newest generation, or another one that the endpoint still accepts.

        Raises:
            Refusal: if there is no such generation.
        """
        if wanted is None:
            return self
        issued: tuple[Issued, ...] = (self, *self.earlier_generations)
        for one in issued:
            if one.generation == wanted:
                return one
        known = ", ".join(str(one.generation) for one in issued if one.generation is not None)
        if not known:
            raise Refusal(
                f"the outputs name no generations for {client}; leave --generation out to get the "
                "only certificate there is"
            )
        raise Refusal(
            f"{client} has no generation {wanted} that the endpoint accepts, only {known}; leave "
            "--generation out to get the newest"
        )


def endpoint(outputs: Mapping[str, Any]) -> Endpoint:
    """Raises Refusal if there is none, or one that this code does not understand."""
    value = _present(outputs, "endpoint")
    _require_known_version(value)
    return checked(Endpoint, value, "endpoint")


def client_certificate(outputs: Mapping[str, Any], client: str) -> ClientCertificate:
    """Raises Refusal if nobody of that name may call, or the entry is not complete."""
    known = _present(outputs, "clientCertificates")
    if not isinstance(known, Mapping):
        raise Refusal("the output clientCertificates is not an object of client names")
    if client not in known:
        close = difflib.get_close_matches(client, known, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise Refusal(
            f"there is no client {shown(client)}; {meant}The clients of this endpoint are "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    return checked(ClientCertificate, known[client], f"clientCertificates.{client}")


def certificates(outputs: Mapping[str, Any]) -> list[Record]:
    """Raises Refusal if the list is not there, or not what this code understands."""
    if "endpoint" in outputs:
        _require_known_version(outputs["endpoint"])
    listed = _present(outputs, "certificates")
    if not isinstance(listed, list):
        raise Refusal("the output certificates is not a list")
    return [
        checked(Record, entry, f"certificates[{number}]") for number, entry in enumerate(listed)
    ]


_Model = TypeVar("_Model", bound=BaseModel)


def checked(model: type[_Model], value: object, name: str) -> _Model:
    """The value as a model of its output.

    Raises:
        Refusal: naming what is wrong by its key; values are not repeated, they may be secret.
    """
    if value == HIDDEN:
        raise _hidden(name)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Refusal(
            "these outputs cannot be used: " + "; ".join(_complaints(name, error))
        ) from None


def _complaints(name: str, error: ValidationError) -> Iterable[str]:
    for detail in error.errors(include_input=False, include_url=False):
        key = ".".join([name, *map(str, detail["loc"])])
        words = detail["msg"]
        yield f"{key}: {words[:1].lower()}{words[1:]}"


def _present(outputs: Mapping[str, Any], name: str) -> Any:
    if name not in outputs:
        raise Refusal(
            f"there is no output {name}; deploy the stack of this project with `pulumi up` and "
            "read its outputs again"
        )
    if outputs[name] == HIDDEN:
        raise _hidden(name)
    return outputs[name]


def _hidden(name: str) -> Refusal:
    return Refusal(
        f"the output {name} is hidden; make the file with "
        "`pulumi stack output --json --show-secrets`"
    )


def _require_known_version(value: Any) -> None:
    version = value.get("version") if isinstance(value, Mapping) else None
    if version != VERSION:
        raise Refusal(
            f"the output endpoint has version {shown(str(version))} and this command knows "
            f"version {VERSION}; use the clients/ folder of the project that the stack "
            "was deployed with"
        )

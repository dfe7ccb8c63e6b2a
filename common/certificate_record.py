"""One certificate as a stack tells of it: an entry of the stack output `certificates`.

Everything in it is public. Times stay the text that the issuer wrote, RFC 3339 in any zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

Role = Literal["ca", "server", "client"]


def _with_a_zone(text: str) -> str:
    moment(text)
    return text


Time = Annotated[
    str, AfterValidator(_with_a_zone), Field(json_schema_extra={"format": "date-time"})
]


class Record(BaseModel):
    """What anybody may know of a certificate."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    role: Annotated[Role, Field(description="What it is for.")]
    name: Annotated[str, Field(description="The CA's common name, the model's, the client's.")]
    generation: Annotated[
        int | None, Field(description="Counts keys; not there for a CA of the user's own.")
    ] = None
    status: Annotated[
        Literal["issuing", "trusted", "current", "accepted", "renewed", "revoked"],
        Field(
            description="Of a CA: whether it signs, or is only trusted. Of others: the one to use, "
            "an earlier generation, an earlier certificate of a key, or refused."
        ),
    ]
    issuer: Annotated[
        str, Field(description="Label of the CA that signed it, of a CA its own: `ca@1`.")
    ]
    serial_number: Annotated[
        str, Field(description="Hexadecimal, in capitals, an even number of digits.")
    ]
    fingerprint_sha1: Annotated[
        str, Field(description="Of the certificate, hexadecimal: nginx knows no other.")
    ]
    public_key_sha256: Annotated[
        str, Field(description="Of the public key: the same as long as the key is.")
    ]
    not_before: Annotated[Time, Field(description="When it begins, RFC 3339.")]
    not_after: Annotated[Time, Field(description="When it ends, RFC 3339.")]
    renews_from: Annotated[
        Time | None,
        Field(description="When the next `up` replaces it; not there where it never does."),
    ] = None
    days_left: Annotated[int, Field(description="Whole days from the deployment to the end.")]

    @property
    def ends(self) -> datetime:
        """Tells when the certificate ends."""
        return moment(self.not_after)

    def as_of(self, now: datetime) -> Record:
        """Counts the days left from a moment."""
        return self.model_copy(update={"days_left": days_until(self.not_after, now)})


LIST = TypeAdapter(list[Record])


def moment(text: str) -> datetime:
    """Reads a time.

    Raises:
        ValueError: if it is none, or has no zone.
    """
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError("a time like 2027-02-19T08:00:00Z was expected, with its zone")
    return read.astimezone(UTC)


def days_until(end: str, now: datetime) -> int:
    """Counts whole days; negative after the end."""
    return (moment(end) - now) // timedelta(days=1)


def exported(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Makes plain values of records, as a stack exports them."""
    return [record.model_dump() for record in records]


def json_schema() -> dict[str, Any]:
    """Describes the stack output `certificates`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **LIST.json_schema(mode="serialization"),
        "title": "certificates",
        "description": "All certificates of a stack, and those that clients still hold from "
        "earlier. Nothing in it is secret.",
    }

"""The table of a stack's certificates: how long each lasts from now, and what is due soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from common.certificate_record import Record, moment

_HEADINGS = (
    "role",
    "name",
    "generation",
    "status",
    "serial number",
    "valid from",
    "valid until",
    "days left",
    "renewed from",
    "",
)
_NOT_IN_THE_TABLE = {"issuer", "fingerprint_sha1", "public_key_sha256"}


@dataclass(frozen=True)
class Thresholds:
    """Days before its end at which a certificate is pointed at, and at which it is a failure."""

    warn_days: int
    fail_days: int


@dataclass(frozen=True)
class Row:
    """A certificate as of one moment."""

    certificate: Record
    now: datetime
    thresholds: Thresholds

    @property
    def days_left(self) -> int:
        """Whole days; negative after the end."""
        return self.certificate.as_of(self.now).days_left

    @property
    def matters(self) -> bool:
        """Whether anybody still relies on it."""
        return self.certificate.status not in ("renewed", "revoked")

    @property
    def fails(self) -> bool:
        return self._within(self.thresholds.fail_days)

    @property
    def warns(self) -> bool:
        return self._within(self.thresholds.warn_days) and not self.fails

    @property
    def words(self) -> str:
        """What to know about it, if there is anything."""
        if not (self.fails or self.warns):
            return ""
        if self.certificate.ends <= self.now:
            return "EXPIRED"
        days = "1 day" if self.days_left == 1 else f"{self.days_left} days"
        return f"{'FAIL' if self.fails else 'WARNING'}: ends in {days}"

    def cells(self) -> tuple[str, ...]:
        one = self.certificate
        return (
            one.role,
            one.name,
            "-" if one.generation is None else str(one.generation),
            one.status,
            one.serial_number,
            _minute(moment(one.not_before)),
            _minute(one.ends),
            str(self.days_left),
            self._renewal(),
            self.words,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            **self.certificate.model_dump(exclude=_NOT_IN_THE_TABLE),
            "daysLeft": self.days_left,
            "finding": "fail" if self.fails else "warning" if self.warns else "none",
        }

    def _within(self, days: int) -> bool:
        return self.matters and self.certificate.ends - self.now <= timedelta(days=days)

    def _renewal(self) -> str:
        if self.certificate.renews_from is None:
            return "-"
        start = moment(self.certificate.renews_from)
        return "the next up" if start <= self.now else _minute(start)


def rows(
    listed: Sequence[Record], thresholds: Thresholds, now: datetime | None = None
) -> list[Row]:
    """As they are listed, all seen at the same moment."""
    moment = now or datetime.now(UTC)
    return [Row(certificate, moment, thresholds) for certificate in listed]


def table(lines: Sequence[Row]) -> str:
    """Plain columns as wide as they need to be: serial numbers are there to be compared."""
    cells = [_HEADINGS, *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"

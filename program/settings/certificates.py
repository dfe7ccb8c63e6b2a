"""How certificates are made, renewed and replaced, and which CAs count."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import model_validator

from common.certificate_record import Role
from program.settings.authority import Anchor, Authority, CaPem, UnfitError
from program.settings.refusals import Rule, Section, refusal
from program.settings.values import Days, Generation, Whole, Window, repeated

KeyAlgorithm = Literal["ECDSA-P256", "ECDSA-P384", "RSA-2048", "RSA-3072", "RSA-4096"]
ROLES: tuple[Role, ...] = get_args(Role)
GENERATIONS = "a list of different whole numbers from 1"
GateDays = Annotated[int, Whole(0, 3650, unit="days", example=30)]


class ValidityDays(Section):
    """For how many days a certificate is valid, by its role."""

    ca: Days = 3650
    """Of the stack's own CA."""
    server: Days = 365
    """Of the server's certificate."""
    client: Days = 365
    """Of clients' certificates; a leaf's validity must fit into the CA's."""


class RenewBeforeDays(Section):
    """How many days before its end the next `up` replaces a certificate, by its role.

    A third of the validity unless given, which is when others who automate renewal do it.
    """

    ca: Window | None = None
    """From how many days before its end `up` renews the CA's certificate; a third of the validity
    unless given."""
    server: Window | None = None
    """Of the server's certificate."""
    client: Window | None = None
    """Of clients' certificates."""


class OwnAuthorities(Section):
    """The stack's own CAs, counted like everybody's keys."""

    trusted: Annotated[tuple[Generation, ...] | None, Rule(GENERATIONS, [1])] = None
    """All that clients and the endpoint trust; the first generation unless given."""
    issuing: Generation | None = None
    """The one that signs; can be left out where only one is trusted."""


class ExpiryGate(Section):
    """When a certificate that nobody renews is worth a warning, and when an error."""

    warn_days: GateDays = 30
    """From when a preview warns of a certificate that nobody renews."""
    fail_days: GateDays = 7
    """From when a preview fails for one."""


class Certificates(Section):
    """How certificates are made, renewed and replaced."""

    key_algorithm: KeyAlgorithm = "ECDSA-P256"
    """Of new keys: a CA and a client keep the key they have until their next generation."""
    validity_days: ValidityDays = ValidityDays()
    renew_before_days: RenewBeforeDays = RenewBeforeDays()
    server_generation: Generation = 1
    """Another number is another key for the server."""
    ca: OwnAuthorities = OwnAuthorities()
    authority: Authority | None = None
    """A CA of the user's that signs instead of one of the stack's own."""
    also_trust: Annotated[
        tuple[CaPem, ...], Rule("a list of CA certificates as PEM texts", ["ca.crt"])
    ] = ()
    """CAs that sign nothing here: the next one of the user's, or the last."""
    expiry: ExpiryGate = ExpiryGate()
    clock_skew_minutes: Annotated[int, Whole(0, 60, unit="minutes", example=5)] = 5
    """How far behind clocks may be, a client's when the server's certificate is replaced and the
    endpoint's when a client gets a new one: `up` waits so long."""

    @property
    def trusted_generations(self) -> tuple[int, ...]:
        """Of the stack's own CAs."""
        if self.ca.trusted is None:
            return () if self.authority else (1,)
        return self.ca.trusted

    @property
    def _issuing(self) -> int:
        return self.ca.issuing or self.trusted_generations[0]

    @property
    def issuing(self) -> str:
        """Label of the CA that signs."""
        return self.authority.anchor.label if self.authority else self.label(self._issuing)

    @property
    def trusted(self) -> list[str]:
        """Labels of all CAs that are trusted."""
        own = [self.label(generation) for generation in self.trusted_generations]
        return [*own, *(anchor.label for anchor in self.anchors)]

    @staticmethod
    def label(generation: int) -> str:
        """Names one of the stack's own CAs, in resources and records alike."""
        return f"ca@{generation}"

    @property
    def anchors(self) -> list[Anchor]:
        """The user's CAs, the one that signs first."""
        pems = [self.authority.certificate_pem] if self.authority else []
        return [Anchor(pem) for pem in (*pems, *self.also_trust)]

    @property
    def longest_chain(self) -> int:
        """How many CAs stand between a client's certificate and a root that is trusted."""
        return max((len(anchor.chain_pem) - 1 for anchor in self.anchors), default=0)

    def renew_before(self, role: Role) -> int:
        """Days before its end from which the next `up` replaces a certificate of this role."""
        given: int | None = getattr(self.renew_before_days, role)
        return given or max(1, self.validity(role) // 3)

    def validity(self, role: Role) -> int:
        """Days for which a certificate of this role is valid."""
        days: int = getattr(self.validity_days, role)
        return days

    @model_validator(mode="after")
    def _windows_are_shorter_than_validity(self) -> Self:
        for role in ROLES:
            days, validity = self.renew_before(role), self.validity(role)
            if days >= validity:
                key = f"certificates.renewBeforeDays.{role}"
                raise refusal(
                    key,
                    days,
                    f"less than certificates.validityDays.{role} = {validity}: a window as long as "
                    "the validity replaces the certificate at every up, for ever",
                    f"pulumi config set --path {key} {max(1, validity // 3)}",
                )
        return self

    @model_validator(mode="after")
    def _leaves_end_before_their_ca(self) -> Self:
        for role in ("server", "client"):
            key = f"certificates.validityDays.{role}"
            days = self.validity_days.server if role == "server" else self.validity_days.client
            if self.authority:
                self.authority.require_outliving(days, key)
            elif days > (window := self.renew_before("ca")):
                raise refusal(
                    key,
                    days,
                    f"at most certificates.renewBeforeDays.ca = {window}: issued just before the "
                    "CA is renewed, it would outlive it, and is worth nothing after its CA's end",
                    self._room_for(days, key, window),
                )
        return self

    def _room_for(self, days: int, key: str, window: int) -> str:
        """What to type where leaves would outlive their CA."""
        if window > 1:
            return f"pulumi config set --path {key} {window}"
        if self.renew_before_days.ca is not None:
            return "pulumi config rm --path certificates.renewBeforeDays.ca"
        return f"pulumi config set --path certificates.validityDays.ca {min(days * 4, 36500)}"

    @model_validator(mode="after")
    def _gate_opens_before_it_closes(self) -> Self:
        gate = self.expiry
        if gate.fail_days > gate.warn_days:
            raise refusal(
                "certificates.expiry.failDays",
                gate.fail_days,
                f"at most certificates.expiry.warnDays = {gate.warn_days}",
                f"pulumi config set --path certificates.expiry.failDays {gate.warn_days}",
            )
        return self

    @model_validator(mode="after")
    def _windows_open_before_the_gate_closes(self) -> Self:
        """Else a preview would fail of what no `up` may renew yet."""
        fail = self.expiry.fail_days
        for role in ("server", "client") if self.authority else ROLES:
            if (window := self.renew_before(role)) <= fail:
                key = f"certificates.renewBeforeDays.{role}"
                room = self.validity(role) - 1
                raise refusal(
                    key,
                    window,
                    f"more than certificates.expiry.failDays = {fail}: an up has to renew before "
                    "previews fail",
                    f"pulumi config set --path {key} {fail + 1}"
                    if fail < room
                    else f"pulumi config set --path certificates.expiry.failDays {window - 1}",
                )
        return self

    @model_validator(mode="after")
    def _one_ca_issues(self) -> Self:
        trusted, issuing = self.trusted_generations, self.ca.issuing
        several = " or ".join(str(generation) for generation in trusted)
        if (again := repeated(trusted)) is not None:
            raise refusal(
                "certificates.ca.trusted",
                list(trusted),
                GENERATIONS,
                f"pulumi config rm --path 'certificates.ca.trusted[{again}]'",
            )
        if self.authority:
            if issuing is not None:
                raise refusal(
                    "certificates.ca.issuing",
                    issuing,
                    "nothing when certificates.authority signs",
                    "pulumi config rm --path certificates.ca.issuing",
                )
        elif not trusted:
            raise refusal(
                "certificates.ca.trusted",
                [],
                "at least one generation when there is no certificates.authority",
                "pulumi config set --path 'certificates.ca.trusted[0]' 1",
            )
        elif issuing is None and len(trusted) > 1:
            raise refusal(
                "certificates.ca.issuing",
                None,
                f"{several}: with several trusted CAs it has to be said which one signs",
                f"pulumi config set --path certificates.ca.issuing {min(trusted)}",
            )
        elif issuing is not None and issuing not in trusted:
            raise refusal(
                "certificates.ca.issuing",
                issuing,
                f"{several}: what an untrusted CA signs is refused (certificates.ca.trusted)",
                f"pulumi config set --path certificates.ca.issuing {trusted[0]}",
            )
        return self

    @model_validator(mode="after")
    def _anchors_are_fit(self) -> Self:
        for index, pem in enumerate(self.also_trust):
            key = f"certificates.alsoTrust[{index}]"
            try:
                Anchor(pem).check(datetime.now(UTC))
            except UnfitError as unfit:
                typed = f"pulumi config set --path '{key}' -- \"$(cat ca.crt)\""
                raise refusal(key, "a certificate", str(unfit), typed) from None
        labels = [anchor.label for anchor in self.anchors]
        for index, label in enumerate(labels):
            if label in labels[:index]:
                position = index - (1 if self.authority else 0)
                key = f"certificates.alsoTrust[{position}]"
                raise refusal(
                    key,
                    "a certificate",
                    "each CA once; one with this name and key is there already",
                    f"pulumi config rm --path '{key}'",
                )
        return self

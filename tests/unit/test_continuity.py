"""What the last deployment means for this one: who stays let in, who stays out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest

from common.certificate_record import Record
from components.nginx_sidecar import listed_as
from program import continuity
from tests.unit.records import NOW, ca, client, end, server, through_pulumi


def carry_over(previous: list[Record], current: list[Record], now: datetime = NOW) -> list[Record]:
    """As a deployment does it: the last one's records went through the state."""
    issuers = list(dict.fromkeys(r.issuer for r in current if r.role == "client"))
    if not any(r.role == "ca" for r in current):
        current = [*(ca(label) for label in issuers or ["ca@1"]), server(), *current]
    return continuity.carry_over(through_pulumi(previous), current, now)


def standing(records: Sequence[Record]) -> tuple[dict[str, str], dict[str, str]]:
    """Serial number to name, of who is let in and who is not any more."""
    serials = {listed_as(r.serial_number, r.fingerprint_sha1): r.serial_number for r in records}
    accepted, revoked = continuity.accepted(records), continuity.revoked(records)
    return {serials[k]: v for k, v in accepted.items()}, {serials[k]: v for k, v in revoked.items()}


def test_a_certificate_is_listed_with_its_fingerprint() -> None:
    """Somebody else can issue one with its serial number."""
    records = [client("A1"), client("B1", "bob", status="revoked")]

    assert continuity.accepted(records) == {"A1/fingerprint of A1": "alice"}
    assert continuity.revoked(records) == {"B1/fingerprint of B1": "bob"}


def test_at_a_first_deployment_there_are_its_own_certificates_and_no_others() -> None:
    current = [ca(), server(), client("A1"), client("B1", "bob")]

    records = continuity.carry_over([], current, NOW)

    assert records == current
    assert standing(records) == ({"A1": "alice", "B1": "bob"}, {})


def test_neither_a_ca_nor_the_server_is_ever_let_in() -> None:
    accepted, _ = standing([ca(), server("5E"), client("A1")])

    assert accepted == {"A1": "alice"}
    assert continuity.revoked([ca(status="revoked"), server("5E")]) == {}


def test_a_renewed_certificate_stays_accepted_beside_the_new_one_while_the_key_is_the_same() -> (
    None
):
    first = carry_over([], [client("A1", days=100)])
    renewed = carry_over(first, [client("A2", days=365)])

    assert standing(renewed) == ({"A2": "alice", "A1": "alice"}, {})
    (old,) = (r for r in renewed if r.serial_number == "A1")
    assert (old.status, old.days_left) == ("renewed", 100)


def test_a_certificate_that_was_renewed_twice_is_accepted_until_it_ends() -> None:
    first = carry_over([], [client("A1", days=100)])
    second = carry_over(first, [client("A2", days=200)])
    third = carry_over(second, [client("A3", days=365)])

    assert standing(third) == (dict.fromkeys(["A3", "A2", "A1"], "alice"), {})


def test_a_client_that_is_taken_out_is_revoked_with_all_that_it_holds() -> None:
    first = carry_over([], [client("A1", days=100), client("B1", "bob")])
    renewed = carry_over(first, [client("A2"), client("B1", "bob")])
    without = carry_over(renewed, [client("B1", "bob")])

    assert standing(without) == ({"B1": "bob"}, {"A1": "alice", "A2": "alice"})


def test_a_generation_that_is_taken_out_is_revoked_and_the_others_are_not() -> None:
    both = [client("A1", generation=1, status="accepted"), client("A2", generation=2)]

    left = carry_over(carry_over([], both), [client("A2", generation=2)])

    assert standing(left) == ({"A2": "alice"}, {"A1": "alice"})


def test_a_name_that_comes_back_with_another_key_lets_nobody_in_with_the_old_one() -> None:
    first = carry_over([], [client("A1"), client("B1", "bob")])
    without = carry_over(first, [client("B1", "bob")])
    back = carry_over(without, [client("A9", key="another"), client("B1", "bob")])

    assert standing(back) == ({"A9": "alice", "B1": "bob"}, {"A1": "alice"})


def test_it_is_out_too_when_the_deployment_that_took_it_out_failed_half_way() -> None:
    """Its outputs were not written: the records still call the old certificate current."""
    before_the_failure = carry_over([], [client("A1")])

    back = carry_over(before_the_failure, [client("A9", key="another")])

    assert standing(back) == ({"A9": "alice"}, {"A1": "alice"})


def test_what_is_revoked_is_not_let_in_by_a_key_that_fits() -> None:
    """Nobody knows how that would come about; then it is better to keep somebody out."""
    previous = [ca(), client("A1", status="revoked")]

    records = carry_over(previous, [client("A2")])

    assert standing(records) == ({"A2": "alice"}, {"A1": "alice"})


@pytest.mark.parametrize(
    ("name", "generation"), [("bob", 1), ("alice", 2)], ids=["another client", "another generation"]
)
def test_a_key_is_good_for_its_own_client_and_generation_only(name: str, generation: int) -> None:
    previous = carry_over([], [client("A1", key="the same")])

    records = carry_over(previous, [client("X1", name, generation=generation, key="the same")])

    assert standing(records) == ({"X1": name}, {"A1": "alice"})


def test_what_another_ca_issued_again_is_accepted_while_the_first_one_is_trusted() -> None:
    first = carry_over([], [client("A1", issuer="ca@1")])
    now = [ca("ca@1", "trusted"), ca("ca@2"), server(issuer="ca@2")]
    both_trusted = carry_over(first, [*now, client("A2", issuer="ca@2")])

    assert standing(both_trusted) == ({"A2": "alice", "A1": "alice"}, {})


def test_with_its_ca_goes_what_it_signed_accepted_and_revoked_alike() -> None:
    """The chain is refused already; anyone who is not on the list is not let in either."""
    previous = [
        ca("ca@1", "trusted"),
        ca("ca@2"),
        client("A1", issuer="ca@1", status="accepted"),
        client("B1", "bob", issuer="ca@1", status="revoked"),
        client("A2", issuer="ca@2"),
    ]

    records = carry_over(previous, [ca("ca@2"), server(issuer="ca@2"), previous[-1]])

    assert standing(records) == ({"A2": "alice"}, {})


def test_numbers_from_the_state_are_the_numbers_that_were_put_there() -> None:
    put_there = [ca(), client("A1", generation=2)]

    assert through_pulumi(put_there) == put_there


def test_what_has_ended_leaves_the_list_when_the_list_changes_anyway() -> None:
    previous = carry_over([], [client("A1", days=10), client("B1", "bob", days=10)])
    previous = carry_over(previous, [client("A2")])
    later = NOW + timedelta(days=11)

    assert standing(carry_over(previous, [client("A2")], later)) == (
        {"A2": "alice", "A1": "alice"},
        {"B1": "bob"},
    )
    changed = carry_over(previous, [client("A2"), client("C1", "carol")], later)
    assert standing(changed) == ({"A2": "alice", "C1": "carol"}, {})


def test_an_end_is_a_moment_and_not_a_day() -> None:
    previous = carry_over([], [client("A1", days=10)])
    just_before, just_after = (
        standing(carry_over(previous, [client("A2")], NOW + timedelta(days=10, seconds=seconds)))
        for seconds in (-1, 1)
    )

    assert just_before == ({"A2": "alice", "A1": "alice"}, {})
    assert just_after == ({"A2": "alice"}, {})


HISTORIES = range(60)


@pytest.mark.parametrize("seed", HISTORIES)
def test_a_deployment_that_changes_nothing_changes_nothing_however_much_later(seed: int) -> None:
    """Whatever the stack has been through: else every `up` would restart the containers."""
    history = History(seed)
    records: list[Record] = []
    for now, current in history.deployments():
        records = carry_over(records, current, now)
        order = list(continuity.accepted(records).items()), list(continuity.revoked(records))

        again = records
        for days in (0, 1, 40, 500):
            again = carry_over(again, current, now + timedelta(days=days))
            assert (
                list(continuity.accepted(again).items()),
                list(continuity.revoked(again)),
            ) == order, "the list changed, though nothing else did"


@pytest.mark.parametrize("seed", HISTORIES)
def test_whoever_was_taken_out_is_never_let_in_again(seed: int) -> None:
    history = History(seed)
    records: list[Record] = []
    for now, current in history.deployments():
        deployed = carry_over(records, current, now)
        # Now and then a deployment fails after all certificates are made: no outputs.
        if history.chance.random() < 0.8:
            records = deployed
        accepted, revoked = standing(deployed)

        assert accepted.keys().isdisjoint(revoked)
        assert accepted.keys() <= history.serials_of_living_keys()
        assert {r.serial_number for r in current if r.role == "client"} <= accepted.keys()


class History:
    """Clients come and go, and their certificates are renewed; a new key for each who comes."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  the same histories every time
        self.counter = 0
        self.keys: dict[tuple[str, int], str] = {}
        self.serials: dict[str, set[str]] = {}
        self.certificates: dict[tuple[str, int], Record] = {}

    def deployments(self) -> Iterator[tuple[datetime, list[Record]]]:
        """Twelve in a row: when, and the certificates of each."""
        now = NOW
        for _ in range(12):
            now += timedelta(days=self.chance.randrange(120))
            yield now, self.step(now)

    def step(self, now: datetime) -> list[Record]:
        for who in ((name, g) for name in ("alice", "bob", "carol") for g in (1, 2)):
            if who in self.keys and self.chance.random() < 0.2:
                del self.keys[who], self.certificates[who]
            elif who not in self.keys and self.chance.random() < 0.4:
                self.keys[who] = self.next("key")
                self.issue(who, now)
            elif who in self.keys and self.chance.random() < 0.4:
                self.issue(who, now)
        return [ca(), server(), *(self.certificates[who] for who in sorted(self.keys))]

    def issue(self, who: tuple[str, int], now: datetime) -> None:
        name, generation = who
        serial, key = self.next("S"), self.keys[who]
        self.serials.setdefault(key, set()).add(serial)
        days = (now - NOW) / timedelta(days=1) + self.chance.randrange(1, 400)
        self.certificates[who] = client(serial, name, generation=generation, key=key, days=days)

    def next(self, kind: str) -> str:
        self.counter += 1
        return f"{kind}{self.counter}"

    def serials_of_living_keys(self) -> set[str]:
        return set().union(*(self.serials[key] for key in self.keys.values()))


def test_times_may_come_with_another_zone() -> None:
    """As Go writes them on a machine that is not on UTC."""
    shifted = client("A1").model_copy(
        update={"not_after": end(3).replace("T12:00:00Z", "T13:00:00+01:00")}
    )

    (_, _, _, carried) = carry_over([ca(), shifted], [client("A2")])

    assert carried.days_left == 3

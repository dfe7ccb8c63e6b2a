"""From one CA to the next: the steps that clients can follow pass, every jump is refused."""

from __future__ import annotations

import pytest

from common.certificate_record import Record
from program.continuity import ContinuityError, refuse_jump
from tests.unit.records import ca, client, server, through_pulumi

OLD, NEW = "ca@1", "ca@2"
MINE, THEIRS, NEXT = "ca@1", "external@0123456789abcdef", "external@fedcba9876543210"

Step = tuple[list[str], str]
"""Which CAs are trusted, and which of them signs."""


def deploy(steps: list[Step]) -> None:
    """One after the other, each with what the one before it left behind."""
    previous: list[Record] = []
    for trusted, issuing in steps:
        refuse_jump(through_pulumi(previous), trusted, issuing)
        authorities = [ca(label, "issuing" if label == issuing else "trusted") for label in trusted]
        previous = [*authorities, server(issuer=issuing), client("A1", issuer=issuing)]


ROLLS: dict[str, tuple[str, str]] = {
    "from the first to the second": (OLD, NEW),
    "from the stack's own to the user's": (MINE, THEIRS),
    "from the user's back to the stack's own": (THEIRS, MINE),
    "from one of the user's to the next": (THEIRS, NEXT),
    "to the one before": (NEW, OLD),
}
rolls = pytest.mark.parametrize(("old", "new"), ROLLS.values(), ids=list(ROLLS))


@rolls
def test_three_steps_replace_a_ca(old: str, new: str) -> None:
    deploy([([old], old), ([old, new], old), ([old, new], new), ([new], new)])


@rolls
def test_a_step_may_be_taken_twice_and_taken_back(old: str, new: str) -> None:
    trusted, signing = ([old, new], old), ([old, new], new)

    deploy([([old], old), trusted, trusted, signing, signing, trusted, signing, trusted])
    deploy([([old], old), trusted, ([old], old)])


@rolls
def test_the_new_one_does_not_sign_before_clients_were_told_to_trust_it(old: str, new: str) -> None:
    with pytest.raises(ContinuityError) as refused:
        deploy([([old], old), ([old, new], new)])

    assert str(refused.value) == (
        f"{new} is to sign, and clients were never told to trust it: they would refuse the "
        f"endpoint. Trust it first ({old} and {new}, signing with {old}), deploy, hand out the new "
        "ca.crt, and let it sign after that: see 'Replace the CA' in docs/operations.md"
    )


@rolls
@pytest.mark.parametrize("trusted_before", [True, False])
def test_the_old_one_does_not_go_in_the_step_in_which_the_new_one_begins_to_sign(
    old: str, new: str, trusted_before: bool
) -> None:
    between: list[Step] = [([old, new], old)] if trusted_before else []

    with pytest.raises(ContinuityError) as refused:
        deploy([([old], old), *between, ([new], new)])

    assert str(refused.value) == (
        f"{old} signed the certificates that clients hold today; without trusting it any longer, "
        f"all are refused at once. Trust {old} and {new}, deploy, hand out what the new CA issues, "
        "and take the old one out after that: see 'Replace the CA' in docs/operations.md"
    )


def test_a_first_deployment_may_begin_with_any_ca() -> None:
    for trusted in ([OLD], [NEW], [THEIRS], [OLD, NEW, THEIRS]):
        refuse_jump([], trusted, trusted[-1])


def test_so_may_a_stack_that_had_no_tls_or_whose_records_are_gone() -> None:
    """`tls none` puts an empty list out, and took the CA and its key away."""
    refuse_jump([], [NEW], NEW)
    refuse_jump([client("A1")], [NEW], NEW)


def test_a_third_ca_may_come_and_go_at_any_time() -> None:
    deploy([([OLD], OLD), ([OLD, THEIRS], OLD), ([OLD, THEIRS, NEXT], OLD), ([OLD], OLD)])
    deploy([([OLD], OLD), ([OLD, NEW, THEIRS], OLD), ([OLD, NEW], NEW), ([NEW, NEXT], NEW)])


def test_what_was_trusted_and_taken_out_again_is_not_known_any_more() -> None:
    with pytest.raises(ContinuityError, match="clients were never told to trust it"):
        deploy([([OLD], OLD), ([OLD, NEW], OLD), ([OLD], OLD), ([OLD, NEW], NEW)])


def test_two_cas_are_not_replaced_by_two_others() -> None:
    with pytest.raises(ContinuityError, match=f"^{NEW} signed"):
        deploy([([OLD], OLD), ([OLD, NEW], OLD), ([OLD, NEW], NEW), ([THEIRS, NEXT], NEXT)])

"""What the reviewer reads, and what nobody may read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from review import cost
from review.graph import picture
from review.report import Review, markdown, summary
from review.steps import PolicyFinding, from_document
from review.text import code, plain
from tests.review.recordings import document, issued_at, preview, renewing, review, step

CANARY = "canary-5d1f0c"


def test_the_summary_says_what_happens_to_whom() -> None:
    said = summary(review(document()))

    assert said.startswith("2 findings: the container group is replaced (new IP address, downtime)")
    assert "`ci-smoke-test` loses access, `carol` gains access" in said


def test_the_summary_of_nothing_is_short() -> None:
    assert summary(review(document("unchanged"))) == "No findings: nothing changes."


def test_an_update_of_the_group_is_said_to_restart_the_containers() -> None:
    of = document()
    step(of, "endpoint-group")["op"] = "update"

    said = markdown(review(of))

    assert "the containers restart in place" in said
    assert "restarts the containers, the IP address stays" in said
    assert "downtime" not in said


def test_each_operation_is_a_row() -> None:
    said = markdown(review(document()))

    assert "| replaced | `endpoint-group` | azure-native ContainerGroup |" in said
    assert "| deleted | `client-ci-smoke-test@1-key` |" in said
    assert "| created | `client-alice@2-certificate` |" in said
    assert "`containers[0].resources.requests.cpu`" in said


@pytest.mark.parametrize("op", ["delete", "replace"])
@pytest.mark.parametrize("name", ["resource-group", "registry-acr", "logs", "dns-label-suffix"])
def test_losing_what_holds_something_is_a_finding(name: str, op: str) -> None:
    of = document("unchanged")
    renewing(of, name, op)

    assert any(f"`{name}` is {op}d" in finding for finding in review(of).findings)


def with_a_vault(op: str) -> dict[str, Any]:
    """A preview in which something happens to a key vault; the logs stand in for it."""
    of = document("unchanged")
    renewing(of, "logs", op)
    logs = step(of, "logs")
    for part in (logs, logs.get("oldState"), logs.get("newState")):
        if part:
            text = json.dumps(part).replace("operationalinsights:Workspace", "keyvault:Vault")
            part.update(json.loads(text))
    return of


def test_losing_the_vault_is_a_finding_and_its_cost_hangs_on_its_use() -> None:
    said = review(with_a_vault("delete"))

    assert [f for f in said.findings if "the bundles that are in it" in f]
    (line,) = (line for line in said.cost.lines if line.resource == "logs")
    assert line.before.amount is None
    assert line.before.basis == "depends on use, an unknown price for 10,000 operations"


def test_losing_what_is_protected_is_a_finding() -> None:
    of = document("unchanged")
    renewing(of, "registry-pull-identity", "delete")
    step(of, "registry-pull-identity")["oldState"]["protect"] = True

    (finding,) = review(of).findings

    assert "`registry-pull-identity` is protected" in finding


def test_protection_that_is_taken_away_is_a_finding() -> None:
    of = document("unchanged")
    step(of, "registry-acr")["oldState"]["protect"] = True

    assert review(of).findings == [
        "`registry-acr` is no longer protected: from then on it can be deleted by a slip."
    ]


def with_canaries(value: Any, path: str = "") -> Any:
    """Every value that is a text replaced; the names by which things are found stay."""
    if isinstance(value, dict):
        return {key: with_canaries(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [with_canaries(item, path) for item in value]
    return CANARY if isinstance(value, str) else value


def test_no_value_of_a_property_is_shown_anywhere() -> None:
    of = document()
    for planned in of["steps"]:
        for side in ("oldState", "newState"):
            if state := planned.get(side):
                for key in ("inputs", "outputs"):
                    if key in state and not {"certificates", "enforces"} & state[key].keys():
                        state[key] = with_canaries(state[key])
        for difference in (planned.get("detailedDiff") or {}).values():
            difference["value"] = CANARY
    of["config"]["mtls-model-endpoint:password"] = CANARY
    stack = step(of, "mtls-model-endpoint-dev")["oldState"]["outputs"]
    for name in set(stack) - {"certificates", "endpoint"}:
        stack[name] = CANARY
    reviewed = review(of)
    assert CANARY in json.dumps(of)

    # What it costs is computed from the place and the SKU, so these two are named.
    priced = re.sub(r"### Cost.*", "", markdown(reviewed), flags=re.DOTALL)

    assert CANARY not in priced
    assert CANARY not in picture(reviewed.preview)


def test_a_private_key_in_a_policys_message_does_not_get_out() -> None:
    marks = [f"-----{word} EC PRIVATE" + " KEY-----" for word in ("BEGIN", "END")]
    for text in (f"{marks[0]}\n{CANARY}\n{marks[1]}", f"{marks[0]}\n{CANARY}"):
        finding = PolicyFinding("rule", "mandatory", "endpoint-group", f"it has {text}")
        of = review(document("unchanged"))
        said = markdown(replace(of, preview=replace(of.preview, policies=(finding,))))

        assert "\\[secret\\]" in said
        assert CANARY not in said


def test_policy_findings_are_findings_and_skipped_rules_are_not() -> None:
    skipped = "can't run policy 'b' during preview: string value can't be known during preview"
    found = (
        PolicyFinding("a", "mandatory", "registry-acr", "the admin user is on"),
        PolicyFinding("b", "advisory", "", skipped),
    )
    of = document("unchanged")
    shown = replace(from_document(of, "x"), policies=found)
    reviewed = Review.of(shown, issued_at(of))

    assert [finding for finding in reviewed.findings if "Policy" in finding] == [
        "Policy `a` (mandatory, which stops the deployment) at `registry-acr`: see below."
    ]
    assert "| mandatory | `a` | `registry-acr` | the admin user is on |" in markdown(reviewed)
    assert "advisory (not run: a value is unknown)" in markdown(reviewed)


def test_no_pack_is_not_taken_for_no_finding() -> None:
    reviewed = review(document())

    assert "No policy pack was run." in markdown(reviewed)
    with_pack = replace(reviewed, preview=replace(reviewed.preview, policies=()))
    assert "No policy pack was run." not in markdown(with_pack)


@pytest.mark.parametrize(
    "text", ["<script>", "a | b", "@everyone", "[x](http://x)", "**bold**", "line\nline", "`"]
)
def test_words_from_elsewhere_are_no_markup(text: str) -> None:
    said = plain(text).replace("@<!-- -->", "")
    assert not re.search(r"[<>\n]|(?<!\\)[`*|\[\]]|@", said)
    assert "\n" not in code(text)
    assert not re.search(r"(?<!\\)\|", code(text))


def test_a_large_change_still_fits_into_a_comment() -> None:
    of = document()
    planned = step(of, "client-carol@1-certificate")
    for number in range(2000):
        urn = planned["urn"].replace("carol", f"client-with-a-long-name-{number}")
        of["steps"].append({**planned, "urn": urn})

    said = markdown(review(of))

    assert "more" in said
    assert len(said) < 65536


def test_costs_are_those_of_the_listed_prices() -> None:
    listed = {
        "containerInstances": {
            "westeurope": {
                "perVcpuHour": 0.1,
                "perGBHour": 0.01,
                "source": "s",
                "url": "u",
                "date": "d",
            }
        },
        "containerRegistry": {},
    }
    priced = cost.of(preview(), listed)
    (group,) = (line for line in priced.lines if line.resource == "endpoint-group")

    assert group.before.amount == pytest.approx(730 * (1.5 * 0.1 + 2 * 0.01))
    assert group.after.amount == pytest.approx(730 * (2.5 * 0.1 + 2 * 0.01))
    assert priced.difference == pytest.approx(73)


def test_a_price_that_is_not_on_file_is_unknown_and_not_nothing() -> None:
    priced = cost.of(preview(), {"containerInstances": {"westeurope": None}})

    assert {line.after.amount for line in priced.lines} == {None}
    assert priced.difference is None
    assert "unknown" in markdown(replace(review(document()), cost=priced))


def test_what_is_not_there_yet_costs_nothing_and_nothing_of_it_is_unknown() -> None:
    price = cost.Price(None, "not on file")
    first = cost.Cost((cost.Line("endpoint-group", cost.NOTHING, price),))

    said = markdown(replace(review(document()), cost=first))

    assert "| all | 0.00 | 0.00 and what is unknown | |" in said


def test_a_size_that_is_known_only_later_has_no_price() -> None:
    of = document()
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    step(of, "endpoint-group")["newState"]["inputs"]["containers"] = unknown
    (group,) = (
        line for line in cost.of(from_document(of, "x")).lines if line.resource == "endpoint-group"
    )

    assert group.after.amount is None
    assert unknown not in markdown(review(of))


def test_every_price_names_its_source_and_its_date() -> None:
    listed = cost.prices()
    rates = [
        rate
        for service in ("containerInstances", "containerRegistry")
        for rate in listed[service].values()
        if rate
    ]

    assert rates
    for rate in rates:
        assert rate["source"]
        assert rate["url"].startswith("https://")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", rate["date"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", listed["date"])

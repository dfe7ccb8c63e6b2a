"""`python -m review` as it is typed: exit codes, files, one sentence for what cannot be done."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common import pulumi_cli
from common.names import PROJECT
from common.refusal import Refusal
from policy.pack import Pack
from review import source, steps
from review.__main__ import main
from review.steps import Preview
from tests.review.recordings import document, records, step


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Any], str]:
    def write(content: Any) -> str:
        file = tmp_path / "preview.json"
        text = content if isinstance(content, str) else json.dumps(content)
        file.write_text(text)
        return str(file)

    return write


def lasting(name: str) -> dict[str, Any]:
    """A recorded preview whose certificates have not ended, whenever the test runs."""
    of = document(name)
    for record in records(of):
        record["notAfter"] = "2125-01-01T00:00:00Z"
    return of


Written = Callable[[Any], str]
Said = pytest.CaptureFixture[str]


def refused(arguments: list[str], capsys: Said) -> str:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (sentence,) = [line for line in said.err.splitlines() if not line.startswith("Previewing")]
    assert sentence.startswith("error: ")
    return sentence


def test_nothing_worse_than_nothing_is_0(written: Written) -> None:
    assert main(["--preview-json", written(lasting("unchanged"))]) == 0


def test_something_to_look_at_is_1(written: Written) -> None:
    assert main(["--preview-json", written(lasting("mixed"))]) == 1


def test_what_is_printed_is_written_too(written: Written, tmp_path: Path, capsys: Said) -> None:
    file = tmp_path / "review.md"
    main(["--preview-json", written(lasting("mixed")), "--markdown", str(file)])

    text, _, picture = file.read_text().partition("\n<details><summary>Resources")
    assert text == capsys.readouterr().out
    assert "```mermaid" in picture


def test_a_preview_can_come_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        buffer = io.BytesIO(json.dumps(lasting("unchanged")).encode())

    monkeypatch.setattr(sys, "stdin", Pipe())

    assert main(["--preview-json", "-"]) == 0


@pytest.mark.parametrize(("name", "code"), [("unchanged", 0), ("mixed", 1)])
def test_a_preview_without_what_is_unchanged_says_the_same_of_access(
    written: Written, capsys: Said, name: str, code: int
) -> None:
    of = lasting(name)
    main(["--preview-json", written(of)])
    whole = capsys.readouterr().out
    stack = step(of, "mtls-model-endpoint-dev")
    of["steps"] = [s for s in of["steps"] if s["op"] != "same" or s is stack]

    assert main(["--preview-json", written(of)]) == code
    part = capsys.readouterr().out
    assert "| all |" in whole
    assert "| all |" not in part, "most of what costs something is not listed"
    access = re.compile(r"### Who may call.*?### Certificates", re.DOTALL)
    (of_whole,), (of_part,) = (access.findall(text) for text in (whole, part))
    # Of what clients may ask for, it says that it is not known.
    assert set(of_whole.splitlines()) <= set(of_part.splitlines())


def of_another_project() -> dict[str, Any]:
    of = document()
    return dict(json.loads(json.dumps(of).replace("::mtls-model-endpoint::", "::shop::")))


def without_the_stack() -> dict[str, Any]:
    of = document()
    of["steps"].remove(step(of, "mtls-model-endpoint-dev"))
    return of


def before_there_were_records() -> dict[str, Any]:
    of = document()
    del step(of, "mtls-model-endpoint-dev")["oldState"]["outputs"]["certificates"]
    return of


def of_another_engine() -> dict[str, Any]:
    of = document()
    step(of, "logs")["op"] = "abandon"
    return of


def of_an_older_version() -> dict[str, Any]:
    of = document()
    del records(of)[0]["issuer"]
    return of


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param("{", "is no JSON", id="broken JSON"),
        pytest.param("", "is empty or no preview", id="an empty file"),
        pytest.param("[]", "holds JSON, but no preview", id="a list"),
        pytest.param("7", "holds JSON, but no preview", id="a number"),
        pytest.param('{"endpoint": {}}', "holds JSON, but no preview", id="outputs"),
        pytest.param('{"steps": [7]}', "has a step without op or urn", id="a step that is none"),
        pytest.param({"steps": [], "config": {}}, "the stack is empty", id="an empty stack"),
        pytest.param({"changeSummary": {}}, "the stack is empty", id="no steps at all"),
        pytest.param({"steps": 7}, "not the shape of a preview", id="steps that are no list"),
        pytest.param(of_another_project(), 'is of project "shop"', id="another project"),
        pytest.param(of_an_older_version(), "of an older version", id="outputs of before"),
        pytest.param(before_there_were_records(), "of an older version", id="no records"),
        pytest.param(without_the_stack(), "does not list the stack itself", id="without the stack"),
        pytest.param(of_another_engine(), 'has a step "abandon"', id="an unknown step"),
        pytest.param("[" * 100_000, "not the shape of a preview", id="lists in lists"),
    ],
)
def test_what_is_no_preview_is_refused_in_one_sentence(
    content: Any, why: str, written: Written, capsys: Said
) -> None:
    assert why in refused(["--preview-json", written(content)], capsys)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path, capsys: Said) -> None:
    assert "No such file" in refused(["--preview-json", str(tmp_path / "none")], capsys)
    assert "cannot be read" in refused(["--preview-json", str(tmp_path)], capsys)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "is no text" in refused(["--preview-json", str(tmp_path / "binary")], capsys)


def test_a_place_that_cannot_be_written(written: Written, tmp_path: Path, capsys: Said) -> None:
    target = str(tmp_path / "none" / "review.md")
    sentence = refused(["--preview-json", written(lasting("mixed")), "--markdown", target], capsys)
    assert target in sentence


def test_the_stream_of_events_is_read_as_well(written: Written, capsys: Said) -> None:
    """What the CLI prints with PULUMI_ENABLE_STREAMING_JSON_PREVIEW: a replacement is in parts."""
    of = lasting("mixed")
    events: list[dict[str, Any]] = [{"sequence": 0, "preludeEvent": {"config": of["config"]}}]
    for planned in of["steps"]:
        parts = ["delete-replaced", "replace", "create-replacement"]
        for op in parts if planned["op"] == "replace" else [planned["op"]]:
            raw = {"op": op, "urn": planned["urn"], "diffs": planned.get("diffReasons")}
            raw |= {"old": planned.get("oldState"), "new": planned.get("newState")}
            raw["detailedDiff"] = planned.get("detailedDiff")
            events.append({"resourcePreEvent": {"metadata": raw}})
    policy = {"resourceUrn": step(of, "logs")["urn"], "policyName": "retention"}
    policy |= {"message": "<{%reset%}>too short<{%reset%}>", "enforcementLevel": "mandatory"}
    events += [{"policyEvent": policy}, {"summaryEvent": {"resourceChanges": {}}}]

    stream = "\n".join(map(json.dumps, events))
    assert steps.parsed(stream, "x").by_name["endpoint-group"].op == "replace"
    assert main(["--preview-json", written(stream)]) == 1
    said = capsys.readouterr().out
    assert "**3 findings: the container group is replaced" in said
    assert "2 replaced, 3 deleted, 6 created" in said
    assert "| mandatory | `retention` | `logs` | too short |" in said


# --- `pulumi` in the user's environment, played by a script that says what Pulumi says


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def says(script: str) -> None:
        program = folder / "pulumi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return says


Pulumi = Callable[[str], None]


def test_pulumi_is_asked_for_the_stack(pulumi: Pulumi, written: Written, tmp_path: Path) -> None:
    preview = written(lasting("unchanged"))
    pulumi(f'echo "$@" > {tmp_path}/asked; cat {preview}')

    assert main(["--stack", "dev"]) == 0
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("preview --json --show-sames --event-log")
    assert asked.endswith(" --stack dev --non-interactive\n")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("error: no stack named 'dev' found", 'there is no stack "dev"'),
        ("error: PULUMI_ACCESS_TOKEN must be set for login", "Pulumi is not logged in"),
        ("error: incorrect passphrase", "PULUMI_CONFIG_PASSPHRASE"),
        ("error: AuthorizationFailed: The client does not have", "the rights for stack"),
        ("error: open /srv/state: permission denied", "the rights for stack"),
        ("error: Status=403 Code=Forbidden", "the rights for stack"),
        ("error: StatusCode: 401, RawResponse: {}", "the rights for stack"),
        ("error: GET https://x.blob.core.windows.net/state: 403 Forbidden", "the rights for stack"),
        ("error: RESPONSE 403: 403 This request is not authorized", "the rights for stack"),
        ("error: 7f951401-4ed3-4680-a403-43fe172d538d is gone", "cannot be previewed: 7f951401"),
        ("error: group model-403 is not there", "cannot be previewed: group model-403"),
        ("error: no image sha256:ab4013f0401c403", "cannot be previewed: no image sha256:ab4013f"),
        ("error: 4010 of 4030 used", "cannot be previewed: 4010 of 4030 used"),
        ("error: something else", "cannot be previewed: something else"),
        ("code: 1\nstdout: \nstderr: error: no clients", "cannot be previewed: no clients"),
        ("", "it gave no reason"),
    ],
)
def test_what_pulumi_cannot_do_is_said_in_one_sentence(
    pulumi: Pulumi, capsys: Said, said: str, why: str
) -> None:
    pulumi(f'echo "{said}" >&2; exit 255')

    assert why in refused(["--stack", "dev"], capsys)


def test_a_violated_policy_leaves_the_plan_readable(
    pulumi: Pulumi, written: Written, capsys: Said, tmp_path: Path
) -> None:
    policy = {"resourceUrn": "", "policyName": "small", "message": "too small"}
    event = {"policyEvent": {**policy, "enforcementLevel": "mandatory"}}
    (tmp_path / "event").write_text(json.dumps(event))
    preview = written(lasting("unchanged"))
    has_log = 'test "$PULUMI_DEBUG_COMMANDS" = true || exit 9'
    find_log = 'while [ "$1" != --event-log ]; do shift; done'
    pulumi(f'{has_log}; {find_log}; cp {tmp_path}/event "$2"; cat {preview}; exit 1')

    assert main(["--stack", "dev"]) == 1
    said = capsys.readouterr().out
    assert "Policy `small` (mandatory, which stops the deployment)" in said
    assert "23 resources unchanged." in said


def test_a_preview_that_never_ends_is_killed_with_its_children(
    pulumi: Pulumi, capsys: Said, tmp_path: Path
) -> None:
    pulumi(f"trap '' TERM; sleep 300 & echo $! > {tmp_path}/child; wait")

    assert "did not end within 1 seconds" in refused(["--stack", "dev", "--timeout", "1"], capsys)
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < until


def _runs(process: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_a_missing_environment_is_noticed_before_anything_hangs(
    pulumi: Pulumi, capsys: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi(f"touch {tmp_path}/started")
    monkeypatch.setattr(source, "PROJECT", tmp_path)

    assert "type `make setup`" in refused(["--stack", "dev"], capsys)
    assert not (tmp_path / "started").exists()


def test_a_pack_is_looked_at_before_anything_hangs(
    pulumi: Pulumi, capsys: Said, tmp_path: Path
) -> None:
    pulumi(f"touch {tmp_path}/started")
    pack = tmp_path / "pack"
    pack.mkdir()
    arguments = ["--stack", "dev", "--policy-pack", str(pack)]

    assert "is no policy pack" in refused(arguments, capsys)
    description = pack / "PulumiPolicy.yaml"
    description.write_text("runtime: {name: python, options: {virtualenv: ../none}}")
    assert "there is no virtual environment" in refused(arguments, capsys)
    assert not (tmp_path / "started").exists()
    description.write_text(f"runtime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}")
    Pack(pack, None).require()


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("{", "holds no JSON object of rules"),
        ("[]", "holds no JSON object of rules"),
        ('{"tag": "advisory"}', "tag: there is no such rule, did you mean tags"),
        (
            '{"protected-against-deletion": {"protected": true}}',
            "protected-against-deletion.protected: there is no such setting, did you mean protect; "
            "allowed are enforcementLevel, protect",
        ),
    ],
)
def test_a_mistake_in_the_policies_configuration_is_refused(
    capsys: Said, tmp_path: Path, config: str, why: str
) -> None:
    file = tmp_path / "config.json"
    file.write_text(config)
    arguments = ["--stack", "dev", "--local", "--policy-pack", str(PROJECT / "policy")]

    assert why in refused([*arguments, "--policy-pack-config", str(file)], capsys)


@pytest.mark.parametrize("environment", ["dev", "test", "prod"])
def test_the_committed_configurations_have_no_mistake(environment: str) -> None:
    pack = PROJECT / "policy"
    Pack(pack, pack / f"config/{environment}.json").require()


def test_every_rule_may_be_configured_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"all": "advisory", "tags": {"required": []}}')
    Pack(PROJECT / "policy", tmp_path / "config.json").require()


def test_a_preview_that_was_made_before_is_not_judged_anew(capsys: Said) -> None:
    said = refused(["--preview-json", "preview.json", "--policy-pack", "policy"], capsys)

    assert "--policy-pack is run with a preview that is made now" in said


def test_pulumi_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert "pulumi is not on PATH" in refused(["--stack", "dev"], capsys)


@pytest.mark.parametrize("target", ["review", "plan"])
def test_make_leaves_it_to_the_review_which_policies_count(target: str) -> None:
    make = ["make", "--dry-run", "--file", str(PROJECT / "Makefile"), target, "S=prod"]

    shown = subprocess.run(make, cwd=PROJECT, capture_output=True, text=True, check=True).stdout

    assert "--policy-pack policy" in shown
    assert "--policy-pack-config" not in shown


def test_the_projects_own_policies_are_those_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    """However YAML writes it: tests/unit/test_stack_file.py."""
    asked: list[Pack | None] = []

    def remember(stack: str, pack: Pack | None, base: str | None) -> Preview:
        asked.append(pack)
        raise Refusal("seen")

    monkeypatch.setattr("review.local.from_local_cloud", remember)
    arguments = ["--local", "--policy-pack", str(PROJECT / "policy")]

    refused(["--stack", "prod", *arguments], capsys)
    assert asked == [Pack(PROJECT / "policy", PROJECT / "policy/config/prod.json")]

    shutil.copy(PROJECT / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.shop.yaml").write_text("config: {environment: Prod}")
    monkeypatch.setattr("review.__main__.PROJECT", tmp_path)
    arguments[-1] = str(tmp_path / "policy")
    said = refused(["--stack", "shop", *arguments], capsys)
    assert 'environment: "Prod" is not allowed in Pulumi.shop.yaml' in said
    assert len(asked) == 1


def test_a_stack_without_a_file(capsys: Said) -> None:
    assert "there is no Pulumi.nope.yaml" in refused(["--stack", "nope", "--local"], capsys)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--stack", "dev", "--preview-json", "-"], ["--stack", "dev", "--timeout", "soon"]],
)
def test_wrong_options_are_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("error: the stack is currently locked by 1 lock(s)", "pulumi cancel --stack "),
        ("AADSTS700213: No matching federated identity record found", "docs/pipelines.md"),
        ("Code=InaccessibleImage", "registrySku to Premium"),
        ("error: toomanyrequests: You have reached your pull rate limit.", "`docker login`"),
    ],
)
def test_what_to_do_is_said_where_it_is_known(said: str, typed: str) -> None:
    assert typed in (pulumi_cli.next_step("dev", said, said) or "")

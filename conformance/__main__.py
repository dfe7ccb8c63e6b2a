"""Proves what an endpoint promises: `make conformance`, or python -m conformance.

Against a fresh deployment on this machine, or with --endpoint and --bundle against any other.
Exit code 0: everything as expected; 1: something is different; 2: it could not be run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from pulumi import automation
from rich.console import Console

from common.command import DONE, FINDINGS, finished
from common.refusal import Refusal
from conformance import remote, report
from conformance.actors.peers import Endpoint
from conformance.case import CASES, Case
from conformance.cases import GROUPS
from conformance.control_groups import why_none
from conformance.local import Deployment, deployed, deployed_within_limits
from conformance.report import Row
from conformance.run import run

TITLE = "Conformance"
RESULTS = Path(".local/conformance")


def main(arguments: list[str] | None = None) -> int:
    return finished(lambda: _prove(_parser().parse_args(arguments)))


def _prove(given: argparse.Namespace) -> int:
    cases = selected(given.only)
    if given.list:
        for case in cases:
            print(f"{case.id:10} {case.presented}")
        return DONE
    if (given.endpoint is None) != (given.bundle is None):
        raise Refusal("--endpoint and --bundle go together; give both, or none")
    try:
        rows = _run_all(given, cases)
    except automation.CommandError as error:
        raise Refusal(f"the stack could not be deployed: {error}") from None
    _report(given, rows)
    return FINDINGS if any(row.result and row.result.differs for row in rows) else DONE


def selected(only: str | None) -> list[Case]:
    """The cases of a list such as `CERT,TLS-03`, all without one.

    Raises:
        Refusal: if there is no such group or case.
    """
    wanted = {name.strip().upper() for name in only.split(",")} if only else set(GROUPS)
    unknown = sorted(wanted - set(GROUPS) - set(CASES))
    if unknown:
        raise Refusal(
            f"--only: there is no {', '.join(unknown)}; it takes the groups {', '.join(GROUPS)} "
            "and cases such as CERT-01 (--list shows them all)"
        )
    order = {group: number for number, group in enumerate(GROUPS)}
    chosen = [case for case in CASES.values() if wanted & {case.id, case.group}]
    return sorted(chosen, key=lambda case: (order[case.group], case.id))


def _run_all(given: argparse.Namespace, cases: Sequence[Case]) -> list[Row]:
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        if given.endpoint:
            there = remote.endpoint(given.endpoint, given.bundle, folder)
            return [_row(case, there, can_run=not case.needs) for case in cases]
        _require_limits(given, cases)

        @cache
        def endpoint(*, limited: bool) -> Endpoint:
            """Of a deployment that is made when the first case needs it."""
            own = folder / ("limited" if limited else "plain")
            (own / "peers").mkdir(parents=True)
            within = " within its containers' limits" * limited
            print(f"Deploying a stack on this machine{within} ...")
            making = deployed_within_limits if limited else deployed
            deployment: Deployment = closing.enter_context(making(own / "cloud"))
            return deployment.endpoint(own / "peers")

        return [
            Row(case, None)
            if given.without_limits and "limits" in case.needs
            else _row(case, endpoint(limited="limits" in case.needs), can_run=True)
            for case in cases
        ]


def _require_limits(given: argparse.Namespace, cases: Sequence[Case]) -> None:
    """Make sure that what is promised within limits can be tried within them.

    Raises:
        Refusal: if this machine has no control groups for this user.
    """
    within = [case.id for case in cases if "limits" in case.needs]
    if within and not given.without_limits and (why := why_none()):
        raise Refusal(
            f"the containers' limits on memory and CPU cannot be had ({why}); be root, or have "
            f"`systemd-run --user` work, or leave {', '.join(within)} out: make conformance "
            "ARGS=--without-limits"
        )


def _row(case: Case, endpoint: Endpoint, *, can_run: bool) -> Row:
    """Run one case, and say so: it may take some seconds."""
    if not can_run:
        return Row(case, None)
    row = Row(case, run(case, endpoint))
    assert row.result is not None
    mark = "DIFFERENT" if row.result.differs else "ok"
    print(f"  {case.id:10} {mark:10} {row.result.seconds:5.1f} s  {case.presented}", flush=True)
    return row


def _report(given: argparse.Namespace, rows: list[Row]) -> None:
    wide = None if sys.stdout.isatty() else 200
    console = Console(width=wide, highlight=False)
    console.print()
    console.print(report.table(rows))
    for file, text in (
        (given.markdown, report.markdown(rows, TITLE)),
        (given.junit, report.junit(rows, TITLE)),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    print(f"{report.summary(rows)}.\nWritten: {given.markdown}, {given.junit}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--endpoint", metavar="URL", help="of an endpoint that is there already")
    parser.add_argument("--bundle", metavar="DIR", type=Path, help="of one of its clients")
    parser.add_argument("--only", metavar="IDS", help="groups and cases, as CERT,TLS-03")
    parser.add_argument(
        "--without-limits",
        action="store_true",
        help="leave out the cases that need control groups",
    )
    parser.add_argument("--list", action="store_true", help="show the cases and run none")
    for kind, name in (("markdown", "report.md"), ("junit", "junit.xml")):
        parser.add_argument(
            f"--{kind}",
            metavar="FILE",
            type=Path,
            default=RESULTS / name,
            help=f"where to write the {kind} report; {RESULTS / name} unless given",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())

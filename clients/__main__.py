"""What a consumer of an endpoint does with the outputs of its stack.

Exit code 0: done; 1: a certificate ends too soon; 2: it could not be done, for the reason given.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clients import contract, expiry, password, smoke, stack_outputs
from clients.bundle import Bundle
from clients.folder import File, located, replace
from common.command import DONE, FINDINGS, finished


def main(arguments: list[str] | None = None) -> int:
    def run() -> int:
        given = _parser().parse_args(arguments)
        return int(given.run(given))

    return finished(run)


def bundle(given: argparse.Namespace) -> int:
    """Write the files with which one client calls the endpoint."""
    folder = located(given.out)
    if not given.no_p12:
        password.require_source(
            from_stdin=given.password_stdin, outputs_from_stdin=given.outputs == "-"
        )
    outputs = _outputs(given, show_secrets=True)
    made = _bundle(outputs, given.client, given.generation)
    made.require_own(folder)
    if warning := made.identity.warning():
        print(f"warning: {warning}", file=sys.stderr)
    secret = None if given.no_p12 else password.read(from_stdin=given.password_stdin)
    files = made.files(secret)
    replace(folder, files, made.kept(folder))
    _explain(made, folder, files)
    return DONE


def call(given: argparse.Namespace) -> int:
    """Call the endpoint once as a client, with a bundle that is removed afterwards."""
    made = _bundle(_outputs(given, show_secrets=True), given.client, None)
    print(smoke.call(made))
    return DONE


def certificates(given: argparse.Namespace) -> int:
    """Show how long every certificate of the stack lasts."""
    listed = contract.certificates(_outputs(given, show_secrets=False))
    thresholds = expiry.Thresholds(given.warn_days, given.fail_days)
    rows = expiry.rows(listed, thresholds)
    if given.json:
        print(json.dumps([row.as_json() for row in rows], indent=2))
    elif rows:
        print(expiry.table(rows))
    else:
        print("The stack has no certificates: its endpoint takes plain HTTP.")
    return FINDINGS if any(row.fails for row in rows) else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clients", description=__doc__, allow_abbrev=False
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    command = _command(commands, "bundle", bundle)
    command.add_argument("--client", required=True, metavar="NAME", help="as in the stack file")
    command.add_argument("--out", required=True, metavar="DIR", help="the folder to write")
    command.add_argument(
        "--generation", type=int, metavar="N", help="an older one that is still accepted"
    )
    keystore = command.add_mutually_exclusive_group()
    keystore.add_argument(
        "--password-stdin",
        action="store_true",
        help="take the password of client.p12 from the first line of standard input",
    )
    keystore.add_argument("--no-p12", action="store_true", help="make no client.p12")

    command = _command(commands, "smoke", call)
    command.add_argument("--client", required=True, metavar="NAME", help="as in the stack file")

    command = _command(commands, "certificates", certificates)
    command.add_argument("--warn-days", type=_days, default=30, metavar="DAYS", help="default 30")
    command.add_argument(
        "--fail-days",
        type=_days,
        default=7,
        metavar="DAYS",
        help="exit code 1 if a certificate ends within so many days; default 7",
    )
    command.add_argument("--json", action="store_true", help="a list for programs")
    return parser


def _command(commands: Any, name: str, run: Any) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=run.__doc__, description=run.__doc__, allow_abbrev=False
    )
    made.set_defaults(run=run)
    source = made.add_mutually_exclusive_group(required=True)
    source.add_argument("--stack", metavar="S", help="read with `pulumi stack output`")
    source.add_argument(
        "--outputs",
        metavar="FILE",
        help="made by `pulumi stack output --json --show-secrets`; - is standard input",
    )
    return made


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of days from 0 to 99999")
    return int(text)


def _outputs(given: argparse.Namespace, *, show_secrets: bool) -> dict[str, Any]:
    if given.outputs is not None:
        return stack_outputs.from_file(given.outputs)
    return stack_outputs.from_stack(given.stack, show_secrets=show_secrets)


def _bundle(outputs: Mapping[str, Any], client: str, generation: int | None) -> Bundle:
    endpoint = contract.endpoint(outputs)
    Bundle.require_mtls(endpoint)
    certificate = contract.client_certificate(outputs, client)
    issued = certificate.of_generation(generation, client)
    return Bundle.checked(client, outputs["endpoint"], issued)


def _explain(made: Bundle, folder: Path, files: Mapping[str, File]) -> None:
    generation = made.issued.generation
    end = made.identity.certificate.not_valid_after_utc
    curl = files["snippets/curl.sh"].content.decode()
    command = "\n".join(line for line in curl.splitlines() if not line.startswith("#"))
    print(f"""\
Client       {made.identity.client}{"" if generation is None else f", generation {generation}"}
Endpoint     {made.endpoint.url}
Valid until  {end:%Y-%m-%d}
Bundle       {folder}/ ({", ".join(name for name in files if "/" not in name)})
Samples      {folder}/snippets/ ({", ".join(Path(n).name for n in files if "/" in n)})

With curl:

cd {shlex.quote(str(folder))}
{command}""")


if __name__ == "__main__":
    sys.exit(main())

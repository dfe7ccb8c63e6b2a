"""Say what a change will do, who is affected and what it costs, as Markdown for a pull request.

--stack S runs `pulumi preview` in your own environment, logged in to the stack's backend and to
Azure; with --local, and always for the stack `local`, the stand-in for Azure on this machine is
asked instead, as `make preview S=...` does. There --base COMMIT compares with what that commit
deploys, for which nobody has to log in anywhere. --preview-json FILE reads what `pulumi preview
--json --show-sames` printed.

Exit code 0: nothing worse than what is new or updated in place; 1: something to look at first, as
an endpoint that is replaced, a client that loses access, a policy that is violated, a certificate
that ends soon, the loss of what holds data; 2: it could not be done, for the reason given.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from common import stack_file
from common.command import DONE, FINDINGS, finished
from common.names import PROJECT
from common.refusal import Refusal
from policy.pack import Pack
from review import source
from review.graph import picture
from review.report import Review, markdown
from review.steps import Preview


def main(arguments: list[str] | None = None) -> int:
    return finished(lambda: _review(_parser().parse_args(arguments)))


def _review(given: argparse.Namespace) -> int:
    preview = _preview(given)
    review = Review.of(preview, datetime.now(UTC), given.base)
    text = markdown(review)
    if given.markdown:
        Path(given.markdown).write_text(f"{text}\n{picture(preview)}", encoding="utf-8")
    sys.stdout.write(text)
    sys.stdout.flush()
    return FINDINGS if review.findings else DONE


def _preview(given: argparse.Namespace) -> Preview:
    if given.base is not None and given.preview_json is not None:
        raise Refusal("--base compares a stack with a commit; name the stack with --stack")
    if given.policy_pack and given.preview_json is not None:
        raise Refusal(
            "--policy-pack is run with a preview that is made now; name the stack with --stack, or "
            "make the preview with `pulumi preview --json --policy-pack`"
        )
    if given.preview_json is not None:
        return source.from_file(given.preview_json)
    if given.policy_pack_config and not given.policy_pack:
        raise Refusal("--policy-pack-config configures a pack; name it with --policy-pack")
    # The engine is started in another folder than this.
    config = Path(given.policy_pack_config).resolve() if given.policy_pack_config else None
    folder = Path(given.policy_pack).resolve() if given.policy_pack else None
    if folder == PROJECT / "policy" and config is None:
        config = _rules(given.stack)
    pack = Pack(folder, config) if folder else None
    if given.local or given.base is not None or given.stack == "local":
        # Slow to import, and not there in an environment without the group `local`.
        from review.local import from_local_cloud  # noqa: PLC0415

        return from_local_cloud(given.stack, pack, given.base)
    return source.from_pulumi(given.stack, pack, given.timeout)


def _rules(stack: str) -> Path:
    """What the project's own policies are told for the environment of a stack."""
    environment = stack_file.environment(PROJECT, stack)
    return PROJECT / "policy" / "config" / f"{environment}.json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m review",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--stack", metavar="S", help="as in Pulumi.<S>.yaml")
    what.add_argument("--preview-json", metavar="FILE", help="a preview; - is standard input")
    parser.add_argument("--local", action="store_true", help="ask the stand-in on this machine")
    parser.add_argument(
        "--base", metavar="COMMIT", help="compare with the stack of that commit, on this machine"
    )
    parser.add_argument(
        "--markdown", metavar="FILE", help="write the review there, too, with a picture"
    )
    parser.add_argument("--policy-pack", metavar="DIR", help="a policy pack to be run as well")
    parser.add_argument(
        "--policy-pack-config",
        metavar="FILE",
        help="its configuration, JSON; by the stack's environment for the project's own pack",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=600,
        metavar="SECONDS",
        help="how long `pulumi preview` may take; default 600",
    )
    return parser


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of seconds from 1 to 86400")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

"""Where the password of `client.p12` comes from: a terminal or standard input, nowhere else.

Not from an option, which everybody on the machine can read, and not from a file.
"""

from __future__ import annotations

import getpass
import sys

from clients import pkcs12
from common.refusal import Refusal


def require_source(*, from_stdin: bool, outputs_from_stdin: bool) -> None:
    """Raises Refusal if there is nobody to ask, before anything else is done."""
    if from_stdin and outputs_from_stdin:
        raise Refusal(
            "--password-stdin and --outputs - both want standard input; put the outputs into a "
            "file that only you can read, or leave --password-stdin out to be asked"
        )
    # With the outputs on standard input the question still goes to the terminal, if there is one.
    terminal = sys.stderr if outputs_from_stdin else sys.stdin
    if not from_stdin and not terminal.isatty():
        raise Refusal(
            "there is no terminal to ask for the password of client.p12; give it as the first line "
            "of standard input with --password-stdin, or leave the file out with --no-p12"
        )


def read(*, from_stdin: bool) -> str:
    """Ask twice, or take the first line of standard input.

    Raises:
        Refusal: if it is empty, not usable everywhere, or not the same twice.
    """
    if from_stdin:
        line = sys.stdin.buffer.readline().rstrip(b"\r\n")
        # What is no UTF-8 is refused for what it is: not ASCII.
        password = line.decode(errors="replace")
        pkcs12.require_usable(password)
        return password
    try:
        password = getpass.getpass("Password for client.p12: ")
        pkcs12.require_usable(password)
        again = getpass.getpass("The same again: ")
    except EOFError:
        raise Refusal("no password was given for client.p12; --no-p12 leaves it out") from None
    if again != password:
        raise Refusal("the two passwords for client.p12 are not the same; try again")
    return password

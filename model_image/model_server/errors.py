"""The two ways to say no: to the caller, and to the person who started the server."""

from collections.abc import Mapping


class RequestError(Exception):
    """Answered as `{"error": sentence}` with `status`."""

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers


class StartError(Exception):
    """The server cannot start; its text is the one sentence the operator reads."""


def quoted(text: str) -> str:
    """What a caller sent, short enough to repeat in a sentence."""
    return repr(text if len(text) <= 60 else text[:60] + "...")

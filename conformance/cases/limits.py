"""LIMIT: how much one client may ask for, and that nobody else notices."""

from __future__ import annotations

import contextlib
import time

from conformance.actors.peers import Answer, Endpoint
from conformance.case import Observed, case

_BURST = 30


@case("LIMIT-01", "a path that the client may ask for", "200", reaches=1, needs=("stack",))
def granted(endpoint: Endpoint) -> Answer:
    return endpoint.predict(endpoint.carol)


@case("LIMIT-02", "a path of the model that it may not ask for", "403", needs=("stack",))
def not_granted(endpoint: Endpoint) -> Answer | str:
    answer = endpoint.get(endpoint.carol)
    return answer if answer.error == "this client may not ask for this path" else answer.error


@case("LIMIT-03", "the same path with a version in it, which is another", "403", needs=("stack",))
def another_spelling(endpoint: Endpoint) -> Answer:
    body = b'{"instances": [[1.0]]}'
    path = "/v1/models/demo/versions/1:predict"
    return endpoint.send(endpoint.carol, endpoint.request("POST", path, body))


@case(
    "LIMIT-04",
    "a third request at once, where two are allowed",
    "429, Retry-After 1",
    reaches=1,  # the other client's
    needs=("stack",),
)
def connections(endpoint: Endpoint) -> str:
    path = "/v1/models/demo:predict"
    unfinished = endpoint.request("POST", path, b"x" * 100)[:-99]
    with contextlib.ExitStack() as held:
        for _ in range(2):
            connection = held.enter_context(endpoint.connect(endpoint.carol))
            connection.sendall(unfinished)
        time.sleep(0.3)  # until nginx has read the headers of both
        answer = endpoint.predict(endpoint.carol)
        with_room = endpoint.predict(endpoint.bob)
    if with_room.status != 200:
        return f"another client: {with_room.status}"
    return f"{answer.status}, Retry-After {answer.headers.get('retry-after')}"


@case(
    "LIMIT-05",
    f"{_BURST} requests at once, where 5 a second and 5 more are allowed",
    "6 to 12 times 200, then 429, Retry-After 1",
    reaches=None,
    needs=("stack",),
)
def rate(endpoint: Endpoint) -> Observed:
    time.sleep(2)  # until what the cases before this one asked for is forgotten
    answers = [endpoint.predict(endpoint.carol) for _ in range(_BURST)]
    good = sum(answer.status == 200 for answer in answers)
    late = {(a.status, a.headers.get("retry-after")) for a in answers if a.status != 200}
    words = f"6 to 12 times 200, then {late}" if 6 <= good <= 12 else f"{good} times 200"
    if late == {(429, "1")}:
        words = words.replace(str(late), "429, Retry-After 1")
    return Observed(words, note=f"{good} of {_BURST} answered")


@case(
    "LIMIT-06",
    "as many of a client without limits, at the same moment",
    f"{_BURST} times 200",
    reaches=_BURST,
    needs=("stack",),
)
def others(endpoint: Endpoint) -> str:
    statuses = [endpoint.predict(endpoint.alice).status for _ in range(_BURST)]
    return f"{statuses.count(200)} times 200"

"""LIFE: revoke, rotate, renew and replace, while good clients ask all the time.

Each case has a deployment of its own and changes it as an operator would: one line in the stack
file, one `up`. A restart of the containers costs connections, which is counted and printed; what
may not happen is that somebody is refused who has a right to be served.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.names import PROJECT
from conformance.actors import late_clocks
from conformance.actors.good_clients import Asked, asking
from conformance.actors.peers import Answer, Endpoint, Identity, read_all, write_private
from conformance.actors.years import aged
from conformance.case import Observed, case
from conformance.local import Deployment, deployed, describe
from localcloud.stack import opened

ALICE, BOB = {"name": "alice"}, {"name": "bob"}
PROMISED = "as promised, 0 refused"
_UP = """
import json, sys
from pathlib import Path
from localcloud.home import Home
from localcloud.stack import opened
with opened("local", home=Home(Path(sys.argv[1])), config=json.loads(sys.argv[2])) as local:
    local.up()
"""


class Story:
    """A deployment that changes while clients use it."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment = deployment
        self.folder = folder
        self._restarts = 0
        self.start = deployment.endpoint(folder)
        self.loads: list[Asked] = []
        self.broken: list[str] = []

    def up(self, *, clients: list[dict[str, Any]] | None = None, **certificates: Any) -> None:
        """Edit the stack file, and deploy."""
        config = {**self.deployment.config, "clients": clients or [ALICE, BOB]}
        config["certificates"] = {"clockSkewMinutes": 0, **certificates}
        with opened("local", home=self.deployment.home, config=config, say=_quiet) as local:
            local.up()
            self.deployment = describe(local)
        self._restarts += 1

    def up_after_editing(self, file: str, old: str, new: str) -> str:
        """Edit a file of the program, in a copy of it, and deploy; return what was said."""
        copy = self.folder / "program"
        shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(".*", "tests", "docs"))
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old}"
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        config = json.dumps(self.deployment.config)
        ran = subprocess.run(
            [sys.executable, "-c", _UP, str(self.deployment.home.folder), config],
            cwd=copy,
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(copy)},
            check=False,
        )
        return ran.stderr if ran.returncode else "deployed"

    def make_older(self, certificate: str, days_left: float) -> None:
        """Let a certificate end in so many days, in the stack's state."""
        home, config = self.deployment.home, self.deployment.config
        with opened("local", home=home, config=config, say=_quiet) as local:
            aged(local, certificate, days_left)

    def holds(self, client: str) -> Identity:
        """What the stack hands out to a client now."""
        bundle = self.deployment.outputs["clientCertificates"][client]
        file = self.folder / f"{client}-{bundle['serialNumber']}.pem"
        if not file.exists():  # a client that is asking reads it again and again
            write_private(file, (bundle["certificatePem"] + bundle["privateKeyPem"]).encode())
        return Identity(file)

    @property
    def endpoint(self) -> Endpoint:
        """As somebody sees it who has the newest CA bundle."""
        ca = self.folder / f"ca-{self._restarts}.crt"
        if not ca.exists():
            ca.write_text(
                self.deployment.outputs["endpoint"]["caCertificatesPem"], encoding="utf-8"
            )
        return replace(self.start, ca_file=ca)

    @contextmanager
    def load(self, *identities: Identity, endpoint: Endpoint | None = None) -> Iterator[None]:
        """Clients that have to be served as long as the block lasts, restarts aside."""
        with ExitStack() as asked:
            for identity in identities:
                client = asking(endpoint or self.endpoint, identity)
                self.loads.append(asked.enter_context(client))
            yield

    def expect(self, what: str, status: int, wanted: int) -> None:
        if status != wanted:
            self.broken.append(f"{what}: {status} instead of {wanted}")

    def told(self) -> Observed:
        if why := [words for load in self.loads for words in load.disbelieved]:
            self.broken.append(f"not believed by good clients {len(why)} times: {why[0]}")
        statuses = [status for load in self.loads for status in load.statuses]
        refused = [status for status in statuses if 400 <= status < 500]
        failed = [status for status in statuses if status == 0 or status >= 500]
        words = "; ".join([*self.broken, f"{len(refused)} refused"] if self.broken else [])
        return Observed(
            words or PROMISED.replace("0", str(len(refused))),
            note=f"{statuses.count(200)} served, {len(failed)} lost in {self._restarts} restarts",
        )


@contextmanager
def story() -> Iterator[Story]:
    with tempfile.TemporaryDirectory(prefix="life-") as name:
        folder = Path(name)
        (folder / "peers").mkdir()
        with deployed(folder / "cloud", say=_quiet) as deployment:
            yield Story(deployment, folder / "peers")


@case(
    "LIFE-01",
    "a client is taken out: its connections and sessions from before, and new ones",
    PROMISED,
    reaches=None,
    needs=("stack",),
)
def revoke(_: Endpoint) -> Observed:
    with story() as it:
        bob = it.holds("bob")
        context = it.start.context(bob)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # where a session is known at once
        with it.start.connect(None, context=context) as connection:
            request = it.start.request("GET", "/v1/models/demo").replace(b"close", b"keep-alive")
            connection.sendall(request)
            it.expect("bob, before", int(connection.recv(65536).split()[1]), 200)
            session = connection.session
            with it.load(it.holds("alice")):
                it.up(clients=[ALICE])
                refusal = it.endpoint.get(bob)
            with contextlib.suppress(OSError):
                connection.sendall(request)
                if answer := connection.recv(65536):
                    it.broken.append(f"the old connection was answered: {answer[:20]!r}")
        it.expect("bob, after", refusal.status, 403)
        logged = it.endpoint.logged(refusal)[-1]
        if (logged["client_name"], logged["client_standing"]) != ("bob", "revoked"):
            it.broken.append(f"the log says {logged['client_name']}: {logged['client_standing']}")
        with it.endpoint.connect(None, context=context, session=session) as connection:
            if connection.session_reused:
                it.broken.append("the old session was resumed")
            connection.sendall(it.start.request("GET", "/v1/models/demo"))
            it.expect("bob, with the old session", Answer(read_all(connection)).status, 403)
        return it.told()


@case(
    "LIFE-02",
    "a client comes back: its old certificate and its new one",
    PROMISED,
    reaches=None,
    needs=("stack",),
)
def come_back(_: Endpoint) -> Observed:
    with story() as it:
        old = it.holds("bob")
        with it.load(it.holds("alice")):
            it.up(clients=[ALICE])
            it.up(clients=[ALICE, BOB])
        it.expect("the old certificate", it.endpoint.get(old).status, 403)
        it.expect("the new certificate", it.endpoint.get(it.holds("bob")).status, 200)
        return it.told()


@case(
    "LIFE-03",
    "a client is rotated: the old generation, both, the new one",
    PROMISED,
    reaches=None,
    needs=("stack",),
)
def rotate(_: Endpoint) -> Observed:
    with story() as it:
        old = it.holds("alice")
        with it.load(it.holds("bob")):
            with it.load(old):
                it.up(clients=[{**ALICE, "generations": [1, 2]}, BOB])
                new = it.holds("alice")
                it.expect("the new generation beside the old", it.endpoint.get(new).status, 200)
                it.expect("the old generation beside the new", it.endpoint.get(old).status, 200)
            with it.load(new):
                it.up(clients=[{**ALICE, "generations": [2]}, BOB])
        it.expect("the old generation, dropped", it.endpoint.get(old).status, 403)
        return it.told()


@case(
    "LIFE-04",
    "certificates are renewed: clients that go on with the old ones",
    PROMISED,
    reaches=None,
    needs=("stack",),
)
def renew(_: Endpoint) -> Observed:
    with story() as it:
        old = it.holds("alice")
        before = it.deployment.outputs["endpoint"]["caCertificatesPem"]
        for name, days in (("client-alice@1", 100), ("server", 100), ("ca@1", 1000)):
            it.make_older(f"{name}-certificate", days)
        with it.load(old, endpoint=it.start):
            it.up()
            with it.load(it.holds("alice")):
                it.expect("the renewed certificate", it.endpoint.get(it.holds("alice")).status, 200)
        if it.deployment.outputs["endpoint"]["caCertificatesPem"] == before:
            it.broken.append("the CA's certificate was not renewed")
        if it.holds("alice") == old:
            it.broken.append("the client's certificate was not renewed")
        it.up()
        it.expect("after an up that changes nothing", it.start.get(old).status, 200)
        return it.told()


@case(
    "LIFE-05",
    "the server's key is rotated, and it gets another name",
    PROMISED,
    reaches=None,
    needs=("stack",),
)
def rotate_server(_: Endpoint) -> Observed:
    with story() as it:
        with it.load(it.holds("alice"), endpoint=it.start):
            it.up(serverGeneration=2)
            it.deployment.config["serverNames"] = ["localhost", "model.example.com"]
            it.up(serverGeneration=2)
            renamed = replace(it.endpoint, name="model.example.com")
            it.expect("by the other name", renamed.get(it.holds("alice")).status, 200)
        return it.told()


@case(
    "LIFE-06",
    "the CA is replaced: clients that follow a step behind",
    PROMISED,
    reaches=None,
    needs=("stack",),
)
def replace_ca(_: Endpoint) -> Observed:
    with story() as it:
        old = it.holds("alice")
        with it.load(old, endpoint=it.start):
            it.up(ca={"trusted": [1, 2], "issuing": 1})
        # From here on clients have the CA bundle with both, and still their old certificates.
        with it.load(old, it.holds("bob")):
            it.up(ca={"trusted": [1, 2], "issuing": 2})
            it.expect("issued by the new CA", it.endpoint.get(it.holds("alice")).status, 200)
        with it.load(it.holds("alice"), it.holds("bob")):
            it.up(ca={"trusted": [2]})
        it.expect("issued by the old CA", it.endpoint.get(old).status, 400)
        return it.told()


@case(
    "LIFE-07",
    "limits are put on one client while others ask",
    PROMISED,
    reaches=None,
    needs=("stack",),
)
def limit(_: Endpoint) -> Observed:
    with story() as it:
        with it.load(it.holds("alice")):
            it.up(clients=[ALICE, {**BOB, "paths": ["/openapi.json"]}])
        it.expect("what bob may not", it.endpoint.get(it.holds("bob")).status, 403)
        it.expect("what bob may", it.endpoint.get(it.holds("bob"), "/openapi.json").status, 200)
        return it.told()


@case(
    "LIFE-08",
    "a configuration that nginx does not take",
    "refused in nginx's words; as promised, 0 refused, 0 lost",
    reaches=None,
    needs=("stack",),
)
def unusable_configuration(_: Endpoint) -> Observed:
    with story() as it:
        with it.load(it.holds("alice")):
            said = it.up_after_editing("nginx/nginx.conf.j2", "server_tokens off", "server_tokenz")
        words = "refused in nginx's words" if 'directive "server_tokenz"' in said else said
        told = it.told()
        lost = sum(status != 200 for load in it.loads for status in load.statuses)
        return Observed(f"{words}; {told.came_back}, {lost} lost", note=told.note)


@case(
    "LIFE-09",
    "the server's certificate is replaced, and a client's clock is behind",
    PROMISED,
    reaches=None,
    needs=("stack",),
)
def late_clock(_: Endpoint) -> Observed:
    behind = 5
    with story() as it:
        while late_clocks.handshake(it.start, behind) != late_clocks.VERIFIED:
            time.sleep(0.5)  # a first deployment's certificate is too new for it
        with late_clocks.connecting(it.start, behind) as seen, it.load(it.holds("alice")):
            it.up(serverGeneration=2, clockSkewMinutes=1)
            time.sleep(1)
        if refused := seen[late_clocks.NOT_YET_VALID]:
            it.broken.append(f"{refused} of {seen.total()} handshakes: not yet valid")
        if seen[late_clocks.VERIFIED] < 10:
            it.broken.append(f"only {seen[late_clocks.VERIFIED]} handshakes")
        told = it.told()
        return Observed(told.came_back, note=f"{told.note}; {dict(seen)}")


def _quiet(line: str) -> None:
    pass

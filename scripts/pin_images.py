"""Write the current digest of every base image into the Dockerfiles given as arguments.

Owns the lines `ARG NAME=image:tag` whose NAME a `FROM` uses, and nothing else of a Dockerfile. The
digest is that of the multi-platform index, so one line serves every platform. Run again, it moves
the digests on; the tags stay a person's decision.

No image is pulled and no credentials are used: this asks the registry as the OCI distribution
specification describes, with the anonymous token a registry hands out to everybody.
"""

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


class PinError(Exception):
    """One sentence for the person who ran this."""


@dataclass(frozen=True)
class Image:
    """A reference such as `python:3.12-slim` or `mcr.microsoft.com/azure-cli:2.80.0`."""

    name: str
    """As written in the Dockerfile, without tag and digest."""
    tag: str

    @classmethod
    def parse(cls, reference: str) -> "Image":
        without_digest = reference.partition("@")[0]
        # A colon before the last slash belongs to the registry's port.
        head, slash, last = without_digest.rpartition("/")
        last, _, tag = last.partition(":")
        if not last or not tag or "$" in reference:
            raise PinError(
                f"'{reference}' has no fixed tag: write the exact version, such as "
                "python:3.12.1-slim, and run make pin-images again."
            )
        return cls(name=f"{head}{slash}{last}", tag=tag)

    @property
    def manifest_url(self) -> str:
        """Where the registry keeps the manifest, by Docker's rules for short names."""
        registry, slash, repository = self.name.partition("/")
        if not slash or not (set(".:") & set(registry) or registry == "localhost"):
            registry, repository = "docker.io", self.name
        if registry == "docker.io":
            # The host of the name and the host of the API differ for Docker Hub alone.
            registry = "registry-1.docker.io"
            repository = repository if "/" in repository else f"library/{repository}"
        host = registry.partition(":")[0]
        scheme = "http" if host in ("localhost", "127.0.0.1") else "https"
        return f"{scheme}://{registry}/v2/{repository}/manifests/{self.tag}"

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}"


def anonymous_token(client: httpx.Client, challenge: str) -> str:
    """The token which the `WWW-Authenticate` header of a 401 tells where to fetch."""
    scheme, _, rest = challenge.partition(" ")
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    realm = parameters.pop("realm", None)
    if scheme.lower() != "bearer" or realm is None:
        raise PinError("the registry asks for credentials")
    answer = client.get(realm, params=parameters).raise_for_status().json()
    token = isinstance(answer, dict) and (answer.get("token") or answer.get("access_token"))
    if not isinstance(token, str):
        raise PinError(f"{realm} gave no token")
    return token


def resolve_digest(client: httpx.Client, image: Image) -> str:
    """The digest of the image's multi-platform index, `sha256:...`, checked against its content."""
    headers = {"Accept": ", ".join(INDEX_TYPES)}
    answer = client.get(image.manifest_url, headers=headers)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        token = anonymous_token(client, answer.headers.get("WWW-Authenticate", ""))
        headers["Authorization"] = f"Bearer {token}"
        answer = client.get(image.manifest_url, headers=headers)
    answer.raise_for_status()

    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    if media_type not in INDEX_TYPES:
        raise PinError(f"the answer is of type '{media_type}', not a multi-platform index")
    digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    announced = answer.headers.get("Docker-Content-Digest", digest)
    if announced != digest:
        raise PinError(f"the registry announced {announced} but sent what hashes to {digest}")
    return digest


def reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error.request.url} answered {error.response.status_code}"
    if isinstance(error, httpx.RequestError):
        return f"{error.request.url.host} cannot be reached, {error or type(error).__name__}"
    return str(error)


def base_images(dockerfile: str) -> dict[str, str]:
    """Build argument -> reference, for the arguments that a `FROM` names."""
    used = set(re.findall(r"^FROM\s+(?:--\S+\s+)*\$\{?(\w+)\}?", dockerfile, re.MULTILINE))
    defaults = re.findall(r"^ARG\s+(\w+)=(\S+)[ \t]*$", dockerfile, re.MULTILINE)
    return {name: reference for name, reference in defaults if name in used}


def pin(dockerfiles: list[Path]) -> list[str]:
    """Rewrite the Dockerfiles; return one line per build argument about what was done.

    Every digest is looked up before the first file is written, so a failure changes nothing.
    """
    digests: dict[Image, str] = {}
    contents: dict[Path, str] = {}
    report: list[str] = []
    with httpx.Client(follow_redirects=True, timeout=20) as client:
        for path in dockerfiles:
            try:
                contents[path] = path.read_text(encoding="utf-8")
            except OSError as error:
                raise PinError(f"{path} cannot be read: {error.strerror}.") from error
            for name, reference in base_images(contents[path]).items():
                image = Image.parse(reference)
                try:
                    digests[image] = digests.get(image) or resolve_digest(client, image)
                except (PinError, httpx.HTTPError, ValueError) as error:
                    raise PinError(
                        f"The digest of {image} ({path}) could not be looked up, so no Dockerfile "
                        f"was changed: {reason(error)}."
                    ) from error
                pinned = f"{image}@{digests[image]}"
                contents[path] = re.sub(
                    rf"^(ARG\s+{name}=)\S+", rf"\g<1>{pinned}", contents[path], flags=re.MULTILINE
                )
                report.append(f"{path}: {name}={pinned}{' (as before)' * (pinned == reference)}")
    for path, content in contents.items():
        path.write_text(content, encoding="utf-8")
    return report


def main(arguments: list[str]) -> int:
    try:
        report = pin([Path(argument) for argument in arguments])
    except PinError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(report) or "No build argument of these Dockerfiles names a base image.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

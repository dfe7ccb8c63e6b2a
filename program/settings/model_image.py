"""What a stack file says of the model's image."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from program.settings.refusals import Rule, Section, refusal

_PART = "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*"
PREBUILT = (
    rf"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?/)?{_PART}(/{_PART})*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?@sha256:[0-9a-f]{64}$"
)
"""A registry, a repository, a tag that nobody reads, a digest.
https://pkg.go.dev/github.com/distribution/reference"""


class ModelImage(Section):
    """The model's image: built from a folder of this project, or a copy of a prebuilt one."""

    context: Annotated[
        str,
        Field(max_length=255),
        Rule("a folder of this project that holds a Dockerfile and a model", "model_image"),
    ] = "model_image"
    """What the image is built from."""
    model: Annotated[
        str | None,
        Field(min_length=1, max_length=255),
        Rule(
            "a path in the context's models/: a model's file, its folder, or a folder of versions",
            "model_image/models/iris.skops",
            typed="pulumi config rm --path modelImage.model",
        ),
    ] = None
    """What is served: a model of ONNX, TensorFlow, Keras, scikit-learn, XGBoost or LightGBM.
    Default: `model/` in the context, or else what its `train.py` makes."""
    trust_pickle: Annotated[bool, Field(strict=True), Rule("true or false", False)] = False
    """Whether the model may be a pickle, which can run anything when it is read."""
    build_args: Annotated[
        dict[str, str],
        Rule("build arguments of its Dockerfile, name to text (numbers in quotes)", {}),
    ] = {}
    """None is secret: everybody who can pull the image reads them."""
    ref: Annotated[
        str | None,
        Field(pattern=PREBUILT),
        Rule(
            "an image by digest, in lower case and without a scheme (a tag can change under a "
            "running stack)",
            "registry.example.com/model@sha256:<64 hex digits>",
        ),
    ] = None
    """A prebuilt image instead, which `up` copies into the stack's registry from wherever your
    Docker can pull it."""

    def probe_path(self, kind: Literal["live", "ready"], model_name: str) -> str:
        """Where the platform asks whether the model server is alive, or ready for requests.

        The status of the model is all that every server of the contract has; ours can be alive
        while it has no model yet.
        """
        return f"/v1/models/{model_name}" if self.ref else f"/health/{kind}"

    @property
    def all_build_args(self) -> dict[str, str]:
        """Those of the stack file, and those that follow from other keys of it."""
        args = dict(self.build_args)
        if self.model is not None:
            args["MODEL"] = PurePosixPath(self.model).relative_to(self.context).as_posix()
        if self.trust_pickle:
            args["TRUST_PICKLE"] = "true"
        return args

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        unused = self.model_fields_set - {"ref"} if self.ref is not None else ()
        for field in sorted(unused):
            key = f"modelImage.{type(self).model_fields[field].alias}"
            raise refusal(
                key,
                getattr(self, field),
                "nothing when modelImage.ref names a prebuilt image",
                f"pulumi config rm --path {key}",
            )
        return self

"""Whether a converted model answers as the original does."""

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort

from formats import SAMPLES

from .converted import Array, ConversionError, Converted, Row, first_line

RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""How far two numbers may be apart: conversion goes from double to single precision."""
_ROWS, _FREE, _ZEROS = 60, 3, 0.2
"""How many rows are made up, the size of other dimensions that are free, and the share of zeros,
which some take for a value that is missing."""
_MOSTLY = 0.5
"""Below this share of equal values it is not for the samples that others differ."""
_WORDS = ("", "a", "A word", "two words", "naïve", "Größe 42", "不 yes", "x" * 300)


def check(converted: Converted, rows: Sequence[Row] | None) -> str:
    """Compare on samples, or on made-up rows where there are none; say on how many.

    Raises:
        ConversionError: with the largest difference.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4  # of shapes that a converter declared wrongly
    try:
        session = ort.InferenceSession(converted.path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no other base class
        raise _not_run(error) from error
    inputs = given(session, rows) if rows else made_up(session)
    names = [output.name for output in session.get_outputs()]
    # The original has the samples as they are: what single precision loses of them counts, too.
    tensors = {one.name: inputs[one.name].astype(_type(one)) for one in session.get_inputs()}
    try:
        answers = dict(zip(names, session.run(names, tensors), strict=True))
    except Exception as error:  # as above
        raise _not_run(error) from error
    try:
        expected = converted.original(inputs)
    except Exception as error:  # of any library
        whose = f"the rows of {SAMPLES}" if rows else f"made-up rows: put a {SAMPLES} beside it"
        raise ConversionError(f"does not take {whose}: {first_line(error)}") from error
    if unknown := set(names) - expected.keys():
        raise ConversionError(
            f"has nothing to compare the output {min(unknown)} with; export it to ONNX yourself"
        )
    largest = max(
        _difference(name, expected[name], answers[name], are_given=bool(rows)) for name in names
    )
    count = len(next(iter(inputs.values())))
    kind = "given" if rows else "made-up"
    return f"{count} {kind} rows are answered alike; the largest difference is {largest:.2g}"


def _not_run(error: Exception) -> ConversionError:
    reason = " ".join(str(error).split())[:400]
    return ConversionError(
        f"becomes no ONNX that can be run, so it computes with what ONNX has not: {reason}"
    )


def given(session: ort.InferenceSession, rows: Sequence[Row]) -> dict[str, Array]:
    """The inputs of rows as in a request, in Python's precision."""
    arguments = session.get_inputs()
    if not all(isinstance(row, dict) for row in rows):
        rows = [{arguments[0].name: row} for row in rows]
    inputs = {}
    for one in arguments:
        try:
            type_ = np.dtype(float) if _type(one).kind == "f" else _type(one)
            values = np.array([row[one.name] for row in rows], dtype=type_)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise _unfit(one, f"{type(error).__name__}: {first_line(error)}") from None
        # Columns of scikit-learn's have a dimension of 1 behind.
        values = values if values.ndim == len(one.shape) else values[..., np.newaxis]
        sizes = zip(one.shape[1:], values.shape[1:], strict=False)
        if values.ndim != len(one.shape) or any(
            isinstance(size, int) and size != given for size, given in sizes
        ):
            raise _unfit(one, f"a row has the shape {list(values.shape[1:])}")
        if type_.kind == "f" and not np.isfinite(values).all():
            raise _unfit(one, "a number in it is none that can be computed with")
        inputs[one.name] = values
    return inputs


def _unfit(argument: ort.NodeArg, reason: str) -> ConversionError:
    kind = argument.type.removeprefix("tensor(").removesuffix(")")
    shape = [size if isinstance(size, int) else "any" for size in argument.shape[1:]]
    return ConversionError(
        f"does not take the rows of {SAMPLES}: {argument.name!r} is {kind} of the shape {shape}, "
        f"and {reason}"
    )


def made_up(session: ort.InferenceSession) -> dict[str, Array]:
    """Rows of every size of number, the same in each build."""
    random = np.random.default_rng(1)
    scale = np.repeat([0.1, 1, 10, 100], _ROWS // 4)
    tensors = {}
    for one in session.get_inputs():
        rest = tuple(size if isinstance(size, int) else _FREE for size in one.shape[1:])
        type_ = _type(one)
        values: Array
        if type_.kind == "f":
            values = random.standard_normal((_ROWS, *rest))
            values *= scale.reshape(-1, *[1] * len(rest))
            values[random.random(values.shape) < _ZEROS] = 0
        elif type_.kind == "O":
            values = random.choice(np.array(_WORDS, dtype=object), (_ROWS, *rest))
        else:  # small, as places in a table are
            values = random.integers(0, 2, (_ROWS, *rest))
        tensors[one.name] = values.astype(type_)
    return tensors


def _type(argument: ort.NodeArg) -> np.dtype[np.generic]:
    name = argument.type.removeprefix("tensor(").removesuffix(")")
    type_: np.dtype[np.generic] = np.dtype(
        {"string": "O", "float": "f4", "double": "f8"}.get(name, name)
    )
    return type_


def _difference(
    name: str, original: Array | Sequence[Array], answer: Array, *, are_given: bool
) -> float:
    """The largest of an output; ConversionError where it is too large."""
    several = [original] if isinstance(original, np.ndarray) else list(original)
    expected = next((one for one in several if one.size == answer.size), several[0])
    if expected.size != answer.size:
        raise ConversionError(
            f"differs from its original: output {name!r} has the shape {answer.shape}, and not "
            f"{expected.shape}"
        )
    expected, answer = expected.reshape(-1), answer.reshape(-1)
    if {expected.dtype.kind, answer.dtype.kind} <= set("fiub"):
        apart = np.abs(expected.astype(float) - answer.astype(float))
        alike = np.isclose(answer, expected, RELATIVE, ABSOLUTE, equal_nan=True)
    else:  # names of classes
        alike = expected.astype(str) == answer.astype(str)
        apart = np.where(alike, 0.0, np.inf)
    if not alike.all():
        worst = np.argmax(np.where(alike, -1, np.nan_to_num(apart, nan=np.inf)))
        step = "the converter gets this kind of model wrong: take another kind"
        if are_given:
            step = "single precision is too little for it, or the converter gets it wrong: scale it"
        elif np.mean(alike) > _MOSTLY:
            step = "put samples of the kind it was trained on beside it"
        raise ConversionError(
            f"differs from its original: output {name!r} is {answer[worst]} where that says "
            f"{expected[worst]}, the worst of {np.sum(~alike)} among {alike.size} values; {step}, "
            "or export it to ONNX yourself"
        )
    return float(np.nan_to_num(apart).max(initial=0))

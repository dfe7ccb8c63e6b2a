"""Models of other libraries: `make_foreign_models.py <library> <directory>`, in its environment.

Beside each model lies what the library itself predicts: `expected.json`, a request and its answer.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np  # type: ignore[import-not-found]  # it is in the image's environments only

FLOWERS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]]
X = np.repeat(np.array(FLOWERS), 20, axis=0) + np.random.default_rng(1).normal(0, 0.2, (60, 4))
Y = np.repeat([0, 2, 1], 20)


def expect(folder: Path, instances: list[Any], predictions: list[Any]) -> None:
    content = {"request": {"instances": instances}, "answer": {"predictions": predictions}}
    (folder / "expected.json").write_text(json.dumps(content))


def classified(labels: Any, scores: Any) -> list[Any]:
    rows = zip(np.asarray(labels).tolist(), np.asarray(scores).tolist(), strict=True)
    return [{"label": label, "probabilities": row} for label, row in rows]


def sklearn(directory: Path) -> None:
    import joblib  # type: ignore[import-not-found]  # noqa: PLC0415
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415
    import skops.io  # type: ignore[import-not-found]  # noqa: PLC0415
    from sklearn import (  # type: ignore[import-not-found]  # noqa: PLC0415
        compose,
        ensemble,
        feature_extraction,
        linear_model,
        multioutput,
        pipeline,
        preprocessing,
        svm,
    )

    def saved(name: str, model: Any) -> Path:
        folder = directory / name
        folder.mkdir()
        skops.io.dump(model, folder / "model.skops")
        return folder

    ridge = linear_model.Ridge()
    for name, model in (
        ("forest", ensemble.RandomForestClassifier(10, random_state=1)),
        ("histogram", ensemble.HistGradientBoostingClassifier(max_iter=5)),
        (
            "regression",
            pipeline.make_pipeline(preprocessing.StandardScaler(), ridge),
        ),
    ):
        model.fit(X, Y)
        folder = saved(name, model)
        if name == "regression":
            expect(folder, FLOWERS, [[value] for value in model.predict(FLOWERS).tolist()])
        else:
            expect(
                folder, FLOWERS, classified(model.predict(FLOWERS), model.predict_proba(FLOWERS))
            )

    texts, moods = ["a good film", "a bad film", "very good", "so bad"], ["+", "-", "+", "-"]
    words = feature_extraction.text.TfidfVectorizer()
    text = pipeline.make_pipeline(words, linear_model.LogisticRegression()).fit(texts, moods)
    expect(saved("text", text), texts, classified(text.predict(texts), text.predict_proba(texts)))

    people = pd.DataFrame({"age": [20.0, 60.0, 45.0, 33.0], "sex": ["f", "m", "f", "m"]})
    columns = compose.ColumnTransformer(
        [
            ("numbers", preprocessing.StandardScaler(), ["age"]),
            ("words", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["sex"]),
        ]
    )
    clinic = pipeline.make_pipeline(columns, linear_model.LogisticRegression())
    clinic.fit(people, [0, 1, 1, 0])
    samples = people.to_dict("records")
    rows = [{name: [value] for name, value in row.items()} for row in samples]
    answers = classified(clinic.predict(people), clinic.predict_proba(people))
    expect(saved("columns", clinic), rows, answers)
    (directory / "columns" / "samples.json").write_text(json.dumps({"instances": samples}))

    # Near 1e9 single precision has steps of 64.
    large = np.array([[1e9], [1e9 + 10], [1e9 + 20], [1e9 + 30]])
    precise = saved("precise", linear_model.LinearRegression().fit(large, [0, 1, 2, 3]))
    (precise / "samples.json").write_text(json.dumps({"instances": large.tolist()}))

    pickled = directory / "pickled"
    pickled.mkdir()
    model = linear_model.LogisticRegression().fit(X, Y)
    joblib.dump(model, pickled / "model.joblib")
    expect(pickled, FLOWERS, classified(model.predict(FLOWERS), model.predict_proba(FLOWERS)))

    def with_samples(name: str, model: Any, instances: list[Any]) -> None:
        (saved(name, model) / "samples.json").write_text(json.dumps({"instances": instances}))

    # Other columns than its own, and a column that it has not.
    with_samples("columns_missing", clinic, [{"age": 20.0}])

    both = multioutput.MultiOutputClassifier(linear_model.LogisticRegression())
    saved("several_classes", both.fit(X, np.column_stack([Y, Y == 0])))
    saved("unfitted", linear_model.Ridge())
    saved("pair", pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC()).fit(X, Y > 0))
    saved("margin", svm.LinearSVC().fit(X, Y > 0))
    saved("sparse", feature_extraction.text.TfidfTransformer().fit(np.abs(X)))

    # Scikit-learn's own, but for a function that it would call.
    import os  # noqa: PLC0415

    hostile = preprocessing.FunctionTransformer(os.system).fit(X)
    saved("hostile", hostile)


def boosting(directory: Path) -> None:
    import lightgbm  # type: ignore[import-not-found]  # noqa: PLC0415
    import xgboost  # type: ignore[import-not-found]  # noqa: PLC0415

    def folder(name: str) -> Path:
        (directory / name).mkdir()
        return directory / name

    options = {"objective": "multiclass", "num_class": 3, "verbose": -1, "min_data_in_leaf": 2}
    light = lightgbm.train(options, lightgbm.Dataset(X, Y), 5)
    light.save_model(folder("lightgbm") / "model.txt")
    scores = light.predict(FLOWERS)
    expect(directory / "lightgbm", FLOWERS, classified(scores.argmax(axis=1), scores))

    # Taken for missing are zeros, which made-up rows therefore have.
    zeros = np.where(np.random.default_rng(2).random(X.shape) < 0.5, 0, X)
    options = {"zero_as_missing": True, "verbose": -1, "min_data_in_leaf": 2}
    missing = lightgbm.train(options, lightgbm.Dataset(zeros, (zeros == 0).sum(axis=1)), 5)
    missing.save_model(folder("lightgbm_zeros") / "model.txt")

    # What the converter gets wrong, and says nothing of.
    options = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5, "verbose": -1}
    forest = lightgbm.train(options, lightgbm.Dataset(X, Y), 5)
    forest.save_model(folder("lightgbm_forest") / "model.txt")

    for name, suffix in (("xgboost", "ubj"), ("xgboost_json", "json")):
        several = xgboost.XGBClassifier(n_estimators=5).fit(X, Y)
        several.save_model(folder(name) / f"model.{suffix}")
        answer = classified(several.predict(FLOWERS), several.predict_proba(FLOWERS))
        expect(directory / name, FLOWERS, answer)
    two = xgboost.XGBClassifier(n_estimators=5).fit(X, Y == 0)
    two.save_model(folder("xgboost_binary") / "model.ubj")
    answer = classified(two.predict(FLOWERS), two.predict_proba(FLOWERS))
    expect(directory / "xgboost_binary", FLOWERS, answer)
    number = xgboost.XGBRegressor(n_estimators=5).fit(X, Y)
    number.save_model(folder("xgboost_number") / "model.json")
    predicted = [[value] for value in number.predict(FLOWERS).tolist()]
    expect(directory / "xgboost_number", FLOWERS, predicted)
    stopped = xgboost.XGBClassifier(n_estimators=50, early_stopping_rounds=2, learning_rate=1)
    noise = np.random.default_rng(3).integers(0, 3, 60)
    stopped.fit(X, Y, eval_set=[(X, noise)], verbose=False)
    stopped.save_model(folder("xgboost_stopped") / "model.ubj")
    answer = classified(stopped.predict(FLOWERS), stopped.predict_proba(FLOWERS))
    expect(directory / "xgboost_stopped", FLOWERS, answer)
    linear = xgboost.XGBRegressor(booster="gblinear", n_estimators=5).fit(X, Y)
    linear.save_model(folder("xgboost_linear") / "model.json")


def tensorflow(directory: Path) -> None:
    import keras  # type: ignore[import-not-found]  # noqa: PLC0415

    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,), name="flower")
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    outputs = keras.layers.Dense(3, activation="softmax", name="kind")(hidden)
    model = keras.Model(inputs, outputs)
    predicted = model(np.array(FLOWERS, dtype=np.float32)).numpy().tolist()
    (directory / "keras").mkdir()
    model.save(directory / "keras" / "model.keras")
    expect(directory / "keras", FLOWERS, predicted)
    model.export(directory / "saved_model", verbose=False)

    doubled = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: 2 * x)])
    for suffix in ("keras", "h5"):
        (directory / f"lambda_{suffix}").mkdir()
        doubled.save(directory / f"lambda_{suffix}" / f"model.{suffix}")

    @keras.saving.register_keras_serializable()
    class Doubled(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return 2 * x

    own = keras.Sequential([keras.Input((4,)), Doubled()])
    (directory / "own_layer").mkdir()
    own.save(directory / "own_layer" / "model.keras")

    # ONNX has no such operators on text.
    split = keras.layers.TextVectorization(max_tokens=9, output_sequence_length=2)
    split.adapt(["a b", "b c"])
    words = keras.Sequential([keras.Input((1,), dtype="string"), split])
    (directory / "words").mkdir()
    words.save(directory / "words" / "model.keras")
    expect(directory / "saved_model", FLOWERS, predicted)


LIBRARIES: dict[str, Callable[[Path], None]] = {
    "sklearn": sklearn,
    "boosting": boosting,
    "tensorflow": tensorflow,
}

if __name__ == "__main__":
    LIBRARIES[sys.argv[1]](Path(sys.argv[2]))

"""`register_models.py <model>`: registers it with MLflow's default store in this folder.

Prints the id of the run. Runs in the environment of localcloud/mlflow_download.py.
"""

import sys
from pathlib import Path

import mlflow  # type: ignore[import-not-found]
from mlflow.models import Model  # type: ignore[import-not-found]

model = Path(sys.argv[1])
described = Model()
described.add_flavor("onnx", data=model.name)
described.save(model.parent / "MLmodel")
with mlflow.start_run() as run:
    mlflow.log_artifacts(str(model.parent), "net")
    mlflow.register_model(f"runs:/{run.info.run_id}/net", "net")
mlflow.MlflowClient().set_registered_model_alias("net", "champion", "1")
print(run.info.run_id)

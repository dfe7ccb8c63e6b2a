# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "mlflow-skinny",      # finds a model and downloads it
#   "sqlalchemy",         # tracking in a database, which without a server is MLflow's default
#   "alembic",            # as above
#   "azure-storage-blob", # artifacts in Azure's storage
# ]
# ///
"""`mlflow_download.py <URI> <folder>`: in an environment of its own."""

import sys

import mlflow.artifacts  # type: ignore[import-not-found]
from mlflow.exceptions import MlflowException  # type: ignore[import-not-found]

if __name__ == "__main__":
    try:
        mlflow.artifacts.download_artifacts(artifact_uri=sys.argv[1], dst_path=sys.argv[2])
    except MlflowException as error:
        sys.exit(str(error).splitlines()[0])

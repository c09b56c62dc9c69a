"""Clients of running models. They speak HTTP only, and import nothing from `mlflow_models`."""

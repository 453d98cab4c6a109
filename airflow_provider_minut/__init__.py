"""Airflow provider for Minut: noise, temperature and motion sensors for homes."""

__version__ = "0.1.0"

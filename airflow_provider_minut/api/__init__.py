"""The Minut API for Python. Nothing in here knows Airflow."""

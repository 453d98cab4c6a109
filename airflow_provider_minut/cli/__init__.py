"""Commands of ``airflow minut``."""

"""The page *Minut* in Airflow's UI."""

"""Links from a task to Minut."""

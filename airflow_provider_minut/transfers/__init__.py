"""From the Minut API to where data is kept."""

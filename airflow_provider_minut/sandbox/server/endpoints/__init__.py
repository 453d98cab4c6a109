"""The endpoints below the base URL, by what they are about."""

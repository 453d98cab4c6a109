"""Client credentials, access tokens, and their refresh."""

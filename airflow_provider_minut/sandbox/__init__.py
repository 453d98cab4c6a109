"""A Minut API on loopback, to try out, test and demonstrate the provider without an account."""

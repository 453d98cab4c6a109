"""A Minut API on loopback, to try, test and demonstrate without an account."""

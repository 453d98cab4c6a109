"""The fault suite: a table of faults, and the servers that simulate them."""

"""The fault suite: a table of what can go wrong, and the servers that let it go wrong."""

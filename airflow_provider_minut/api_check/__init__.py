"""Compares what Minut sends with what the provider expects, without showing any value of a reply."""

"""Tells the reviewer of a change what it will do: `python -m review --help`."""

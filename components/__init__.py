"""Reusable parts of an endpoint, one file each."""

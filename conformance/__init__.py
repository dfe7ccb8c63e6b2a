"""Proves what an endpoint promises, against a running one."""

"""Helpers that tests import: `from support.waiting import wait_until`."""

"""Verify: sealed checkpoints derived again from the log, and the live rows held against the last of them."""

"""Replay: the log run again into a second schema, compared with the live one, and promoted in its place."""

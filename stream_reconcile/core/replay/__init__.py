"""What a replay decides, without clock and IO: where to stop, and which rows of two ordered streams differ."""

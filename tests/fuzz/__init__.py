"""What `make fuzz` runs: bytes of every kind into what reads other people's bytes, with oracles that can fail."""

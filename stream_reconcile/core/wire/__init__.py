"""Bytes of the broker → frozen values. The only folder of core that uses msgspec."""

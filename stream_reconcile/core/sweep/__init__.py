"""What the sweep decides: which one is due, what a difference is, what explains what. Pure."""

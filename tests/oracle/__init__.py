"""Slow, obvious readers and calculators that fast paths are compared with."""

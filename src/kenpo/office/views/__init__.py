"""The pages of the office, one module per family."""

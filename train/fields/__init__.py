"""Whole fields: the truth about them, matching what was found with it, and figures."""

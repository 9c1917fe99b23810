"""The report of variants: one HTML page, and the same tables for docs/."""

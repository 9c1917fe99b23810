"""A month of the clinic: what was screened and found, and how far reader and machine agree."""

"""Archives of slides: each is screened as `screen` screens it, and the results become tables.

Needs the `archive` extra (pyarrow, and fsspec for URLs), which is imported where it is used.
"""

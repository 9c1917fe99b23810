"""The clinic's records: SQLite for what was decided, files for what was seen."""

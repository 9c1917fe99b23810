"""Self-contained HTML reports: of a data set, and of fits."""

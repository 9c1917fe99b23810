"""Reports to print or to pass on: what is on them, and how they look as HTML and as PDF."""

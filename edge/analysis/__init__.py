"""What is in a field: its quality, its cells, and what a model's scores say of each."""

"""The device's commands, one file a noun. They parse, call, and print; nothing else."""

"""The commands of `train`, one file a verb. They parse, call, and print; nothing else."""

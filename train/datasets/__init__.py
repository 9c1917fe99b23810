"""One file a data set: where its images are, their labels and patients. No training here."""

"""What leaves the device to ask for help: one file with everything but patient data."""

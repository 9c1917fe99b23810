"""Many devices seen at once, without a server of ours: what each one is, runs and lacks."""

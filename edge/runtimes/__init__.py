"""One file a runtime, imported only when it is opened; `base` holds what all of them promise."""

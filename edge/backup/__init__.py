"""All that a device recorded in one file, and back from it onto an empty device."""

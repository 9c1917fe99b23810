"""Commands of `clinicscope compress`, one module each."""

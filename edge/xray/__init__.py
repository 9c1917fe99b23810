"""Chest X-rays: reading their pictures, calling them, and what a specimen of them comes to."""

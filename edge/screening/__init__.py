"""One specimen from light to verdict: the pure steps, and the service that owns the camera."""

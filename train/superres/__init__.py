"""Super-resolution: cells and what a cheaper camera would have seen of them, twofold back."""

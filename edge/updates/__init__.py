"""Updates of bundles and of the program: signed, proven before they are used, and taken back."""

"""Writes the document: `python -m web_ui.api > docs/openapi.json`."""

from __future__ import annotations

from web_ui.api.document import main

if __name__ == "__main__":
    main()

"""Writes the document: `python -m web_ui.api > docs/openapi.json`."""

from web_ui.api.document import main

main()

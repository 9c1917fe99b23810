"""What every response says to the browser about safety and caching."""

from __future__ import annotations

from flask import Flask, Response

# No Strict-Transport-Security: a browser that holds to it lets nobody pass a certificate of the
# device's own making, which is all that a device without internet has.
#
# Nothing from outside, nothing inline: a script in a slide's label has nowhere to run.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def protect_responses(app: Flask) -> None:
    """Adds the headers to all that an app answers, errors and static files included."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype in ("text/html", "application/json"):
        # A clinic's phone is shared: no page about a specimen stays in its cache.
        response.headers.setdefault("Cache-Control", "no-store")
    return response

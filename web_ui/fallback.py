"""The page at the same address when the service could not start: it says why and what to do."""

from __future__ import annotations

from flask import Flask, Response, jsonify, render_template, request

from web_ui.compressed import compress_answers
from web_ui.dress import dress
from web_ui.headers import protect_responses


def create_fallback_app(problem: str) -> Flask:
    """Answers every address with 503.

    Args:
        problem: one sentence on why the service could not start and what to do about it.
    """
    app = Flask(__name__)

    def refuse() -> tuple[Response | str, int] | None:
        if request.endpoint == "static":
            return None  # The page's own style.
        if request.path == "/healthz":
            return jsonify(status="unready"), 503
        return render_template("fallback.html", problem=problem), 503

    app.before_request(refuse)
    compress_answers(app)
    protect_responses(app)
    dress(app)
    return app

"""LiteRT (ai-edge-litert), the runtime of the base install."""

from __future__ import annotations

from edge.runtimes.tflite import TFLiteRuntime


class LiteRTRuntime(TFLiteRuntime):
    """The network under ai-edge-litert's interpreter; see `TFLiteRuntime`."""

    name = "litert"
    title = "LiteRT"
    library = "ai_edge_litert.interpreter"
    install = "ai-edge-litert"

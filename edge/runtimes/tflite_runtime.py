"""tflite-runtime, for systems that are too old for LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.contract.errors import RuntimeUnavailableError
from edge.runtimes.tflite import TFLiteRuntime


class LegacyTFLiteRuntime(TFLiteRuntime):
    """The network under tflite-runtime's interpreter; see `TFLiteRuntime`.

    Raises:
        RuntimeUnavailableError: also where NumPy is too new for it.
    """

    name = "tflite_runtime"
    title = "tflite-runtime"
    library = "tflite_runtime.interpreter"
    install = "'clinicscope[legacy]' in an environment of its own"

    def _import(self) -> Any:
        library = super()._import()
        # It is built against NumPy 1; with NumPy 2 it loads, then fails with a SystemError.
        if int(np.__version__.split(".")[0]) >= 2:
            raise RuntimeUnavailableError(
                f"{self.title} needs NumPy below 2, this is {np.__version__}; "
                f"pip install {self.install}"
            )
        return library

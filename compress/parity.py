"""How far the INT8 model is from its float parent, and the refusal to ship where it is too far."""

from __future__ import annotations

import numpy as np

from edge.contract.errors import DataError
from edge.contract.manifest import Parity
from edge.contract.types import BoolArray, F32Array
from train.evaluate import auc

MAX_AUC_LOSS = 0.0005
MAX_ACCURACY_LOSS = 0.001


def measure_parity(
    float_logits: F32Array, int8_logits: F32Array, positive: BoolArray, threshold_logit: float
) -> Parity:
    """Agreement on the same cells, (N,) each; calls at the operating point."""
    float_calls, int8_calls = float_logits >= threshold_logit, int8_logits >= threshold_logit
    return Parity(
        n_cells=len(positive),
        auc_float=round(auc(float_logits.astype(float), positive), 5),
        auc_int8=round(auc(int8_logits.astype(float), positive), 5),
        accuracy_float=round(float((float_calls == positive).mean()), 5),
        accuracy_int8=round(float((int8_calls == positive).mean()), 5),
        logit_mean_abs_difference=round(float(np.abs(float_logits - int8_logits).mean()), 5),
        calls_agree_fraction=round(float((float_calls == int8_calls).mean()), 5),
    )


def check_parity(parity: Parity) -> None:
    """Raises DataError where INT8 loses more than a bundle may; nothing is packed then."""
    auc_loss = parity.auc_float - parity.auc_int8
    accuracy_loss = parity.accuracy_float - parity.accuracy_int8
    if auc_loss > MAX_AUC_LOSS or accuracy_loss > MAX_ACCURACY_LOSS:
        raise DataError(
            f"INT8 loses {auc_loss:.5f} AUC (at most {MAX_AUC_LOSS}) and {accuracy_loss:.5f} "
            f"accuracy (at most {MAX_ACCURACY_LOSS}) against float on {parity.n_cells} cells; "
            "use a larger representative set or train with quantisation"
        )

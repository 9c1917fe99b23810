"""The figures of the last spans that were asked for, until anything of the records changes."""

from __future__ import annotations

import threading
from collections import OrderedDict

from edge.agreement import Agreement
from edge.protocol import Protocol
from edge.statistics.counts import Counts, count
from edge.statistics.readers import agreement_of
from edge.statistics.wanted import Wanted
from edge.store.audit import Audit
from edge.store.store import Store

_KEPT = 16

Found = tuple[Counts, tuple[Agreement, dict[str, Agreement]]]


class Figures:
    """Reads a span once for all who look at it: years of a busy site take a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Wanted, int, str], Found] = OrderedDict()

    def of(self, store: Store, wanted: Wanted, protocol: Protocol) -> Found:
        """Counts of a span, and how machine and reader agree: in all, and by month."""
        key = (wanted, Audit(store).newest_change(), protocol.label)
        with self._lock:
            found = self._found.get(key)
        if found is None:
            found = count(store, wanted), agreement_of(store, wanted, protocol)
        with self._lock:
            self._found[key] = found
            self._found.move_to_end(key)
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return found

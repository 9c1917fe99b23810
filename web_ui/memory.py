"""How memory is kept while many threads make pages, by the C library and by Python.

glibc gives each thread a heap of its own, up to eight for each processor, and what one frees no
other may use: with twelve threads that make pages, the appliance grew to twice what it needs. Two
heaps keep it flat (ADR 25).
"""

from __future__ import annotations

import ctypes
import gc

# M_ARENA_MAX of glibc's malloc.h.
_ARENA_MAX = -8
ARENAS = 2
# A field's cells alone are some thousand objects; Python's own 700 would look for rings at each.
_NEW_OBJECTS = 20_000


def share_heaps() -> bool:
    """Lets all threads share two heaps; call it before they are begun.

    Returns:
        False where the C library is another one and decides by itself.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_ARENA_MAX, ARENAS))


def settle_objects() -> None:
    """Spares the search for unused rings all that is there now; call it when all is loaded.

    A full search passes over every module, table and template: tens of milliseconds in the midst
    of a page, with every other thread waiting.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])

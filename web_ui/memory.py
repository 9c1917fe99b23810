"""How the C library keeps memory for many threads.

glibc gives each thread a heap of its own, up to eight for each processor, and what one frees no
other may use: with twelve threads that make pages, the appliance grew to twice what it needs. Two
heaps keep it flat (ADR 25).
"""

from __future__ import annotations

import ctypes

# M_ARENA_MAX of glibc's malloc.h.
_ARENA_MAX = -8
ARENAS = 2


def share_heaps() -> bool:
    """Lets all threads share two heaps; call it before they are begun.

    Returns:
        False where the C library is another one and decides by itself.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_ARENA_MAX, ARENAS))

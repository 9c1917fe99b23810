"""Sentences of the device about itself: its settings, its bundles, its checks, its benchmark.

Part of `edge.sentences`, which tells what the templates are for.
"""

from __future__ import annotations

from edge.language import mark as _

_CLOCK = (
    _("time is %(text)s; give one such as 2026-11-26T13:00:00Z"),
    _("time is %(text)s, without a zone; add Z or +03:00"),
    _(
        "time is %(text)s, which cannot be: this program was made after %(name)s; set the clock of "
        "the phone first"
    ),
    _(
        "this program may not set the clock of this device; who may, runs `sudo date --utc "
        "--set='%(text)s'` on it"
    ),
    _("the clock says %(text)s, which is before this program was made"),
    _("the clock says %(text)s, and the newest record was made at %(name)s"),
    _("set the clock; ids and order stay right meanwhile"),
)
_SETTINGS = (
    _("page.clinic is %(text)s; give at most %(high)s characters on one line"),
    _("%(name)s is %(text)s; allowed: %(low)s to %(high)s"),
    _("protocol is %(text)s; known: %(name)s"),
)
_BUNDLES = (
    _("bundle %(name)s is active already"),
    _("no other bundle was active for %(name)s before this one"),
    _("bundle %(name)s, which was active before, is no longer on this device"),
    _(
        "config.toml names %(text)s for %(name)s, which comes before any choice; remove that line "
        "first"
    ),
    _(
        "bundle %(name)s was chosen for %(text)s and is no longer on this device; install it "
        "again, or choose another with `clinicscope bundle activate`"
    ),
    _("install the bundle again; do not screen"),
)
_CHECKS = (
    _("%(count)s GB free in %(name)s"),
    _("export and delete old specimens before screening"),
    _("export and delete old specimens soon"),
    _("database and images are sound"),
    _("run `clinicscope doctor --repair`; if that does not help, restore a backup"),
    _("no check of this site; the bundle's own threshold counts"),
    _("none is installed; the page shows no sharper view"),
    _("repair what was preferred, or choose another accelerator"),
    _("whole, %(count)s lines"),
    _("nothing is recorded yet"),
    _("these records were never backed up"),
    _("run `clinicscope backup --to DRIVE --recipient KEY`, or use the page's button"),
    _("there is room by the rule of retention"),
    _("the images of %(count)s specimens may go"),
    _("%(count)s wait to be sent, %(number)s were given up"),
    _("see why on the page, then send them again"),
    _("sign nothing on this device until it is known who changed it"),
    _("%(name)s (%(hash)s) passes its golden tensors on %(text)s"),
    _("%(name)s (%(hash)s) passes its golden tensors of %(roles)s on %(text)s, %(count)s threads"),
)
_BENCHMARK = (
    _("no change can be claimed: the intervals overlap"),
    _("no change can be claimed: records are not comparable (it looks %(text)s)"),
    _("%(count)s slower"),
    _("%(count)s faster"),
    _("the first is not comparable because %(text)s"),
    _("the second is not comparable because %(text)s"),
    _("unsteady: medians of the blocks span %(count)s"),
    _("too few runs: %(count)s, at least %(low)s are needed"),
    _("drift: calls were %(count)s slower at the end than at the start"),
    _("drift: calls were %(count)s faster at the end than at the start"),
    _("load of the machine: other processes took %(count)s processors, %(high)s is allowed"),
    _("this machine tells no %(name)s"),
)

DEVICE_SENTENCES: tuple[str, ...] = (
    *_CLOCK,
    *_SETTINGS,
    *_BUNDLES,
    *_CHECKS,
    *_BENCHMARK,
)

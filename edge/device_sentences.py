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
_HEALTH = (
    _("%(count)s GB free in %(name)s; room for %(number)s files"),
    _("the file system met %(count)s errors"),
    _("it is worn out"),
    _("it is nearly worn out"),
    _("no error was met"),
    _("no error was met; less than %(count)s of its life is used"),
    _("back up now, then have the card or the drive replaced"),
    _("this machine does not tell"),
    _("this machine tells none"),
    _("%(count)s MB are left of %(total)s MB"),
    _(
        "%(count)s MB are left of %(total)s MB; programs ended for want of memory since it was "
        "switched on: %(number)s"
    ),
    _("end other programs, then restart the device"),
    _("end other programs on this device"),
    _("make the file for support, then restart the device"),
    _("%(count)s °C at %(name)s"),
    _("give it air and shade; clean its fan and its vents"),
    _("switch it off and let it cool; give it air and shade; clean its fan and its vents"),
    _("enough, and nothing has slowed it down"),
    _("the voltage is too low now"),
    _("the voltage was too low since it was switched on"),
    _("use the power supply that came with the board, and a short, thick cable"),
    _("%(count)s over-currents since it was switched on, each of which slowed it down"),
    _(
        "use the power supply that came with the board, and a short, thick cable; or choose a mode "
        "of less power"
    ),
    _("it is slowed down now: %(text)s"),
    _("it was slowed down since it was switched on: %(text)s"),
    _("nothing waits to be sent"),
    _("the oldest item has waited %(count)s days, since %(text)s"),
    _("bring the device to a network; `clinicscope sync --show` says what waits"),
    _("none waits"),
    _("%(name)s waits to be applied"),
    _("bundle %(name)s is on trial"),
    _("version %(name)s is on trial since %(text)s"),
    _("version %(name)s was refused: %(why)s"),
    _("version %(name)s was taken back: %(why)s"),
    _("bundle %(name)s was taken back at %(text)s: %(why)s"),
    _("give it the update again, or one of a newer version; see docs/updates.md"),
    _("%(name)s: %(text)s; last picture %(count)s s ago"),
    _("its driver hangs"),
    _("camera: its driver hangs"),
    _("nobody watches the camera any more"),
    _("camera: nobody watches the camera any more"),
    _("page: no answer within %(count)s s (%(text)s)"),
    _("screening: the analysis of a field"),
    _("screening: the storing of a field"),
    _("single pictures: the analysis of pictures"),
    _("single pictures: the opening of the bundle for %(name)s"),
    _("an internal error (%(name)s)"),
    _("%(name)s computes"),
    _("%(name)s computes; a fallback: %(why)s"),
    _("see the check of the network that decides"),
    _("all parts answer; no systemd watches this process"),
    _("all parts answer; systemd restarts it after %(count)s s without"),
    _("restart the device, then make the file for support"),
)
_STARTS = (
    _("it has not broken off since the device was switched on"),
    _(
        "breakdowns since the device was switched on: %(count)s; the last of these starts was at "
        "%(text)s"
    ),
    _(
        "breakdowns since the device was switched on: %(count)s; the last of these starts was at "
        "%(text)s: %(why)s"
    ),
    _("make the file for support, which holds the log"),
    _("it runs in safe mode: %(why)s"),
    _("mend the cause, then start it normally on its page"),
    _("safe mode: %(why)s"),
    _("%(why)s; nothing is screened until it is started normally"),
    _("the service broke off %(count)s times in a row; the log has more"),
    _("the service broke off %(count)s times in a row; the last known cause: %(why)s"),
    _(
        "the service broke off %(count)s times in a row; the last known cause: %(why)s, in safe "
        "mode, too"
    ),
    _("the service broke off %(count)s times in a row; the log has more, in safe mode, too"),
    _("a person asked for it"),
    _("no bundle is opened for %(name)s in safe mode; start it normally first"),
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
    *_HEALTH,
    *_STARTS,
    *_BENCHMARK,
)

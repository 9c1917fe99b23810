"""Sentences of updates, as templates; see `edge.sentences`.

Why one is refused, and what became of it. What an engineer alone meets, at the console, stays
English.
"""

from __future__ import annotations

from edge.language import mark as _

_WHO = (
    _("%(path)s is not signed: it holds no SIGNATURE; sign it with `clinicscope bundle sign`"),
    _(
        "key %(name)s was revoked: what it signed is no longer trusted; ask for an update that "
        "another key signed"
    ),
    _(
        "key %(name)s is not trusted on this device (trusted: %(text)s); ask who signs your "
        "updates, and have the .pub file of the key put on this device"
    ),
    _("%(path)s holds no signature; sign it with `clinicscope bundle sign`"),
    _(
        "the signature in %(path)s is not that of key %(name)s: it was altered since it was "
        "signed, or another key signed it; get it anew from who made it"
    ),
    _("%(path)s is empty; sign the update, or copy it again"),
    _("%(path)s is cut off or damaged (%(why)s); copy the update again"),
)
_WHOM = (
    _("this is a signed %(text)s, not a %(what)s; give the right file"),
    _("%(what)s is for %(text)s; this device is %(name)s, a %(model)s"),
    _("%(what)s is for the sites %(text)s; this device is %(name)s"),
    _("at no site (Settings, Clinic)"),
)
_HOW_OLD = (
    _(
        "%(what)s is older than version %(number)s, which this device has had; an older one is "
        "never taken from outside. To go back, use the device's own way back"
    ),
    _(
        "%(what)s is not the version %(number)s that this device has had: two updates carry one "
        "number; ask who made it for one with a higher number"
    ),
    _("%(name)s is on this device already, and in use"),
    _("version %(number)s is here, too"),
    _("version %(number)s is in use already"),
    _("it waits already"),
    _("more than %(high)s files are there; from this one on none was looked at"),
    _("known already: %(text)s"),
    _("another update is at work on this device; wait for its end"),
)
_HOW_WHOLE = (
    _("%(path)s is neither a folder nor a whole zip (%(why)s); copy it again"),
    _("%(name)s is missing from %(path)s; copy the update again"),
    _("%(name)s in %(path)s cannot be read (%(why)s); copy the update again"),
    _(
        "%(name)s in %(path)s has sha256 %(text)s, its SIGNATURE says %(hash)s; copy the update "
        "again"
    ),
    _("%(path)s holds %(name)s, which its SIGNATURE does not list; get it anew from who made it"),
    _("%(path)s unpacks to %(count)s bytes; %(high)s are allowed; refused"),
    _(
        "no room for %(what)s: %(count)s bytes are needed and %(low)s kept free, %(high)s bytes "
        "are free; free some space and try again. What is in use is untouched"
    ),
)
_OUTCOME = (
    _("%(name)s is installed; it is in use once the service starts again"),
    _("%(name)s waits for the program that puts it in force"),
    _("the program of this machine is not updated in this way"),
    _("it was taken back here at %(text)s: %(why)s"),
    _("key %(name)s is trusted, as key %(text)s says"),
    _("key %(name)s is revoked, as key %(text)s says"),
    _("the service was started %(count)s times with it and did not stay up"),
)
UPDATE_SENTENCES: tuple[str, ...] = (*_WHO, *_WHOM, *_HOW_OLD, *_HOW_WHOLE, *_OUTCOME)

"""Sentences of errands on the page, as templates; see `edge.sentences`.

What is entered, looked up, signed, corrected, copied and sent, and why it could not be.
"""

from __future__ import annotations

from edge.language import mark as _

_SERVICE = (
    _("this device must not screen: %(why)s"),
    _("specimen %(id)s is being screened; wait or stop it first"),
    _("specimen %(id)s is being screened; wait for its result"),
    _("“%(label)s” is being screened; wait for it or stop it first"),
    _("specimen %(id)s is no slide; take its image again"),
    _("no bundle for %(task)s is installed"),
    _("no bundle for %(task)s is installed; give --bundle PATH"),
    _("no runtime opened bundle %(name)s: %(why)s"),
    _(
        "another ClinicScope is running with the records in %(folder)s; stop it, or set "
        "CLINICSCOPE_HOME to another folder"
    ),
    _("no room for %(path)s: %(why)s; free some space and try again"),
    _("What was stored before is untouched"),
    _("%(path)s cannot be written (%(why)s); check that its folder may be written"),
)
_ENTRIES = (
    _(
        "%(what)s is %(text)s; use 1 to 64 letters A-Z, digits and . _ : / - that begin with a "
        "letter or digit"
    ),
    _("%(what)s is empty; give a name"),
    _(
        "%(what)s is %(text)s; it begins as a formula of a spreadsheet does: let it not begin with "
        "any of %(signs)s"
    ),
    _("%(what)s has %(count)s characters; use at most %(high)s"),
    _("%(what)s is %(text)s; use one of %(choices)s"),
    _("%(what)s is %(text)s; write 2026-11-21 or 2026-11-21T09:30+03:00"),
    _("%(what)s is %(text)s; no year before %(number)s is taken"),
    _("%(what)s is %(text)s; it has a control character (%(sign)s): remove it"),
    _("%(what)s is %(text)s; give a whole number from 0 to %(high)s"),
    _("The site"),
    _("The patient's id"),
    _("The name"),
    _("The barcode"),
    _("The time"),
    _("name"),
    _("barcode"),
    _("reason"),
    _("note"),
    _("verdict"),
    _("time of collection"),
    _("name of who signs"),
    _("name of who amends"),
)
_RECORDS = (
    _("specimen %(id)s cannot be signed: %(why)s"),
    _("specimen %(id)s has no result to amend"),
    _(
        "specimen %(id)s cannot be amended to negative: that needs a slide read to its end, every "
        "suspect cell judged and none found infected; screen the slide again"
    ),
    _(
        "specimen %(id)s was changed by someone else meanwhile; look at it again, then repeat your "
        "change"
    ),
    _(
        "specimen %(id)s was changed by someone else meanwhile (you saw version %(count)s, it is "
        "%(number)s now); look at it again, then repeat your change"
    ),
    _("the result of specimen %(id)s is signed; amend it, with a reason"),
    _("the result of specimen %(id)s is not signed yet; sign it instead"),
    _("specimen %(id)s is still being screened; wait or stop it"),
    _("an amendment needs a reason; say why the result is changed"),
    _("%(name)s judged this cell meanwhile; look at it again"),
    _("Someone judged this cell meanwhile; look at it again"),
    _("label is %(text)s; use one of the buttons"),
    _("specimen %(id)s has a thin slide with barcode %(barcode)s; given %(other)s"),
    _("specimen %(id)s has a thick slide with barcode %(barcode)s; given %(other)s"),
    _(
        "patient %(id)s is in the register with other values (%(known)s); change that one, or take "
        "another id"
    ),
    _("patient %(id)s is in the register with other values: %(known)s, here %(given)s"),
    _("patient %(id)s is not in the register; add the patient first"),
    _("barcode %(barcode)s is not on the worklist"),
    _(
        "barcode %(barcode)s is on the worklist already for patient %(id)s, %(smear)s, collected "
        "%(time)s"
    ),
    _(
        "worklist lacks the columns %(columns)s; its first line is %(text)s: save the sheet as CSV "
        "in UTF-8 with a header"
    ),
    _("the line has more than %(high)s characters"),
)
_COUNTS = (
    _("%(name)s is %(text)s; a count is 0 to %(high)s"),
    _("neither white nor red cells were counted; give one of both counts"),
    _("wbc_per_ul is %(count)s; a measured count is %(low)s to %(high)s white cells a microlitre"),
    _("wbc_per_ul is %(count)s; leave it out where it was not measured"),
    _(
        "%(count)s white and %(number)s red cells were counted; give one of them: white cells for "
        "a thick smear, red cells for a thin one"
    ),
    _(
        "%(count)s parasites and %(number)s gametocytes in %(total)s red cells; count infected red "
        "cells, each once"
    ),
)
_PERSONS = (
    _(
        "the password has %(count)s characters; use %(low)s to %(high)s, such as three words that "
        "do not belong together"
    ),
    _(
        "the password is among the first that anyone would try; use three words that do not belong "
        "together"
    ),
    _("this device has users already; log in as one of them"),
    _("there is a user %(name)s already; choose another name"),
)
_ERRANDS = (
    _("%(count)s cells under %(total)s columns: %(text)s"),
    _("worklist cannot be read (%(why)s)"),
    _("%(text)s is no line of CSV (%(why)s)"),
    _("month is %(text)s; write it as 2026-11"),
    _("there is no user %(id)s; `clinicscope users list` shows all"),
    _("there is no user %(id)s; `clinicscope users list`"),
    _("%(name)s is the last admin; make another one first"),
    _("there is no token %(id)s"),
    _("the token has no scope; give at least one of %(choices)s"),
    _("a correction needs a reason; say what was wrong"),
    _("the specimen names patient %(id)s, not the one given"),
    _(
        "patient %(id)s is in the register with other values (%(known)s); give those, or correct "
        "that patient's own specimen"
    ),
    _("specimen %(id)s is being screened; correct it afterwards"),
    _("nothing is different; change what was wrong, or go back"),
    _("specimen %(id)s cannot go on, as it is %(state)s"),
    _(
        "field %(number)s was read by other networks or settings than this device has now "
        "(%(what)s); screen the slide again"
    ),
    _("it was read with camera %(name)s, this device has %(other)s now; screen the slide again"),
    _("this device has no camera; name one in config.toml, under [camera]"),
    _("taken back by %(name)s; it does not count"),
    _("specimen %(id)s has no field %(number)s"),
    _("specimen %(id)s is not being screened; its fields stay"),
    _("field %(number)s does not count anyway (%(why)s)"),
    _("there is no drive %(name)s (any more); put the stick in, wait a moment and try again"),
    _("%(path)s is no folder; make it, or put the stick in and try again"),
    _("name either a month or a specimen"),
    _(
        "a backup goes to a recipient's key (age1...), or unencrypted where that is asked for; "
        "give one of both"
    ),
    _("%(path)s lies in the data directory, and would be lost with it; choose another drive"),
    _("there is no folder %(path)s; is the drive plugged in?"),
    _("another backup is being made; wait until it is done"),
    _("the days end at %(other)s, before they begin at %(text)s"),
    _("from %(text)s to %(other)s is too long; choose two years at most"),
    _("%(count)s pictures are given; send %(low)s to %(high)s of one person"),
    _("%(name)s has %(count)s bytes, more than %(high)s; send a smaller picture"),
    _("the pictures could not be read to their end"),
)
_PROTOCOLS = (
    _("%(name)s, thin smear: %(count)s red cells"),
    _("%(name)s, thin smear: %(count)s red cells, %(more)s where fewer than %(few)s are infected"),
    _(
        "%(name)s, thick smear: against %(count)s white cells, or %(more)s where fewer than "
        "%(few)s parasites were seen"
    ),
)
_SENDING = (
    _("no server is set, so nothing is sent"),
    _("nothing can be sent: %(why)s"),
    _("to %(names)s; not yet begun"),
    _("to %(names)s; last looked at %(time)s"),
    _("to %(names)s; %(count)s items were not taken at %(time)s"),
    _("see what waits on the page of records"),
    _("see why on the page of records"),
    _("no answer from %(name)s: %(why)s"),
    _("answered %(number)s: %(text)s"),
    _("the answer broke off after %(count)s of %(total)s bytes"),
    _("the answer did not end in time"),
    _("a newer version is there already"),
    _("something went wrong inside; the log of the device has it"),
    _("nobody answers at %(name)s (%(why)s)"),
    _("the association ended without an answer"),
    _("did not take a resource: %(why)s"),
    _("took not all counts: %(why)s"),
    _("took not the event: %(why)s"),
)

ERRAND_SENTENCES = (
    *_SERVICE,
    *_ENTRIES,
    *_RECORDS,
    *_COUNTS,
    *_PERSONS,
    *_ERRANDS,
    *_PROTOCOLS,
    *_SENDING,
)

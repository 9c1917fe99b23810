"""The sentences that the device makes and keeps, as templates, for readers of other languages.

`edge.retelling` finds by them what a kept sentence was made from. `%(name)s` stands where a value
was put in; a name of `FIGURES` takes a figure alone, every other one takes any text. A sentence
that a page shows and no template makes stays English there: the tests hold this list against the
modules that make them.
"""

from __future__ import annotations

from edge.device_sentences import DEVICE_SENTENCES
from edge.errand_sentences import ERRAND_SENTENCES
from edge.language import mark as _
from edge.update_sentences import UPDATE_SENTENCES
from edge.xray.sentences import SENTENCES as XRAY_SENTENCES

FIGURES = frozenset(
    ("count", "total", "asked", "more", "few", "low", "high", "fields", "read", "number")
)

_QUALITY = (
    _("not a field: the image is too small; use the camera's full frame"),
    _("one cell instead of a field: use the camera's full frame"),
    _("black round the picture: use the camera's full frame, without a mask"),
    _("too dark: raise the lamp or open the condenser"),
    _("too bright: lower the lamp or close the condenser"),
    _("colour cast: the light is not white; set the camera's white balance on clear glass"),
    _("red and blue are swapped: set the camera's colour order to RGB"),
    _("no cells: move to another field"),
    _("no red cells, only nuclei or dark stain: move to the body of the smear"),
    _("thick smear, or stain all over: no red cells stand out from the ground; use a thin smear"),
    _("too crowded to count: move to a thinner part of the smear"),
    _("cells in a clump: they cannot be counted; move to where they lie side by side"),
    _("no colour: the stain cannot be judged; use a colour camera and a stained smear"),
    _("stain too weak: cells hardly differ from the glass; stain the slide again"),
    _("stain too strong: nothing can be seen inside the cells; stain a new slide for less time"),
    _("out of focus: turn the fine focus"),
    _(
        "stain unlike any seen: the colours are not those of a blood smear; check the slide, its "
        "stain and the camera's colours"
    ),
    _("not a blood smear: put a stained thin smear under the lens"),
    _("no cells to be seen, only noise: check the camera and the lamp"),
    _("a scale bar or text is burnt in; cells there are not counted"),
    _("no red blood cell"),
    _("no red blood cell (foreign %(count)s, limit %(high)s)"),
)
_VERDICT = (
    _("%(count)s of %(total)s red cells looks infected"),
    _("%(count)s of %(total)s red cells look infected"),
    _("None of %(total)s red cells looks infected"),
    _("%(count)s of %(total)s red cells looks infected, more than false alarms alone would give"),
    _("%(count)s of %(total)s red cells look infected, more than false alarms alone would give"),
    _("All of them look like gametocytes"),
    _("%(count)s of them look like gametocytes"),
    _("%(count)s of them looks like a gametocyte"),
    _("besides %(count)s not counted (cut by a field's edge or unlike any red cell)"),
    _("a parasitaemia of up to %(high)s cannot be excluded: have the suspect cells reviewed"),
    _("a parasitaemia of up to %(high)s cannot be excluded: read more fields"),
    _("a parasitaemia above %(high)s is excluded at 95 %%"),
    _(
        "%(count)s red cells counted, %(protocol)s asks for %(asked)s: about %(more)s more field "
        "is needed"
    ),
    _(
        "%(count)s red cells counted, %(protocol)s asks for %(asked)s: about %(more)s more fields "
        "are needed"
    ),
    _(
        "%(count)s red cells counted, %(protocol)s asks for %(asked)s on at least %(fields)s "
        "fields, %(read)s were read: about %(more)s more field is needed"
    ),
    _(
        "%(count)s red cells counted, %(protocol)s asks for %(asked)s on at least %(fields)s "
        "fields, %(read)s were read: about %(more)s more fields are needed"
    ),
    _("%(count)s of %(total)s fields were refused: %(reason)s"),
    _(
        "%(count)s of %(total)s fields were refused: %(reason)s. On the others, %(seen)s: have "
        "the suspect cells reviewed"
    ),
    _("No field could be read (%(count)s refused); most often (%(number)s): %(reason)s"),
    _("No whole red cell was found on the fields read"),
    _("No field has been read yet"),
    _("Screening did not finish: %(why)s"),
    _("Screening did not finish, so the counts below are not the whole slide."),
    _("Screening did not finish, so the counts are not the whole slide."),
    _("the program stopped before the specimen was finished (power cut?); screen the slide again"),
    _("The device did not read this specimen to its end, so it is not called negative"),
)
_REVIEWED = (
    _(
        "None of %(total)s cells that were reviewed is infected; %(count)s suspect cells wait for "
        "their review"
    ),
    _("None of %(total)s cells that were reviewed is infected"),
    _(
        "None of %(total)s cells that were reviewed is infected, but the slide was not read to its "
        "end: %(why)s"
    ),
    _(
        "None of %(total)s cells that were reviewed is infected, but the record does not say how "
        "often the classifier errs: screen the slide again"
    ),
    _("of %(total)s red cells, a parasitaemia above %(high)s is excluded at 95 %%"),
    _("%(count)s cell is infected, as a person confirmed"),
    _("%(count)s cells are infected, as a person confirmed"),
    _("all are gametocytes"),
    _("%(count)s suspect cells wait for their review"),
    _("A person counted %(count)s asexual parasites against %(total)s red cells on a thin smear"),
    _(
        "A person counted %(count)s asexual parasites against %(total)s white cells on a thick "
        "smear"
    ),
    _(
        "A person counted %(count)s asexual parasites and %(number)s gametocytes against %(total)s "
        "red cells on a thin smear"
    ),
    _(
        "A person counted %(count)s asexual parasites and %(number)s gametocytes against %(total)s "
        "white cells on a thick smear"
    ),
    _(
        "A person counted %(count)s asexual parasites against %(total)s red cells on a thin smear "
        "(%(more)s more cells are to be counted against)"
    ),
    _(
        "A person counted %(count)s asexual parasites against %(total)s white cells on a thick "
        "smear (%(more)s more cells are to be counted against)"
    ),
    _(
        "A person counted %(count)s asexual parasites and %(number)s gametocytes against %(total)s "
        "red cells on a thin smear (%(more)s more cells are to be counted against)"
    ),
    _(
        "A person counted %(count)s asexual parasites and %(number)s gametocytes against %(total)s "
        "white cells on a thick smear (%(more)s more cells are to be counted against)"
    ),
    _("A density above %(high)s per µL is excluded at 95 %%"),
    _("By the machine alone: %(why)s"),
    _("Amended by %(name)s: %(reason)s"),
    _(
        "%(count)s cells that one of the networks suspects wait for their review. A negative "
        "result needs every one of them judged"
    ),
    _("There is no result to sign yet. Wait for the end, or screen it again"),
    _("The result is signed already; amend it, with a reason"),
    _(
        "No person has seen a parasite yet. Review the suspect cells, or count the slide at the "
        "microscope"
    ),
)
_ASSUMPTIONS = (
    _("Asexual stages alone count toward density; gametocytes are reported apart"),
    _(
        "Stages were not told apart: all infected cells count toward density, gametocytes among "
        "them"
    ),
    _(
        "Density is parasitaemia times %(number)s red cells per µL, which is assumed and not "
        "measured"
    ),
    _("The species is not claimed: it was not learned"),
    _(
        "%(number)s white cells per µL, assumed and not measured; asexual parasites alone are "
        "counted"
    ),
    _("%(number)s white cells per µL, measured; asexual parasites alone are counted"),
    _("%(number)s red cells per µL, assumed and not measured; asexual parasites alone are counted"),
)
_CAMERA = (
    _("The camera is starting"),
    _("The camera is working"),
    _("The camera has stopped"),
    _("It is started again by itself. If that does not help, unplug it and plug it in again"),
    _("There is no camera"),
    _("Check its cable and its power. It is found again by itself"),
    _("The camera's driver hangs"),
    _("Unplug the camera, then restart this device"),
    _("The camera is switched off"),
    _("Restart this device"),
    _("Move the slide to the next field and leave it there"),
    _("Hold the slide still"),
    _("A new field. It is taken as soon as it can be read"),
    _("Take the field when the picture is sharp"),
    _("Paused. No field is taken"),
    _("The specimen waits for it, %(number)s seconds at most"),
    _("the camera is starting: %(why)s"),
    _("the camera has stopped: %(why)s"),
    _("there is no camera: %(why)s"),
    _("the camera's driver hangs: %(why)s"),
    _("the camera is switched off: %(why)s"),
    _("no picture for %(number)s s"),
    _("%(name)s at %(path)s gives no pictures; is it unplugged?"),
    _("the camera hangs in %(step)s"),
    _("opening"),
    _("closing"),
    _("setting exposure"),
    _("a preview"),
    _("focusing"),
    _("a capture"),
    _("the camera's driver has failed: %(why)s"),
    _("camera %(name)s is closed; open it again"),
    _(
        "camera %(name)s sends pictures that cannot be read (%(why)s); check its cable and its "
        "format"
    ),
    _("settings of camera %(name)s do not fit: %(why)s"),
    _("stopped during a pause"),
    _("stopped while waiting for the slide to be moved"),
    _("stopped while waiting for the camera"),
    _("the slide was not moved on"),
)
SENTENCES: tuple[str, ...] = (
    *_QUALITY,
    *_VERDICT,
    *_REVIEWED,
    *_ASSUMPTIONS,
    *_CAMERA,
    *ERRAND_SENTENCES,
    *XRAY_SENTENCES,
    *DEVICE_SENTENCES,
    *UPDATE_SENTENCES,
)

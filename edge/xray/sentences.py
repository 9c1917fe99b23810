"""What is said of chest X-rays and single pictures, as templates; see `edge.sentences`."""

from __future__ import annotations

from edge.language import mark as _

_CALLS = (
    _(
        "%(count)s of %(total)s pictures looks abnormal by the network, most clearly %(finding)s "
        "(score %(number)s, %(low)s to %(high)s when the picture is changed a little)"
    ),
    _(
        "%(count)s of %(total)s pictures look abnormal by the network, most clearly %(finding)s "
        "(score %(number)s, %(low)s to %(high)s when the picture is changed a little)"
    ),
    _(
        "The network leans to %(finding)s (score %(number)s, %(low)s to %(high)s when the picture "
        "is changed a little), but %(why)s"
    ),
    _(
        "The network finds nothing that it knows (score %(number)s, %(low)s to %(high)s when the "
        "picture is changed a little)"
    ),
    _(
        "%(count)s of %(total)s pictures could not be read: %(why)s. On the others the network "
        "finds nothing"
    ),
    _("No picture could be read: %(why)s"),
    _("the pictures could not be read to their end: %(why)s"),
    _("the program stopped before the pictures were read (power cut?); send them again"),
    _("normal"),
    _("pneumonia"),
    _("COVID-19"),
    _("another finding"),
    _("not readable"),
    _("the call changes when a rim is cut off or the light changes a little"),
    _("the score lies where calls are often wrong"),
    _("its findings cannot be told apart here"),
)
_READINGS = (
    _("Read by %(name)s: %(found)s"),
    _("%(count)s of the pictures wait for their reading"),
    _("The device alone: %(verdict)s"),
    _("positive"),
    _("negative"),
    _("inconclusive"),
    _("refused"),
    _("%(count)s of the pictures wait for their reading. Every one of them must be read"),
)
_REFUSALS = (
    _("image is in colour: a chest X-ray is grey"),
    _(
        "this does not look like a frontal chest X-ray (%(signs)s); send one, upright and not "
        "cropped"
    ),
    _("little contrast"),
    _("left and right differ"),
    _("too grainy"),
    _("no bright middle"),
    _("no two dark lungs"),
    _("not an image (starts with %(text)s); use PNG, JPEG, WebP or BMP"),
    _("image cannot be decoded (damaged data); copy it again"),
    _("%(name)s image is truncated (%(count)s bytes); copy it again"),
    _("image is %(size)s px, more than the %(count)s megapixels allowed; send a smaller one"),
    _("DICOM file is deflated as a whole, which is not read; store it uncompressed"),
    _("DICOM needs pydicom, which is not installed here; send PNG or JPEG"),
    _("DICOM file cannot be read (%(why)s); copy it again"),
    _("DICOM is of modality %(text)s; a chest X-ray is CR or DX"),
    _("DICOM shows %(text)s; send a picture of a chest"),
    _("DICOM is a lateral view (%(text)s); the networks know frontal ones alone: send PA or AP"),
    _("DICOM has text burnt into its picture, which may name the person; blank it out first"),
    _("DICOM holds no picture; send the image, not a report or a directory"),
    _("DICOM holds %(count)s frames; send a single picture"),
    _(
        "DICOM has photometry %(text)s with %(count)s samples a pixel; MONOCHROME1, MONOCHROME2 "
        "and RGB are read"
    ),
    _(
        "DICOM says both %(one)s and %(other)s, so that bright and dark cannot be told; export it "
        "again"
    ),
    _("DICOM has %(count)s bits a sample; 8 or 16 are read, in colour 8"),
    _("DICOM has pixels that are not square (%(text)s); export it with square ones"),
    _("DICOM is compressed as %(name)s, which is not read here; store it uncompressed"),
    _("DICOM has a window of width %(text)s; export it with another one"),
    _("DICOM has a window of the kind %(text)s; LINEAR and SIGMOID are read"),
)
_CELLS = (
    _("image is grey: the stain cannot be judged; send a colour image"),
    _(
        "no red blood cell: its colour is that of no stain, or nothing is lit; send a crop of one "
        "red cell as the camera gave it"
    ),
    _(
        "no red blood cell: nothing like a stained cell is in the image (foreign %(count)s, limit "
        "%(high)s); send a crop of one red cell"
    ),
    _("bundle %(name)s is for %(task)s with the labels %(text)s; give one for chest X-rays"),
    _("other pictures are being read; wait until they are done"),
)
# Limits that the shipped bundles state of themselves; they stand under every result.
_LIMITS = (
    _(
        "Learned from chest X-rays of children of one hospital alone (%(source)s); on adults, at "
        "other hospitals and on other machines it has not been tried"
    ),
    _("Thresholds were chosen on few patients and have not been checked at any site"),
    _("It calls any picture, also one that is no chest X-ray"),
    _(
        "Class and source are confounded: the children come from one hospital, the adults from "
        "others, with other rims, markers and contrast, and every COVID-19 image is an adult's. A "
        "three-class figure looks better than it is"
    ),
    _(
        "It has seen no healthy adult and no adult with another pneumonia; what it says of them "
        "means nothing"
    ),
)

SENTENCES: tuple[str, ...] = (*_CALLS, *_READINGS, *_REFUSALS, *_CELLS, *_LIMITS)

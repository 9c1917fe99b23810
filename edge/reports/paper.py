"""The paper that reports are printed on: font, margins, foot, paragraphs and rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.resources import as_file, files

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from edge.language import ENGLISH, language_of, translate

_FONT = "DejaVu"
_FACES = (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf"))
# What the first font has no signs of.
_OTHER_FONT = "Devanagari"
_OTHER_FACES = {
    "hi": (("", "NotoSansDevanagari-Regular.ttf"), ("B", "NotoSansDevanagari-Bold.ttf"))
}
# Letters that join, or stand in another order than they are written, are shaped by HarfBuzz.
_SHAPED = ("ar", "hi")
MARGIN_MM, WIDTH_MM, GAP_MM = 12.0, 186.0, 8.0
INK, SOFT, LINE = (18, 38, 43), (81, 102, 108), (200, 212, 214)
TONES = {"positive": (179, 32, 31), "negative": (13, 107, 69), "unsure": (138, 83, 0)}
LABEL_MM = 34.0
# Where a text stands between its edges; LEFT and RIGHT in every language, as along an axis.
START, END, CENTRE, LEFT, RIGHT = "start", "end", "centre", "left", "right"
_SIDES = {CENTRE: "C", LEFT: "L", RIGHT: "R"}


class Paper(FPDF):
    """A page that says on each sheet what it is, and of which specimen."""

    def __init__(self, foot: str, language: str = ENGLISH, name: str = "") -> None:
        # fpdf2 warns of each sign that the font lacks; it is then drawn as a box.
        for library in ("fpdf", "fontTools"):
            logging.getLogger(library).setLevel(logging.ERROR)
        super().__init__(format="A4")
        self._foot, self._language, self._name = foot, language, name
        self.mirrored = language_of(language).right_to_left
        self.set_margin(MARGIN_MM)
        self.c_margin = 0  # text begins where lines and pictures do
        self.set_auto_page_break(True, margin=16)
        self._add_faces(_FONT, _FACES)
        if language in _OTHER_FACES:
            self._add_faces(_OTHER_FONT, _OTHER_FACES[language])
            self.set_fallback_fonts([_OTHER_FONT])
        if language in _SHAPED:
            self.set_text_shaping(True)

    def _add_faces(self, family: str, faces: Sequence[tuple[str, str]]) -> None:
        for style, name in faces:
            with as_file(files("edge.reports") / "fonts" / name) as path:
                self.add_font(family, style, path)

    def footer(self) -> None:
        """The notice, and of what the sheet is; fpdf2 calls it at the end of each page."""
        self.set_y(-12)
        # By itself: after Arabic letters, the parts of an id would change places.
        self.write_text(self._name, 6.5, colour=SOFT, align=END)
        self.set_y(-12)
        page = translate("page %(number)s", self._language, number=self.page_no())
        self.write_text(f"{self._foot} · {page}", 6.5, colour=SOFT)

    def write_text(
        self,
        text: str,
        size_pt: float,
        *,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        width_mm: float = 0,
        align: str = START,
    ) -> None:
        """A paragraph at the place where the pen is; the pen goes below it, to the same edge.

        Args:
            text: of any language.
            size_pt: of its letters.
            bold: in the bold face.
            colour: RGB.
            width_mm: 0 for all up to the right margin.
            align: START or END of the language's lines, CENTRE, LEFT or RIGHT.
        """
        # fpdf2 forgets that a sign of the other font was the last: the font is named anew.
        self.font_family = ""
        self.set_font(_FONT, "B" if bold else "", size_pt)
        self.set_text_color(*colour)
        self.multi_cell(
            width_mm,
            size_pt * 0.46,
            printable(text),
            align=self._side(align),
            new_x=XPos.LEFT,
            new_y=YPos.NEXT,
        )

    def _side(self, align: str) -> str:
        if align in _SIDES:
            return _SIDES[align]
        return "L" if (align == START) != self.mirrored else "R"

    def write_heading(self, text: str) -> None:
        """A heading at the left margin, with room above."""
        self.set_xy(MARGIN_MM, self.get_y() + 3)
        self.write_text(text, 10, bold=True)

    def write_rows(
        self, rows: Sequence[tuple[str, str]], width_mm: float, label_mm: float = LABEL_MM
    ) -> None:
        """Names and values under one another, from where the pen is."""
        left = self.get_x()
        value_mm = width_mm - label_mm
        places = (left + value_mm, left) if self.mirrored else (left, left + label_mm)
        for name, value in rows:
            self.set_draw_color(*LINE)
            self.set_line_width(0.15)
            top, page = self.get_y() + 0.6, self.page_no()
            self.line(left, top, left + width_mm, top)
            self.set_xy(places[0], top + 0.6)
            self.write_text(name, 8, colour=SOFT, width_mm=label_mm)
            below, same = self.get_y(), self.page_no() == page
            self.set_xy(places[1], top + 0.6 if same else MARGIN_MM)
            self.write_text(value, 8, width_mm=value_mm)
            same = self.page_no() == page
            self.set_xy(left, max(below, self.get_y()) if same else self.get_y())


def printable(text: str) -> str:
    """Text without what no font has: half of a pair of code units, and control characters."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in whole)

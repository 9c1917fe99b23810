"""Where a person can go: the main pages, and the menu with the others.

A page that this device lacks, or that the person may not open, is not offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Flask, current_app, request, url_for

from web_ui.guard import allowed
from web_ui.language import lazy_gettext


@dataclass(frozen=True)
class Place:
    """A page: its endpoint, its word, and its icon's id."""

    endpoint: str
    word: str
    icon: str

    @property
    def address(self) -> str:
        """Where it is."""
        return url_for(self.endpoint)

    @property
    def is_here(self) -> bool:
        """It is the page that is shown."""
        return request.endpoint == self.endpoint


@dataclass(frozen=True)
class Group:
    """Places of the menu that belong together."""

    word: str
    places: Sequence[Place]


MAIN = (
    Place("today.show", lazy_gettext("Today"), "home"),
    Place("specimens.new", lazy_gettext("New"), "plus"),
    Place("waiting.show", lazy_gettext("To review"), "eye"),
    Place("specimens.history", lazy_gettext("History"), "list"),
)
MENU = (
    Group(
        lazy_gettext("Results"),
        (
            Place("statistics.show", lazy_gettext("Site figures"), "bars"),
            Place("records.show", lazy_gettext("Records, export and backup"), "box"),
            Place("images.show", lazy_gettext("Single image"), "image"),
        ),
    ),
    Group(
        lazy_gettext("This device"),
        (
            Place("health.show", lazy_gettext("Health"), "pulse"),
            Place("benchmark.show", lazy_gettext("Benchmark"), "chip"),
            Place("settings.show", lazy_gettext("Settings"), "dials"),
            Place("about.show", lazy_gettext("Help and about"), "info"),
        ),
    ),
)
# The pages of settings, which stand beside each other on a wide screen.
SETTINGS = (
    Place("settings.show", lazy_gettext("Settings"), "dials"),
    Place("settings.clinic", lazy_gettext("Place, language and clock"), "home"),
    Place("settings.users", lazy_gettext("Users and roles"), "person"),
    Place("settings.own_password", lazy_gettext("Your password"), "lock"),
    Place("settings.tokens", lazy_gettext("Tokens for other programs"), "box"),
    Place("settings.protocol", lazy_gettext("Protocol"), "list"),
    Place("settings.camera", lazy_gettext("Camera"), "camera"),
    Place("settings.models", lazy_gettext("Models"), "chip"),
    Place("settings.network", lazy_gettext("Network and certificate"), "send"),
)


def guide(app: Flask) -> None:
    """Gives an app's templates `main_places()`, `menu_groups()` and `settings_places()`."""
    app.jinja_env.globals["main_places"] = main_places
    app.jinja_env.globals["menu_groups"] = menu_groups
    app.jinja_env.globals["settings_places"] = settings_places


def main_places() -> list[Place]:
    """The main pages of this person."""
    return _open_to_person(MAIN)


def menu_groups() -> list[Group]:
    """The menu of this person, without empty groups."""
    groups = [Group(group.word, _open_to_person(group.places)) for group in MENU]
    return [group for group in groups if group.places]


def settings_places() -> list[Place]:
    """The pages of settings that this person may open."""
    return _open_to_person(SETTINGS)


def _open_to_person(places: Sequence[Place]) -> list[Place]:
    return [
        place
        for place in places
        if place.endpoint in current_app.view_functions and allowed(place.endpoint)
    ]

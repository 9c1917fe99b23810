"""How a supervised camera is: its state, in words, and what a person can do about it."""

from __future__ import annotations

from dataclasses import dataclass

OPENING, LIVE, STALLED, LOST, STUCK, CLOSED = (
    "opening",
    "live",
    "stalled",
    "lost",
    "stuck",
    "closed",
)


@dataclass(frozen=True)
class CameraWords:
    """A state for a person: what it is, and what to do; `advice` is empty where nothing is."""

    title: str
    advice: str


WORDS = {
    OPENING: CameraWords("The camera is starting", ""),
    LIVE: CameraWords("The camera is working", ""),
    STALLED: CameraWords(
        "The camera has stopped",
        "It is started again by itself. If that does not help, unplug it and plug it in again.",
    ),
    LOST: CameraWords(
        "There is no camera", "Check its cable and its power. It is found again by itself."
    ),
    STUCK: CameraWords("The camera's driver hangs", "Unplug the camera, then restart this device."),
    CLOSED: CameraWords("The camera is switched off", "Restart this device."),
}


@dataclass(frozen=True)
class Patience:
    """How long a supervised camera waits, in seconds.

    Attributes:
        open_s: for opening, and then for the first picture.
        focus_s: for one cycle of autofocus.
        close_s: for closing.
        beat_s: from one preview to the next; longer where a preview is slow to make.
        shown_beat_s: the same while somebody looks at the pictures.
        settle_s: how long a field that cannot be read is waited for before it is taken as it is.
        watch_s: from one look at the owner thread to the next.
        retry_s: pause before the camera is opened again; doubled each time it fails.
        most_retry_s: the longest such pause.
        most_stuck: threads that hang in a driver, beyond which the camera is not opened again.
        wait_s: how long a capture waits for a camera that has gone.
        idle_s: how long a specimen waits for another view of the slide.
    """

    open_s: float = 10.0
    focus_s: float = 6.0
    close_s: float = 3.0
    beat_s: float = 0.2
    shown_beat_s: float = 0.07
    settle_s: float = 4.0
    watch_s: float = 0.1
    retry_s: float = 0.5
    most_retry_s: float = 5.0
    most_stuck: int = 3
    wait_s: float = 60.0
    idle_s: float = 600.0


@dataclass(frozen=True)
class CameraStatus:
    """A snapshot.

    Attributes:
        camera: its registered name.
        state: opening, live, stalled, lost, stuck or closed.
        problem: the last error in its own words, empty while it is live.
        frame_age_s: since its last sign of life; None before the first.
        pictures: how many previews it has shown.
        restarts: how often it was opened again.
        stuck: threads that hang in its driver now.
        waiting: what a specimen waits for, empty where it does not.
        has_autofocus: it focuses by itself.
        focus: sharpness of the newest preview, dimensionless; larger is sharper. None without one.
        focus_least: from which on a field is sharp enough.
        hint: what is wrong with the newest preview, and what to do; empty where it can be read.
        brightness: of the newest preview, 0 to 255; None without one.
    """

    camera: str
    state: str
    problem: str = ""
    frame_age_s: float | None = None
    pictures: int = 0
    restarts: int = 0
    stuck: int = 0
    waiting: str = ""
    has_autofocus: bool = False
    focus: float | None = None
    focus_least: float = 0.0
    hint: str = ""
    brightness: float | None = None

    @property
    def live(self) -> bool:
        """Pictures come."""
        return self.state == LIVE

    @property
    def words(self) -> CameraWords:
        """The state for a person."""
        return WORDS[self.state]

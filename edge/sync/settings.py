"""Where results are sent: the table `[sync]` of the config."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlsplit

from edge.contract.errors import ConfigError, DataError
from edge.store.text_rules import check_id

FHIR, DHIS2, DICOMWEB, DICOM, FLEET = "fhir", "dhis2", "dicomweb", "dicom", "fleet"
KINDS = (FHIR, DHIS2, DICOMWEB, DICOM, FLEET)
SIGNED, ALL = "signed", "all"
_MOST_AE = 16


@dataclass(frozen=True)
class Target:
    """One receiver.

    Attributes:
        name: by which the queue knows it; renamed, it is another one and gets everything again.
        kind: FHIR (transactions), DHIS2 (counts, and events where a program is named), DICOMWEB
            (STOW-RS), DICOM (C-STORE) or FLEET (this device's inventory by PUT, no patient data).
        url: its base ("https://server/fhir", "https://dhis2/", "https://pacs/dicom-web",
            "https://files/devices").
        host: of a DICOM node, with `port` and `ae_title`; `own_ae_title` is what we call ourselves.
        user: with `password`; or `token`, sent as a bearer's.
        ca_file: certificates to trust instead of the system's.
        send: SIGNED results alone, or ALL, the machine's preliminary ones among them.
        since: results from this date on; empty for all there are.
        timeout_s: for a whole answer.
    """

    name: str
    kind: str
    url: str = ""
    host: str = ""
    port: int = 104
    ae_title: str = "ANY-SCP"
    own_ae_title: str = "CLINICSCOPE"
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca_file: str = ""
    send: str = SIGNED
    since: str = ""
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        try:
            check_id(self.name, "name of a target")
            date.fromisoformat(self.since or "2000-01-01")
        except (DataError, ValueError) as error:
            raise ConfigError(f"target {self.name[:80]!r}: {error}") from error
        self._check_choice("kind", KINDS)
        self._check_choice("send", (SIGNED, ALL))
        if not 1 <= self.timeout_s <= 600:
            raise ConfigError(f"timeout_s of {self.name} is {self.timeout_s}; allowed: 1 to 600")
        if self.kind == DICOM:
            self._check_node()
        else:
            self._check_url()

    def _check_choice(self, what: str, allowed: tuple[str, ...]) -> None:
        value = getattr(self, what)
        if value not in allowed:
            raise ConfigError(
                f"{what} of target {self.name} is {value!r}; use one of {', '.join(allowed)}"
            )

    def _check_url(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"url of target {self.name} is {self.url!r}; give http(s)://...")
        if parts.username or parts.password or parts.query:
            raise ConfigError(
                f"url of target {self.name} has a name, a password or a question in it; give user "
                "and password by themselves"
            )

    def _check_node(self) -> None:
        if not self.host or not 1 <= self.port <= 65_535:
            raise ConfigError(
                f"target {self.name} is {self.host!r} port {self.port}; give host and port 1-65535"
            )
        for title in (self.ae_title, self.own_ae_title):
            if not 1 <= len(title.strip()) <= _MOST_AE or "\\" in title or not title.isascii():
                raise ConfigError(
                    f"AE title {title!r} of target {self.name}; use 1 to {_MOST_AE} ASCII letters"
                )


@dataclass(frozen=True)
class SyncSettings:
    """What is sent where, and how patiently.

    Attributes:
        retry_first_s: after a first failure; doubled with each, up to `retry_longest_s`.
        interval_s: between two looks at the records and the queue.
        months: how many months' counts are kept up to date at DHIS2, this one among them.
    """

    targets: tuple[Target, ...] = ()
    retry_first_s: float = 30.0
    retry_longest_s: float = 3600.0
    interval_s: float = 60.0
    months: int = 3

    def __post_init__(self) -> None:
        names = [target.name for target in self.targets]
        if len(set(names)) < len(names):
            raise ConfigError(f"two targets have one name, among {', '.join(names)}")
        if not 1 <= self.retry_first_s <= self.retry_longest_s <= 86_400:
            raise ConfigError(
                f"retry_first_s is {self.retry_first_s} and retry_longest_s "
                f"{self.retry_longest_s}; allowed: 1 to 86400, the first the smaller"
            )
        if not 1 <= self.interval_s <= 86_400 or not 1 <= self.months <= 24:
            raise ConfigError(
                f"interval_s is {self.interval_s} (allowed: 1 to 86400), months {self.months} "
                "(allowed: 1 to 24)"
            )

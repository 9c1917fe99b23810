"""Every page of the appliance, so that none is left out of what is looked at and measured.

`tests/web_ui/test_web_every_page.py` holds this table against the routes of the application.
"""

from __future__ import annotations

from dataclasses import dataclass

# Nobody yet, before the device has a user; a visitor; the admin; she, after she has locked it.
FIRST_RUN, VISITOR, ADMIN, LOCKED = "first run", "visitor", "admin", "locked"
# One who asks a new device too often, so that it has no time for her.
TOO_OFTEN = "too often"


@dataclass(frozen=True)
class PageSpec:
    """A page in one of its states.

    Attributes:
        name: of its pictures.
        endpoint: of the application; empty where there is none.
        path: with `{kind}` for what `clinic.furnish` or one of `errands.ERRANDS` made.
        who: FIRST_RUN, VISITOR, ADMIN, LOCKED or TOO_OFTEN.
        status: what it answers.
    """

    name: str
    endpoint: str
    path: str
    who: str = ADMIN
    status: int = 200


PAGES = (
    PageSpec("first-run", "first_run.show", "/first-run", FIRST_RUN),
    PageSpec("first-run-code", "first_run.code", "/first-run/code", FIRST_RUN),
    PageSpec("first-run-place", "first_run.place", "/first-run/place", FIRST_RUN),
    PageSpec("first-run-account", "first_run.account", "/first-run/account", FIRST_RUN),
    PageSpec("first-run-checks", "first_run.checks", "/first-run/checks"),
    PageSpec("login", "login.show", "/login", VISITOR),
    PageSpec("offline", "pwa.offline", "/offline", VISITOR),
    PageSpec("lock", "login.lock", "/lock", LOCKED),
    PageSpec("today", "today.show", "/"),
    PageSpec("new", "specimens.new", "/specimens/new"),
    PageSpec("new-expected", "specimens.new", "/specimens/new?barcode=KS-2207"),
    PageSpec("to-review", "waiting.show", "/to-review"),
    PageSpec("result-positive", "specimens.show", "/specimens/{positive}"),
    PageSpec("result-clear", "specimens.show", "/specimens/{clear}"),
    PageSpec("result-refused", "specimens.show", "/specimens/{refused}"),
    PageSpec("result-failed", "specimens.show", "/specimens/{failed}"),
    PageSpec("result-signed", "specimens.show", "/specimens/{signed}"),
    PageSpec("result-amended", "specimens.show", "/specimens/{amended}"),
    PageSpec("result-xray", "specimens.show", "/specimens/{xray}"),
    PageSpec("correct", "correcting.show", "/specimens/{signed}/correct"),
    PageSpec("field", "evidence.show_field", "/specimens/{positive}/fields/0"),
    PageSpec("field-refused", "evidence.show_field", "/specimens/{refused}/fields/0"),
    PageSpec("review", "review.show", "/specimens/{positive}/review"),
    PageSpec("review-done", "review.show", "/specimens/{signed}/review"),
    PageSpec("count", "tally.show", "/specimens/{positive}/tally?smear=thick"),
    PageSpec("count-thin", "tally.show", "/specimens/{signed}/tally?smear=thin"),
    PageSpec("sign-not-yet", "signing.show", "/specimens/{positive}/sign"),
    PageSpec("sign", "signing.show", "/specimens/{clear}/sign"),
    PageSpec("amend", "signing.show_amendment", "/specimens/{signed}/amend"),
    PageSpec("history", "specimens.history", "/specimens"),
    PageSpec("month", "monthly.show", "/summary"),
    PageSpec("figures", "statistics.show", "/statistics"),
    PageSpec("records", "records.show", "/records"),
    PageSpec("sending", "sending.show", "/records/sending"),
    PageSpec("export-done", "exporting.show", "/records/job{export}"),
    PageSpec("xray-new", "xrays.new", "/xrays/new"),
    PageSpec("image-new", "images.show", "/image"),
    PageSpec("image-one", "images.one", "/image/{cell}/0"),
    PageSpec("image-batch", "images.batch", "/image/{batch}"),
    PageSpec("settings", "settings.show", "/settings"),
    PageSpec("settings-users", "settings.users", "/settings/users"),
    PageSpec("settings-password", "settings.own_password", "/settings/password"),
    PageSpec("settings-clinic", "settings.clinic", "/settings/clinic"),
    PageSpec("settings-protocol", "settings.protocol", "/settings/protocol"),
    PageSpec("settings-camera", "settings.camera", "/settings/camera"),
    PageSpec("settings-models", "settings.models", "/settings/models"),
    PageSpec("settings-model", "settings.model", "/settings/models/malaria-cells-5"),
    PageSpec("settings-network", "settings.network", "/settings/network"),
    # The clinic of these tests has no Wi-Fi of its own.
    PageSpec("settings-label", "settings.label", "/settings/network/label", status=404),
    PageSpec("settings-tokens", "settings.tokens", "/settings/tokens"),
    PageSpec("certificate", "certificate.show", "/certificate"),
    PageSpec("restarting", "settings.restarting", "/settings/restart"),
    PageSpec("health", "health.show", "/health{checked}"),
    PageSpec("benchmark", "benchmark.show", "/benchmark"),
    PageSpec("benchmark-record", "benchmark.see", "/benchmark/{bench}"),
    PageSpec("benchmark-compare", "benchmark.lay_side_by_side", "/benchmark/compare{compare}"),
    PageSpec("about", "about.show", "/about"),
    PageSpec("missing", "", "/nothing-here", status=404),
    # Last, since other pages say that a specimen is at work.
    PageSpec("running", "specimens.show", "/specimens/{running}"),
)
# Pages of what goes wrong, which spoil a device for the others; looked at last, by `make pages` and
# `make screenshots` alone, since but for their words they are as `missing`.
RARE_PAGES = (
    PageSpec("broken", "", "/specimens/{broken}", status=500),
    PageSpec("too-many", "", "/first-run", TOO_OFTEN, status=429),
)

# What answers with a piece of a page, a picture, a file or data.
NOT_PAGES = frozenset(
    {
        "static",
        # On a device in safe mode alone: test_safe_mode_page.py looks at them.
        "safe_mode.leaving",
        "safe_mode.show",
        "about.health",
        "api.describe",
        "api.list_fields",
        "api.list_results",
        "api.list_specimens",
        "api.list_versions",
        "api.show_health",
        "api.show_result",
        "api.show_specimen",
        "benchmark.download",
        "benchmark.progress",
        "camera.guide",
        "camera.preview",
        "camera.state",
        "camera.state_json",
        "camera.stream",
        "certificate.code",
        "evidence.cell_image",
        "evidence.context_image",
        "evidence.enhanced_image",
        "evidence.field_image",
        "evidence.heat_image",
        "evidence.object_image",
        "exporting.fetch",
        "exporting.part",
        "health.checks",
        "images.heat",
        "images.picture",
        "images.rows",
        "images.table",
        "metrics.show",
        "login.awake",
        "monthly.month_pdf",
        "pwa.icon",
        "pwa.manifest",
        "pwa.worker",
        "reports.html",
        "reports.pdf",
        "settings.hotspot_code",
        "settings.network_code",
        "settings.page_code",
        "specimens.progress",
        "tally.density",
        "xrays.heat",
        "xrays.picture",
    }
)

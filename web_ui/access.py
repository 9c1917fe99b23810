"""Who may ask for what: one table, in which every endpoint has its line.

An endpoint without a line is refused, so that a new one is closed until someone thinks of it;
`web_ui.guard` sees to that.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.store.tokens import HEALTH, METRICS, PREDICT, RESULTS, SPECIMENS
from edge.store.users import ADMIN, OPERATOR, REVIEWER


@dataclass(frozen=True)
class Rule:
    """Of one endpoint.

    Attributes:
        least: the least role that may ask; empty where no person needs to be logged in.
        scope: of the token that a program must show; such an endpoint looks at no session.
        passive: a page asks by itself, so it does not keep a session from being locked.
        loopback: may be asked from the device itself without a token.
        first_run: open until the device has its first user, to whoever is at the device or gave
            its set-up code.
        seen: what the log says of who looked at it; empty where it says nothing.
    """

    least: str = ""
    scope: str = ""
    passive: bool = False
    loopback: bool = False
    first_run: bool = False
    seen: str = ""

    @property
    def public(self) -> bool:
        """Anyone may ask."""
        return not self.least and not self.scope


PUBLIC = Rule()
OPERATORS, REVIEWERS, ADMINS = Rule(OPERATOR), Rule(REVIEWER), Rule(ADMIN)
WATCHING = Rule(OPERATOR, passive=True)
FIRST_RUN = Rule(ADMIN, first_run=True)
MACHINES = Rule(scope=METRICS, loopback=True)


def seen(what: str, least: str = OPERATOR) -> Rule:
    """A page about a patient: who looked at it is kept."""
    return Rule(least, seen=what)


RULES: dict[str, Rule] = {
    "static": PUBLIC,
    "about.show": OPERATORS,
    "about.health": PUBLIC,
    "api.describe": PUBLIC,
    "api.list_fields": Rule(scope=SPECIMENS, seen="field.seen"),
    "api.list_results": Rule(scope=RESULTS, seen="results.seen"),
    "api.list_specimens": Rule(scope=SPECIMENS, seen="specimens.seen"),
    "api.list_versions": Rule(scope=RESULTS, seen="result.seen"),
    "api.predict": Rule(scope=PREDICT),
    "api.show_health": Rule(scope=HEALTH),
    "api.show_result": Rule(scope=RESULTS, seen="result.seen"),
    "api.show_specimen": Rule(scope=SPECIMENS, seen="specimen.seen"),
    "api.start_specimen": Rule(scope=SPECIMENS),
    "api.start_xray": Rule(scope=SPECIMENS),
    "api.stop_specimen": Rule(scope=SPECIMENS),
    "benchmark.download": OPERATORS,
    "benchmark.lay_side_by_side": OPERATORS,
    "benchmark.progress": WATCHING,
    "benchmark.run": ADMINS,
    "benchmark.see": OPERATORS,
    "benchmark.show": OPERATORS,
    "benchmark.stop": ADMINS,
    "camera.guide": WATCHING,
    "camera.preview": WATCHING,
    "camera.state": WATCHING,
    "camera.state_json": WATCHING,
    "camera.stream": WATCHING,
    "capture.choose_mode": OPERATORS,
    "capture.go_on": OPERATORS,
    "capture.pause": OPERATORS,
    "capture.resume": OPERATORS,
    "capture.take": OPERATORS,
    "capture.take_back": OPERATORS,
    "certificate.code": OPERATORS,
    "certificate.show": OPERATORS,
    "correcting.show": seen("specimen.seen"),
    "correcting.store": OPERATORS,
    "evidence.cell_image": OPERATORS,
    "evidence.context_image": OPERATORS,
    "evidence.enhanced_image": OPERATORS,
    "evidence.field_image": OPERATORS,
    "evidence.heat_image": OPERATORS,
    "evidence.object_image": OPERATORS,
    "evidence.show_field": seen("field.seen"),
    "images.batch": OPERATORS,
    "images.heat": OPERATORS,
    "images.one": OPERATORS,
    "images.picture": OPERATORS,
    "images.rows": WATCHING,
    "images.send": OPERATORS,
    "images.show": OPERATORS,
    "images.table": OPERATORS,
    "first_run.account": FIRST_RUN,
    "first_run.checks": ADMINS,
    "first_run.code": PUBLIC,
    "first_run.enter_code": PUBLIC,
    "first_run.make_account": FIRST_RUN,
    "first_run.place": FIRST_RUN,
    "first_run.practise": ADMINS,
    "first_run.save_place": FIRST_RUN,
    "first_run.show": FIRST_RUN,
    "health.check": OPERATORS,
    "health.checks": WATCHING,
    "health.show": OPERATORS,
    "health.support": ADMINS,
    "language.choose": PUBLIC,
    "exporting.arrived": REVIEWERS,
    "exporting.fetch": seen("export.fetched", REVIEWER),
    "exporting.part": Rule(REVIEWER, passive=True),
    "exporting.show": REVIEWERS,
    "exporting.start_backup": REVIEWERS,
    "exporting.start_export": REVIEWERS,
    "login.awake": OPERATORS,
    "login.enter": PUBLIC,
    "login.lock": PUBLIC,
    "login.out": PUBLIC,
    "login.show": PUBLIC,
    "login.unlock": PUBLIC,
    "metrics.show": MACHINES,
    "monthly.month_pdf": OPERATORS,
    "monthly.show": OPERATORS,
    "pwa.icon": PUBLIC,
    "pwa.manifest": PUBLIC,
    "pwa.offline": PUBLIC,
    "pwa.worker": PUBLIC,
    "records.import_worklist": OPERATORS,
    "records.show": OPERATORS,
    "reports.html": seen("report.seen"),
    "reports.pdf": seen("report.seen"),
    "review.judge": REVIEWERS,
    "review.show": seen("review.seen", REVIEWER),
    "sending.retry": OPERATORS,
    "sending.send_now": OPERATORS,
    "sending.show": OPERATORS,
    "settings.activate_model": ADMINS,
    "settings.add_token": ADMINS,
    "settings.add_user": ADMINS,
    "settings.camera": ADMINS,
    "settings.change_access": ADMINS,
    "settings.change_role": ADMINS,
    "settings.check_sticks": ADMINS,
    "settings.go_back": ADMINS,
    "settings.clinic": ADMINS,
    "settings.install_update": ADMINS,
    "settings.hotspot_code": OPERATORS,
    "settings.label": OPERATORS,
    "settings.model": OPERATORS,
    "settings.models": OPERATORS,
    "settings.network": OPERATORS,
    "settings.network_code": OPERATORS,
    "settings.own_password": OPERATORS,
    "settings.page_code": OPERATORS,
    "settings.protocol": ADMINS,
    "safe_mode.leave": OPERATORS,
    "safe_mode.leaving": OPERATORS,
    "safe_mode.show": OPERATORS,
    "settings.restart": ADMINS,
    "settings.restarting": ADMINS,
    "settings.revoke_token": ADMINS,
    "settings.roll_back_model": ADMINS,
    "settings.save_camera": ADMINS,
    "settings.save_clinic": ADMINS,
    "settings.save_own_password": OPERATORS,
    "settings.save_protocol": ADMINS,
    "settings.set_password": ADMINS,
    "settings.show": OPERATORS,
    "settings.tokens": ADMINS,
    "settings.users": ADMINS,
    "signing.show": seen("result.seen", REVIEWER),
    "signing.show_amendment": seen("result.seen", REVIEWER),
    "signing.store_amendment": REVIEWERS,
    "signing.store_signature": REVIEWERS,
    "specimens.create": OPERATORS,
    "specimens.history": seen("specimens.seen"),
    "specimens.new": OPERATORS,
    "specimens.progress": WATCHING,
    "specimens.show": seen("specimen.seen"),
    "specimens.stop": OPERATORS,
    "statistics.show": OPERATORS,
    "tally.density": REVIEWERS,
    "tally.show": seen("specimen.seen", REVIEWER),
    "tally.add": REVIEWERS,
    "theme.choose": PUBLIC,
    # It lists results, as the history does.
    "today.show": seen("specimens.seen"),
    "waiting.show": seen("specimens.seen"),
    "xrays.create": OPERATORS,
    "xrays.heat": OPERATORS,
    "xrays.judge": REVIEWERS,
    "xrays.new": OPERATORS,
    "xrays.picture": OPERATORS,
}

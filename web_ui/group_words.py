"""Words of the groups that figures and forms part specimens by: task, age, sex."""

from __future__ import annotations

from edge.store.records import AGE_BANDS, CHEST_XRAY, MALARIA
from web_ui.language import lazy_gettext

TASK_WORDS = {MALARIA: lazy_gettext("Malaria smears"), CHEST_XRAY: lazy_gettext("Chest X-rays")}
AGE_WORDS = {band: band for band in AGE_BANDS} | {"unknown": lazy_gettext("Age not known")}
SEX_WORDS = {
    "female": lazy_gettext("Female"),
    "male": lazy_gettext("Male"),
    "other": lazy_gettext("Other"),
    "unknown": lazy_gettext("Sex not known"),
}

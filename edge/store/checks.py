"""What is wrong with what is stored, in words; none of it is changed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from edge.contract.errors import StoreError
from edge.store import field_images, queries
from edge.store.schema import FieldRow

if TYPE_CHECKING:
    from edge.store.store import Store


def integrity_problems(store: Store, *, deep: bool = False) -> list[str]:
    """See `Store.check_integrity`."""
    problems: list[str] = []
    try:
        with store.session() as session:
            problems += queries.database_problems(session.connection())
            for row in session.scalars(select(FieldRow).execution_options(yield_per=100)):
                problems += field_images.image_problems(store.home, row.record(), deep=deep)
    except StoreError as error:
        problems.append(str(error))
    return problems

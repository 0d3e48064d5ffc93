"""A view of the list: whose it is, who may change it, and what a change makes of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from common.caller import Caller
from common.clock import to_wire
from common.errors import ANY_VERSION, Forbidden, NotFound, StaleVersion, Unprocessable
from common.invisible import shows_nothing

MOST_NAME, MOST_COLUMNS, MOST_COLUMN, MOST_VIEWS = 100, 300, 200, 200


@dataclass(frozen=True, slots=True)
class View:
    """A view of a channel. Without columns the list has those of the channel's fields, in their order."""

    id: UUID
    channel: str
    made_by: str
    shared: bool
    version: int
    name: str
    link: str
    columns: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    changed_by: str

    def is_seen_by(self, caller: Caller) -> bool:
        """One's own, and what others share."""
        return self.shared or self.made_by == caller.subject

    def members(self) -> dict[str, object]:
        """The view as the API shows it."""
        return {
            "id": str(self.id),
            "name": self.name,
            "shared": self.shared,
            "link": self.link,
            "columns": list(self.columns) or None,
            "madeBy": self.made_by,
            "createdAt": to_wire(self.created_at),
            "updatedAt": to_wire(self.updated_at),
            "changedBy": self.changed_by,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a view; None stays as it is."""

    name: str | None = None
    shared: bool | None = None
    link: str | None = None
    columns: tuple[str, ...] | None = None


def check_name(name: str) -> None:
    """Raises Unprocessable for a blank name or a long one."""
    if shows_nothing(name) or len(name) > MOST_NAME:
        raise Unprocessable(
            f"A view's name has 1 to {MOST_NAME} characters.", code="badName", pointer="/name", extra={"most": MOST_NAME}
        )


def check_columns(columns: Sequence[str]) -> None:
    """Raises Unprocessable for too many columns, for one that can be no field's key, and for one given twice."""
    if len(columns) > MOST_COLUMNS:
        raise Unprocessable(
            f"A view has {MOST_COLUMNS} columns at most.", code="tooMany", pointer="/columns", extra={"most": MOST_COLUMNS}
        )
    seen: set[str] = set()
    for n, key in enumerate(columns):
        if not key.strip() or len(key) > MOST_COLUMN:
            raise Unprocessable("A column is the key of a field.", code="unknownField", pointer=f"/columns/{n}")
        if key in seen:
            raise Unprocessable("This column is there twice. Take one away.", code="twice", pointer=f"/columns/{n}")
        seen.add(key)


def check_may_change(view: View, caller: Caller) -> None:
    """A view is changed by its maker; one that is shared by whoever manages the channel too, for makers leave.

    Raises NotFound for another's own, which nobody else is told of, and Forbidden for one that others share.
    """
    if view.made_by == caller.subject or (view.shared and caller.may("channel.manage")):
        return
    if not view.shared:
        raise no_view()
    raise Forbidden(
        "A shared view is changed by whoever made it, or with the permission `channel.manage`. Make one of your own from it.",
        code="notYours",
    )


def check_version(view: View, expected: int | None) -> None:
    """Raises StaleVersion where the caller saw another version."""
    if expected not in (None, ANY_VERSION, view.version):
        raise StaleVersion(view.version, view.changed_by)


def changed(view: View, wish: Wish, by: str, now: datetime) -> View:
    """The view after a change; the same where nothing of it is new. Raises Unprocessable."""
    name = view.name if wish.name is None else wish.name
    columns = view.columns if wish.columns is None else wish.columns
    shared = view.shared if wish.shared is None else wish.shared
    check_name(name)
    check_columns(columns)
    after = replace(view, name=name, shared=shared, link=wish.link or view.link, columns=columns)
    if after == view:
        return view
    return replace(after, version=view.version + 1, updated_at=max(now, view.updated_at), changed_by=by)


def no_view() -> NotFound:
    """The same words for another's own view as for one that never was."""
    return NotFound("There is no such view.")


def unknown_link() -> Unprocessable:
    """A view is made of a link that is there."""
    return Unprocessable("There is no such link. Make it first with POST /v1/links.", code="unknownLink", pointer="/link")

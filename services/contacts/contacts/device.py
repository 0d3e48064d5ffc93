"""What a contact was last seen with, on the web site and in the app: the same for every order in which its visits come. Pure."""

from operator import attrgetter
from typing import Any

from msgspec.structs import fields, replace
from pydantic import JsonValue

from common.built_ins import FACTS, FROM_THE_START, OF_DEVICES
from common.errors import Unprocessable
from common.events.contacts import Change, DeviceFacts, Visit
from common.fields import MOBILE, WEB
from common.pointer import escape

KINDS = (WEB, MOBILE)
_MOST = 256
_ATTRIBUTES = {member.encode_name: member.name for member in fields(DeviceFacts)}
_told_of = attrgetter(*(_ATTRIBUTES[name] for name, fact in FACTS.items() if fact.told))
_NAMES = {kind: [name for name, fact in FACTS.items() if fact.told and kind in fact.kinds] for kind in KINDS}
_FACTS_OF = {
    kind: tuple((f"{kind}.{name}", attrgetter(_ATTRIBUTES[name])) for name in FACTS if f"{kind}.{name}" in OF_DEVICES)
    for kind in KINDS
}


def read_device(raw: Any, pointer: str) -> dict[str, JsonValue] | None:
    """The device of a visit: its kind, and what is known of one of that kind. Raises Unprocessable for any other shape."""
    if raw is None:
        return None
    if not isinstance(raw, dict) or raw.get("kind") not in KINDS:
        place = f"{pointer}/kind" if isinstance(raw, dict) and "kind" in raw else pointer
        raise Unprocessable('A device is an object with the `kind` "web" or "mobile".', pointer=place)
    names = _NAMES[raw["kind"]]
    for name, value in raw.items():
        if name != "kind" and name not in names:
            place = f"{pointer}/{escape(name)}"
            detail = f"A device of this kind has {', '.join(f'`{name}`' for name in ('kind', *names))}."
            raise Unprocessable(detail, code="unknownMember", pointer=place, extra={"known": ["kind", *names]})
        if value is not None and (not isinstance(value, str) or len(value) > _MOST):
            place = f"{pointer}/{escape(name)}"
            raise Unprocessable(f"This must be a text of {_MOST} characters at most.", pointer=place, extra={"most": _MOST})
    return raw


def kind_of(visit: Visit) -> str | None:
    """On which kind of device the visit was, where it says."""
    kind = (visit.device or {}).get("kind")
    return str(kind) if kind in KINDS else None


def seen(known: DeviceFacts | None, visit: Visit, sessions: int) -> DeviceFacts:
    """The facts after a visit on this kind of device, which changed the number of sessions on it by so many."""
    told: dict[str, Any] = {
        _ATTRIBUTES[name]: value
        for name, value in (visit.device or {}).items()
        if name in FACTS and FACTS[name].told and isinstance(value, str) and value.strip()
    }
    found = DeviceFacts(**told, seen_at=visit.at, visit_id=visit.id, last_seen_at=visit.at, sessions_count=sessions)
    return found if known is None else united(known, found, known.sessions_count + sessions)


def united(one: DeviceFacts, other: DeviceFacts, sessions: int) -> DeviceFacts:
    """Of two contacts, or of one and a visit of it: the facts of the later visit that told any, and so many sessions.

    Of two visits of one instant that of the greater id counts.
    """
    latest = max(one, other, key=lambda facts: (_tells(facts), facts.seen_at, facts.visit_id))
    last = max(one.last_seen_at or one.seen_at, other.last_seen_at or other.seen_at)
    return replace(latest, sessions_count=sessions, last_seen_at=last)


def differences(kind: str, before: DeviceFacts | None, after: DeviceFacts | None) -> list[Change]:
    """How the facts of one kind of device differ from before, as changes of a contact."""
    if before is after:
        return []
    changes: list[Change] = []
    for key, fact in _FACTS_OF[kind]:
        at_first: Any = FROM_THE_START.get(key)
        was, now = at_first if before is None else fact(before), at_first if after is None else fact(after)
        if was != now:
            changes.append(Change(key=key, from_=was, to=now))
    return changes


def _tells(facts: DeviceFacts) -> bool:
    return any(fact is not None for fact in _told_of(facts))

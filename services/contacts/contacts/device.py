"""What a contact was last seen with, on the web site and in the app: the same for every order in which its visits come. Pure."""

from typing import Any

from pydantic import JsonValue

from common.built_ins import FACTS
from common.errors import Unprocessable
from common.events.contacts import DeviceFacts, Visit
from common.fields import MOBILE, WEB
from common.pointer import escape

KINDS = (WEB, MOBILE)
_MOST = 256
_ATTRIBUTES = {str(member.alias): name for name, member in DeviceFacts.model_fields.items()}


def read_device(raw: Any, pointer: str) -> dict[str, JsonValue] | None:
    """The device of a visit: its kind, and what is known of one of that kind. Raises Unprocessable for any other shape."""
    if raw is None:
        return None
    if not isinstance(raw, dict) or raw.get("kind") not in KINDS:
        place = f"{pointer}/kind" if isinstance(raw, dict) and "kind" in raw else pointer
        raise Unprocessable('A device is an object with the `kind` "web" or "mobile".', pointer=place)
    names = [name for name, fact in FACTS.items() if fact.told and raw["kind"] in fact.kinds]
    for name, value in raw.items():
        place = f"{pointer}/{escape(name)}"
        if name != "kind" and name not in names:
            detail = f"A device of this kind has {', '.join(f'`{name}`' for name in ('kind', *names))}."
            raise Unprocessable(detail, code="unknownMember", pointer=place, extra={"known": ["kind", *names]})
        if value is not None and (not isinstance(value, str) or len(value) > _MOST):
            raise Unprocessable(f"This must be a text of {_MOST} characters at most.", pointer=place, extra={"most": _MOST})
    return raw


def kind_of(visit: Visit) -> str | None:
    """On which kind of device the visit was, where it says."""
    kind = (visit.device or {}).get("kind")
    return str(kind) if kind in KINDS else None


def seen(known: DeviceFacts | None, visit: Visit, sessions: int) -> DeviceFacts:
    """The facts after a visit on this kind of device, which changed the number of sessions on it by so many."""
    told = {
        _ATTRIBUTES[name]: value
        for name, value in (visit.device or {}).items()
        if name in FACTS and FACTS[name].told and isinstance(value, str) and value.strip()
    }
    found = DeviceFacts(
        **told, seen_at=visit.at, visit_id=visit.id, last_seen_at=visit.at, sessions_count=sessions
    )  # fmt: skip
    return found if known is None else united(known, found, known.sessions_count + sessions)


def united(one: DeviceFacts, other: DeviceFacts, sessions: int) -> DeviceFacts:
    """Of two contacts, or of one and a visit of it: the facts of the later visit that told any, and so many sessions.

    Of two visits of one instant that of the greater id counts.
    """
    latest = max(one, other, key=lambda facts: (_tells(facts), facts.seen_at, facts.visit_id))
    return latest.model_copy(
        update={"sessions_count": sessions, "last_seen_at": max(filter(None, (one.last_seen_at, other.last_seen_at)))}
    )


def _tells(facts: DeviceFacts) -> bool:
    members = facts.members()
    return any(members[name] is not None for name, fact in FACTS.items() if fact.told)

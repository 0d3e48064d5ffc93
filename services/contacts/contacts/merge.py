"""Who a lead turns out to be: whether it becomes a member or a member takes it in, and which values the member then has.

Field by field: a value beats no value; then verified beats unverified; then the member's beats the lead's. Newer beats older
would come last, but one side is always a member and the other never, so it has nothing left to decide. Tags are joined, each
consent is as it was changed last, visits and sessions are united, the first instants are the earlier ones. Who was blocked as
either is blocked: `false` is how everybody begins, so it is no value that somebody gave.

Where only a page says that they are one person, with a key that is public, the member's block and tags stay, for they are the
team's to say, and a consent is only ever taken back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import JsonValue

from common.built_ins import CONSENTS
from common.errors import Conflict, Unprocessable
from common.events.contacts import Change, Contact, ContactAbsorbed, ContactIdentified, ContactMerged
from contacts.device import KINDS, united
from contacts.tags import MOST_TAGS, as_kept

_OF_THE_STREAM = frozenset({"id", "memberId", "member", "version", "updatedAt", "mergedInto", "profile"})
_NONE: Collection[str] = frozenset()


class Identified(Enum):
    """What follows from naming a lead and a member as one person."""

    ALREADY = "already"
    BECOMES = "becomes"
    MERGES = "merges"


@dataclass(frozen=True, slots=True)
class Claims:
    """Which keys (`profile.<key>`, or a built-in) are verified on each side. No way in marks any yet, so both are empty."""

    member: Collection[str] = _NONE
    lead: Collection[str] = _NONE


NOTHING_VERIFIED = Claims()


def identify(lead: Contact | None, member: Contact | None, member_id: str, pointer: str) -> Identified:
    """What follows for the lead (None: there is none) and the member (None: not there yet).

    Raises Unprocessable for an unknown lead, Conflict where it is somebody else already.
    """
    if lead is None:
        raise Unprocessable("There is no such lead.", code="unknownLead", pointer=pointer)
    if lead.merged_into is not None:
        if member is not None and lead.merged_into == member.id:
            return Identified.ALREADY
        raise Conflict("This lead was merged into another member before.", code="mergedElsewhere", pointer=pointer)
    if lead.member_id == member_id:
        return Identified.ALREADY
    if lead.member:
        raise Conflict("This contact is a member already, under another memberId.", code="leadIsMember", pointer=pointer)
    return Identified.BECOMES if member is None else Identified.MERGES


def becomes(lead: Contact, member_id: str) -> ContactIdentified:
    """The lead goes on as this member."""
    changes = [Change(key="memberId", from_=None, to=member_id), Change(key="member", from_=lead.member, to=True)]
    return ContactIdentified(member_id=member_id, changes=changes)


def absorbed(lead: Contact, member: Contact) -> ContactAbsorbed:
    """What is told of the lead."""
    return ContactAbsorbed(into=member.id, was_hidden=lead.hidden)


def merged(
    member: Contact, lead: Contact, sessions: Mapping[str, int], claims: Claims = NOTHING_VERIFIED, *, by_page: bool = False
) -> ContactMerged:
    """What the member has of the lead; `sessions` is how many both have, counted anew, all
    of them under "" and those on each kind of device under its name; `by_page` where only a page says it."""
    mine, theirs = member.members(), lead.members()
    to: dict[str, JsonValue] = {key: _stronger(key, mine[key], theirs[key], claims) for key in mine if key not in _OF_THE_STREAM}
    to |= _consents(mine, theirs, only_taken_back=by_page)
    to |= {
        "blocked": member.blocked or (lead.blocked and not by_page),
        "tags": list[JsonValue](as_kept([*member.tags, *(() if by_page else lead.tags)])[:MOST_TAGS]),
        "createdAt": _earlier(mine["createdAt"], theirs["createdAt"]),
        "firstSeenAt": _earlier(mine["firstSeenAt"], theirs["firstSeenAt"]),
        "lastSeenAt": _later(mine["lastSeenAt"], theirs["lastSeenAt"]),
        "sessionsCount": sessions[""],
        "hidden": member.hidden and lead.hidden,
    }
    for kind in KINDS:
        one, other = getattr(member, kind), getattr(lead, kind)
        facts = united(one, other, sessions[kind]) if one and other else one or other
        to[kind] = facts.members() if facts else None
    changes = [Change(key=key, from_=mine[key], to=value) for key, value in to.items() if mine[key] != value]
    for key in dict.fromkeys([*member.profile, *lead.profile]):
        before = member.profile.get(key)
        after = _stronger(f"profile.{key}", before, lead.profile.get(key), claims)
        if type(before) is not type(after) or before != after:
            changes.append(Change(key=f"profile.{key}", from_=before, to=after))
    return ContactMerged(absorbed=lead.id, changes=changes)


def _stronger(key: str, member: JsonValue, lead: JsonValue, claims: Claims) -> JsonValue:
    if _is_none(member) or _is_none(lead):
        return lead if _is_none(member) else member
    return lead if key in claims.lead and key not in claims.member else member


def _is_none(value: JsonValue) -> bool:
    """0 and false are values; a blank text and an empty list or object are none."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def _consents(mine: Mapping[str, Any], theirs: Mapping[str, Any], *, only_taken_back: bool) -> dict[str, JsonValue]:
    to: dict[str, JsonValue] = {}
    for consent in CONSENTS:
        changed = f"{consent}UpdatedAt"
        theirs_counts = theirs[consent] is True or not only_taken_back
        winner = theirs if theirs_counts and _later(mine[changed], theirs[changed]) != mine[changed] else mine
        to |= {consent: winner[consent], changed: winner[changed]}
    return to


def _earlier(one: str | None, other: str | None) -> str | None:
    given = [instant for instant in (one, other) if instant is not None]
    return min(given, default=None)


def _later(one: str | None, other: str | None) -> str | None:
    given = [instant for instant in (one, other) if instant is not None]
    return max(given, default=None)

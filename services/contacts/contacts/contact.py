"""A contact: what may be asked of it, what follows, and what it is after that. Pure: time, ids and actor are given."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from msgspec.structs import fields as members_of
from msgspec.structs import replace
from pydantic import JsonValue

from common.built_ins import CONSENTS, GIVEN, OF_DEVICES
from common.clock import EPOCH, to_wire
from common.errors import Gone, NotFound, Unprocessable
from common.events.contacts import (
    Change,
    Contact,
    ContactAbsorbed,
    ContactChanged,
    ContactCreated,
    ContactEvent,
    ContactFieldArchived,
    ContactFieldRestored,
    ContactIdentified,
    ContactMerged,
    ContactRestored,
    ContactShown,
    ContactVisited,
    FieldDefinition,
    Visit,
)  # fmt: skip
from common.fields import MOBILE, WEB
from common.pointer import escape
from contacts.built_in_value import may_be_from_before, nothing_of, read_built_in
from contacts.device import differences, kind_of, seen
from contacts.profile_field import fit, is_nothing
from contacts.size import check_contact, may_be_too_large
from contacts.tags import as_kept, as_written, check_count, joined, read_tags, without

_NOBODY = UUID(int=0)
_SHORTEN = "Clear or shorten some of them."
_ATTRIBUTES = {member.encode_name: member.name for member in members_of(Contact)}
_OWN_KEYS = frozenset({"profile", "profileOnce"})
_MOVED_BY_VISITS = ("firstSeenAt", "lastSeenAt", "sessionsCount")
# All that a command does happens at one instant.
_as_text = lru_cache(maxsize=64)(to_wire)
_UNESCAPED = {*GIVEN, "addTags", "removeTags"}
_NOT_EDITABLE = ({*_ATTRIBUTES, *OF_DEVICES, "sessionCount"}) - {*GIVEN, "memberId", "profile"}


@dataclass(frozen=True, slots=True)
class Unread:
    """A text that is no value of its field today. It may be there from before that was so, and stays then."""

    text: object
    refusal: Unprocessable


@dataclass(frozen=True, slots=True)
class Write:
    """What a caller wants of a contact: built-in values by name (None clears), profile values, tags to add and remove."""

    values: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    unread: Mapping[str, Unread] = field(default_factory=dict[str, Unread])
    profile: Mapping[str, object] = field(default_factory=dict[str, object])
    profile_once: Mapping[str, object] = field(default_factory=dict[str, object])
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    pointer: str = ""


def read_write(raw: object, country: str, pointer: str = "", also: frozenset[str] = frozenset()) -> Write:
    """Read a write's body; `also` names further members that the caller reads itself. Raises Unprocessable."""
    if not isinstance(raw, dict):
        raise Unprocessable("A contact must be an object.", pointer=pointer)
    values: dict[str, JsonValue] = {}
    unread: dict[str, Unread] = {}
    tags: dict[str, tuple[str, ...]] = {}
    for key, value in raw.items():
        if key in _OWN_KEYS or key in also:
            continue
        place = f"{pointer}/{key if key in _UNESCAPED else escape(key)}"
        if key in GIVEN:
            try:
                values[key] = read_built_in(key, value, country, place)
            except Unprocessable as refusal:
                if not may_be_from_before(key, value):
                    raise
                unread[key] = Unread(value, refusal)
        elif key in ("addTags", "removeTags"):
            tags[key] = read_tags(value, place, to_have=key == "addTags")
        elif key in _NOT_EDITABLE:
            raise Unprocessable("This is counted by the system and cannot be written.", code="notEditable", pointer=place)
        else:
            raise Unprocessable(
                "There is no such field. A key of your own goes under `profile`.", code="unknownField", pointer=place
            )
    return Write(
        values,
        unread,
        _mapping(raw.get("profile", {}), f"{pointer}/profile"),
        _mapping(raw.get("profileOnce", {}), f"{pointer}/profileOnce"),
        tags.get("addTags", ()),
        tags.get("removeTags", ()),
        pointer,
    )


def _mapping(value: object, pointer: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Unprocessable("This must be an object of keys and values.", pointer=pointer)
    return value


def check_read(write: Write) -> None:
    """Raises Unprocessable for what nothing but a value of before may be."""
    for each in write.unread.values():
        raise each.refusal


def changes(state: Contact | None, write: Write, fields: Mapping[str, FieldDefinition]) -> list[Change]:
    """What the write changes of a contact (None: of a new one). Raises Unprocessable where a value does not fit its field.

    `fields` are the definitions by bare key; every key of the write that has a value is among them.
    """
    found: list[Change] = []
    for key, unread in write.unread.items():
        if state is None or getattr(state, _ATTRIBUTES[key]) != unread.text:
            raise unread.refusal
    wanted = write.values
    if "tags" in wanted or write.add_tags or write.remove_tags:
        wanted = {**wanted, "tags": list[JsonValue](_tags(() if state is None else state.tags, write))}
    for key, to in wanted.items():
        before = nothing_of(key) if state is None else getattr(state, _ATTRIBUTES[key])
        if before != to:
            found.append(Change(key=key, from_=before, to=to))
    kept = state.profile if state is not None else {}
    found += _profile(kept, write, fields)
    return found


def _tags(now: Sequence[str], write: Write) -> Sequence[str]:
    """The tags after the write. Raises Unprocessable for too many."""
    held = as_kept(now)
    tags = as_written(held, _texts(write.values["tags"])) if "tags" in write.values else held
    if write.add_tags or write.remove_tags:
        tags = without(joined(tags, write.add_tags), write.remove_tags)
        check_count(tags, f"{write.pointer}/addTags")
    return tags


def _texts(tags: JsonValue) -> list[str]:
    assert isinstance(tags, list)
    return [str(tag) for tag in tags]


def _profile(kept: Mapping[str, JsonValue], write: Write, fields: Mapping[str, FieldDefinition]) -> list[Change]:
    found: dict[str, Change] = {}
    for member, given in (("profileOnce", write.profile_once), ("profile", write.profile)):
        for key, value in given.items():
            definition = fields.get(key)
            if definition is None or not definition.collected:  # nothing given for a key that nobody knows, or given in vain
                continue
            to = fit(definition, value, f"{write.pointer}/{member}/{key}")  # no key of a field is to be escaped
            before = kept.get(key)
            once = member == "profileOnce" or definition.once
            if once and before is not None:
                continue
            if type(before) is not type(to) or before != to:
                found[key] = Change(key=f"profile.{key}", from_=before, to=to)
            else:
                found.pop(key, None)
    return list(found.values())


def given_in_vain(write: Write, fields: Mapping[str, FieldDefinition]) -> list[str]:
    """The bare keys of archived fields that the write has values for: they are dropped, and counted."""
    given = (*write.profile.items(), *write.profile_once.items())
    return [key for key, value in given if key in fields and not fields[key].collected and not is_nothing(value)]


def created(id_: UUID, member_id: str | None, event: ContactCreated, at: datetime) -> Contact:
    """A contact at its first version."""
    born = to_wire(at)
    empty = Contact(id=id_, member_id=member_id, member=member_id is not None, created_at=born, updated_at=born, version=0,
                    hidden=event.hidden)  # fmt: skip
    return evolve(empty, event, at)


def evolve(state: Contact, event: ContactEvent, at: datetime) -> Contact:
    """The contact after an event; a pure fold, which asks nothing and refuses nothing.

    Instants never go back from one version to the next, whichever clock decided: `updated_at` is when the event counts.
    """
    counts_at = max(_as_text(at), state.updated_at)
    updates: dict[str, Any] = {"version": state.version + 1, "updated_at": counts_at}
    if isinstance(event, ContactVisited):
        return replace(
            state,
            first_seen_at=event.first_seen_at,
            last_seen_at=event.last_seen_at,
            sessions_count=event.sessions_count,
            web=event.web,
            mobile=event.mobile,
            **updates,
        )
    if isinstance(event, ContactShown):
        return replace(state, hidden=False, **updates)
    if isinstance(event, ContactAbsorbed):
        # What it held is the survivor's now; what it was before can still be read from its events.
        return Contact(id=state.id, created_at=state.created_at, merged_into=event.into, **updates)
    if isinstance(event, ContactIdentified | ContactMerged | ContactRestored):
        return replace(_with(state, event.changes), **updates)
    if isinstance(event, ContactFieldArchived | ContactFieldRestored):
        return replace(state, **updates)  # the value stays; whether it is shown is the field's to say
    profile = dict(state.profile)
    for change in event.changes:
        if change.key.startswith("profile."):
            if change.to is None:
                profile.pop(change.key[8:], None)
            else:
                profile[change.key[8:]] = change.to
            continue
        updates[_ATTRIBUTES[change.key]] = change.to
        if change.key in CONSENTS:
            updates[_ATTRIBUTES[f"{change.key}UpdatedAt"]] = counts_at
    return replace(state, profile=profile, **updates)


def _with(state: Contact, changes: Sequence[Change]) -> Contact:
    """The contact with these values, whatever they are: instants and counts too."""
    members, profile = state.members(), dict(state.profile)
    for change in changes:
        if not change.key.startswith("profile."):
            members[change.key] = change.to
        elif change.to is None:
            profile.pop(change.key[8:], None)
        else:
            profile[change.key[8:]] = change.to
    return Contact.of(members | {"profile": profile})


def decide(state: Contact | None, write: Write, fields: Mapping[str, FieldDefinition]) -> ContactCreated | ContactChanged | None:
    """The event that follows from a write; None where nothing changes. Raises Unprocessable, for one too large as well."""
    found = changes(state, write, fields)
    if state is None:
        made = ContactCreated(changes=found)
        if may_be_too_large(None, found):
            check_contact(None, created(_NOBODY, None, made, EPOCH), _SHORTEN, write.pointer)
        return made
    if not found:
        return None
    changed = ContactChanged(changes=found)
    if may_be_too_large(state, found):
        check_contact(state, evolve(state, changed, EPOCH), _SHORTEN, write.pointer)
    return changed


def visited(state: Contact, visit: Visit, sessions: int, on_device: int = 0) -> ContactVisited:
    """The event of one visit that changed the number of sessions by so many, and of those on its kind of device."""
    kind = kind_of(visit)
    changes: list[Change] = []
    event = ContactVisited(
        visit_id=visit.id,
        visited_at=visit.at,
        sessions=sessions,
        first_seen_at=min(visit.at, state.first_seen_at or visit.at),
        last_seen_at=max(visit.at, state.last_seen_at or visit.at),
        sessions_count=state.sessions_count + sessions,
        web=seen(state.web, visit, on_device) if kind == WEB else state.web,
        mobile=seen(state.mobile, visit, on_device) if kind == MOBILE else state.mobile,
        changes=changes,
    )
    changes += _moved(state, event)
    return event


def _moved(state: Contact, event: ContactVisited) -> list[Change]:
    """How the contact after a visit differs from before."""
    moved: list[Change] = []
    for key in _MOVED_BY_VISITS:
        was, now = getattr(state, _ATTRIBUTES[key]), getattr(event, _ATTRIBUTES[key])
        if was != now:
            moved.append(Change(key=key, from_=was, to=now))
    return [*moved, *differences(WEB, state.web, event.web), *differences(MOBILE, state.mobile, event.mobile)]


def no_contact() -> NotFound:
    """The same words for another channel's contact as for one that never was."""
    return NotFound("There is no such contact.")


def erased() -> Gone:
    """What is answered of an erased contact."""
    return Gone("This contact was erased. Nothing of it can be shown or brought back.", code="erased")


def etag(contact: Contact) -> str:
    """The version as an ETag."""
    return f'"{contact.version}"'


def without_archived(contact: Contact, archived: Collection[str]) -> Contact:
    """The contact without the values of archived fields (by bare key), which stay in its state until they are restored."""
    if contact.profile.keys().isdisjoint(archived):
        return contact
    return replace(contact, profile={k: v for k, v in contact.profile.items() if k not in archived})


def is_told(key: str, archived: Collection[str]) -> bool:
    """Whether a change of this key is told of; `archived` are bare keys, and a built-in field may be called as one of them."""
    return not (key.startswith("profile.") and key[8:] in archived)

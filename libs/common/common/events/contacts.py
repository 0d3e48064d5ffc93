"""What contacts tells: changes of contacts with the whole state after them, raw visits, field definitions, channel settings."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from common.clock import WireInstant
from common.envelope import Delivered
from common.events.wire import Body, Event, Json, read
from common.fields import MOBILE, WEB, BuiltIn, Fact, FieldType

FieldTypeName = Literal["String", "Number", "Boolean", "Date", "List"]


class DeviceFacts(Body):
    """What a contact was last seen with on one kind of device, by the latest visit that told; how often, and when last."""

    # The visit that the facts are from.
    seen_at: WireInstant
    visit_id: str
    device: Annotated[str | None, Fact(FieldType.STRING, "기기", "device")] = None
    os: Annotated[str | None, Fact(FieldType.STRING, "운영체제", "OS")] = None
    os_name: Annotated[str | None, Fact(FieldType.STRING, "운영체제 이름", "OS name")] = None
    browser: Annotated[str | None, Fact(FieldType.STRING, "브라우저", "browser", (WEB,))] = None
    browser_name: Annotated[str | None, Fact(FieldType.STRING, "브라우저 이름", "browser name", (WEB,))] = None
    app_name: Annotated[str | None, Fact(FieldType.STRING, "앱 이름", "app name", (MOBILE,))] = None
    app_version: Annotated[str | None, Fact(FieldType.STRING, "앱 버전", "app version", (MOBILE,))] = None
    sdk_name: Annotated[str | None, Fact(FieldType.STRING, "SDK 이름", "SDK name", (MOBILE,))] = None
    sdk_version: Annotated[str | None, Fact(FieldType.STRING, "SDK 버전", "SDK version", (MOBILE,))] = None
    sessions_count: Annotated[int, Fact(FieldType.NUMBER, "세션 수", "sessions", told=False)] = 0
    last_seen_at: Annotated[WireInstant | None, Fact(FieldType.DATE, "최근 접속 시간", "last seen", told=False)] = None
    # Told no more; they stand in older events.
    os_version: str | None = None
    browser_version: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        """Older events do not say when it was last seen: the visit that they have facts of is the last that is known."""
        if self.last_seen_at is None:
            msgspec.structs.force_setattr(self, "last_seen_at", self.seen_at)


class Contact(Body):
    """A contact as every reader sees it; an absent value is null."""

    # A member that declares a BuiltIn is a field of every channel, in this order; what follows from it is in common.built_ins.
    id: Annotated[UUID, BuiltIn(FieldType.STRING, "연락처 ID", "Contact id", given=False, listed=False)]
    name: Annotated[str | None, BuiltIn(FieldType.STRING, "이름", "Name")] = None
    mobile_number: Annotated[str | None, BuiltIn(FieldType.PHONE, "휴대폰 번호", "Mobile number")] = None
    email: Annotated[str | None, BuiltIn(FieldType.EMAIL, "이메일", "E-mail")] = None
    member_id: Annotated[str | None, BuiltIn(FieldType.STRING, "회원 ID", "Member id", given=False)] = None
    member: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "회원 여부", "Member", given=False)] = False
    tags: Annotated[list[str], BuiltIn(FieldType.LIST, "태그", "Tags")] = msgspec.field(default_factory=list)
    landline_number: Annotated[str | None, BuiltIn(FieldType.PHONE, "유선 번호", "Landline number")] = None
    language: Annotated[str | None, BuiltIn(FieldType.STRING, "언어", "Language")] = None
    country: Annotated[str | None, BuiltIn(FieldType.STRING, "국가", "Country")] = None
    city: Annotated[str | None, BuiltIn(FieldType.STRING, "도시", "City")] = None
    avatar_url: Annotated[str | None, BuiltIn(FieldType.STRING, "프로필 사진", "Avatar")] = None
    unsubscribe_email: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "이메일 수신 거부", "Unsubscribed from e-mail")] = False
    unsubscribe_email_updated_at: Annotated[
        WireInstant | None,
        BuiltIn(FieldType.DATE, "이메일 수신 거부 변경 시간", "E-mail consent changed", given=False, listed=False),
    ] = None
    unsubscribe_texting: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "문자 수신 거부", "Unsubscribed from texts")] = False
    unsubscribe_texting_updated_at: Annotated[
        WireInstant | None,
        BuiltIn(FieldType.DATE, "문자 수신 거부 변경 시간", "Text consent changed", given=False, listed=False),
    ] = None
    unsubscribe_app_push: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "앱 푸시 수신 거부", "Unsubscribed from push")] = False
    unsubscribe_app_push_updated_at: Annotated[
        WireInstant | None,
        BuiltIn(FieldType.DATE, "앱 푸시 수신 거부 변경 시간", "Push consent changed", given=False, listed=False),
    ] = None
    blocked: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "차단", "Blocked")] = False
    first_seen_at: Annotated[WireInstant | None, BuiltIn(FieldType.DATE, "첫 접속 시간", "First seen", given=False)] = None
    last_seen_at: Annotated[WireInstant | None, BuiltIn(FieldType.DATE, "최근 접속 시간", "Last seen", given=False)] = None
    sessions_count: Annotated[int, BuiltIn(FieldType.NUMBER, "총 세션 수", "Sessions", given=False)] = 0
    created_at: Annotated[WireInstant, BuiltIn(FieldType.DATE, "생성 시간", "Created", given=False)]
    updated_at: Annotated[WireInstant, BuiltIn(FieldType.DATE, "수정 시간", "Updated", given=False)]
    web: DeviceFacts | None = None
    mobile: DeviceFacts | None = None
    profile: dict[str, Json] = msgspec.field(default_factory=dict)
    version: int
    merged_into: UUID | None = None
    hidden: bool = False


class Change(Body):
    """One key's old and new value; a profile key is written `profile.<key>`."""

    key: str
    from_: Json = msgspec.field(default=None, name="from")
    to: Json = None


class ContactCreated(Event, tag="contact.created"):
    """A contact came to be, with these first values; `hidden` where the channel had as many as its plan shows."""

    changes: list[Change] = msgspec.field(default_factory=list)
    hidden: bool = False


class ContactChanged(Event, tag="contact.changed"):
    """Some of a contact's fields changed."""

    changes: list[Change]


class ContactVisited(Event, tag="contact.visited"):
    """A visit moved the contact's sessions; `sessions` is by how many (+1 opened, 0 stretched, -1 joined two).

    The members say what the contact has after it, `changes` how that differs from before.
    """

    visit_id: str
    visited_at: WireInstant
    sessions: int
    first_seen_at: WireInstant
    last_seen_at: WireInstant
    sessions_count: int
    web: DeviceFacts | None = None
    mobile: DeviceFacts | None = None
    changes: list[Change] = msgspec.field(default_factory=list)


class ContactIdentified(Event, tag="contact.identified"):
    """A lead turned out to be a member: the contact goes on under its own id, with a memberId."""

    member_id: str
    changes: list[Change] = msgspec.field(default_factory=list)


class ContactMerged(Event, tag="contact.merged"):
    """A member took a lead in; `changes` are what the member has of it, `absorbed` is the lead's id."""

    absorbed: UUID
    changes: list[Change] = msgspec.field(default_factory=list)


class ContactAbsorbed(Event, tag="contact.absorbed"):
    """A lead was taken in by a member, which stands for it from now on; what it held is the member's."""

    into: UUID
    was_hidden: bool = False


class ContactShown(Event, tag="contact.shown"):
    """A contact that the managed-user limit had hidden is shown: the limit grew, or others went."""


class ContactRestored(Event, tag="contact.restored"):
    """What a bulk action changed of a contact was taken back, the times of its consents' changes too."""

    changes: list[Change] = msgspec.field(default_factory=list)


class ContactFieldArchived(Event, tag="contact.field_archived"):
    """A field was archived: the contact is told of without its value from now on, and keeps it aside."""

    key: str


class ContactFieldRestored(Event, tag="contact.field_restored"):
    """An archived field was restored: the contact is told of with the value that it had kept aside."""

    key: str


class ContactToldAgain(Event, tag="contact.told_again"):
    """Nothing happened: the contact's newest state is told once more, for readers that have lost it, or have seen what a restore
    of the database took away.
    """


ContactEvent = (
    ContactCreated
    | ContactChanged
    | ContactVisited
    | ContactIdentified
    | ContactMerged
    | ContactAbsorbed
    | ContactShown
    | ContactRestored
    | ContactFieldArchived
    | ContactFieldRestored
)


class ContactState(Body):
    """What a value of `contacts.v1` says of the contact, whatever it was that happened: all that readers of states need."""

    contact: Contact
    version: int


class ContactUnread(Body):
    """The same with the contact as JSON, for who keeps it as it came."""

    contact: msgspec.Raw
    version: int


class ContactMessage(ContactState):
    """The value of `contacts.v1`."""

    event: ContactEvent | ContactToldAgain


def contact_value(event: bytes, contact: bytes, version: int) -> bytes:
    """A `ContactMessage` as JSON, of an event and a contact that are encoded already."""
    return b'{"event":%b,"contact":%b,"version":%d}' % (event, contact, version)


class Visit(Body):
    """A visit (`name` is `visit`) or a custom event, as it was reported."""

    id: str
    contact_id: UUID
    name: str = "visit"
    at: WireInstant
    properties: dict[str, Json] = msgspec.field(default_factory=dict)
    url: str | None = None
    device: dict[str, Json] | None = None


class VisitRecorded(Event, tag="visit.recorded"):
    """A visit or custom event was taken in for the first time."""


class VisitMessage(Body):
    """The value of `visits.v1`."""

    event: VisitRecorded
    visit: Visit


def visit_value(visit: bytes) -> bytes:
    """A `VisitMessage` as JSON, of a visit that is encoded already."""
    return b'{"event":{"type":"visit.recorded"},"visit":%b}' % visit


class FieldDefinition(Body):
    """A field's definition. `key` is `profile.<key>` or a built-in; `order` counts from 0.

    `restoring`: its values are collected and told of again, but the field stays `archived` until every reader has them all.
    """

    key: str
    type: FieldTypeName
    display_name: dict[str, str] = msgspec.field(default_factory=dict)
    visible: bool = True
    inbox_visible: bool = True
    archived: bool = False
    order: int = 0
    once: bool = False
    refused_while_archived: int = 0
    restoring: bool = False

    @property
    def collected(self) -> bool:
        """Whether values are taken in and shown."""
        return not self.archived or self.restoring


class FieldDefined(Event, tag="field.defined"):
    """A field was defined, explicitly or on first sight of a value."""


class FieldChanged(Event, tag="field.changed"):
    """A field's definition changed, archiving and restoring included."""


class FieldMessage(Body):
    """A value of `fields.v1` that tells of a field."""

    event: FieldDefined | FieldChanged
    field: FieldDefinition
    version: int


class Channel(Body):
    """A channel's settings."""

    country: str = "KR"
    time_zone: str = "Asia/Seoul"
    session_minutes: int = 30
    export_minutes: int = 30
    export_scope: Literal["manager", "channel"] = "manager"
    export_approval_rows: int | None = None
    """An export of more contacts than these needs a second person's word; None is off."""


class ChannelChanged(Event, tag="channel.changed"):
    """A channel came to be or its settings changed."""


class ChannelMessage(Body):
    """A value of `fields.v1` under the key CHANNEL_SUBJECT: readers of filters need country and zone as they need types."""

    event: ChannelChanged
    channel: Channel
    version: int


CHANNEL_SUBJECT = "@channel"


class ManagedUsersWarning(Event, tag="managedUsers.warning"):
    """A channel's contacts reached 80 or 100 `percent` of its limit; told once each time they do, from below."""

    percent: Literal[80, 100]
    limit: int
    count: int
    hidden: int


class ManagedUsersMessage(Body):
    """The value of `channel.v1`, keyed channel/managedUsers."""

    event: ManagedUsersWarning
    version: int


class _JobEnded(Event):
    job_id: UUID
    requested_by: str
    at: WireInstant
    status: Literal["done", "failed", "cancelled", "undone"]
    total: int | None = None
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    """How many rows or contacts came to each outcome."""
    problem: str | None = None


class ImportDone(_JobEnded, tag="import.done"):
    """An import has ended: its counts are `made`, `changed`, `unchanged` and `refused` rows; `problem` says why it failed."""


class BulkActionDone(_JobEnded, tag="bulkAction.done"):
    """A bulk action has ended, or was taken back: its counts are `changed`, `unchanged`, `failed`, and `undone` and `skipped`."""


class JobMessage(Body):
    """The value of `jobs.v1`, keyed channel/job."""

    event: ImportDone | BulkActionDone
    version: int


class ContactErased(Event, tag="contact.erased"):
    """A contact was erased: these ids hold nothing any more, and no file or copy of them may be kept."""

    receipt_id: UUID
    contact_ids: list[UUID]


class ErasureMessage(Body):
    """The value of `erasures.v1`, keyed channel/receipt."""

    event: ContactErased


def contact_state(message: Delivered) -> ContactState | None:
    """Read a message of `contacts.v1`; None is a tombstone (the contact was erased). Raises UnreadableMessage."""
    return None if message.value is None else read(ContactState, message)


def field_message(message: Delivered) -> FieldMessage | ChannelMessage:
    """Read a message of `fields.v1`. Raises UnreadableMessage."""
    if message.subject == CHANNEL_SUBJECT:
        return read(ChannelMessage, message)
    return read(FieldMessage, message)

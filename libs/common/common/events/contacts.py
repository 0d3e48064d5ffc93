"""What contacts tells: changes of contacts with the whole state after them, raw visits, field definitions, channel settings."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue, ValidationInfo, field_validator

from common.clock import Instant
from common.envelope import Delivered
from common.events.wire import Body, read
from common.fields import MOBILE, WEB, BuiltIn, Fact, FieldType

FieldTypeName = Literal["String", "Number", "Boolean", "Date", "List"]


class DeviceFacts(Body):
    """What a contact was last seen with on one kind of device, by the latest visit that told; how often, and when last."""

    # The visit that the facts are from.
    seen_at: Instant
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
    last_seen_at: Annotated[
        Instant | None, Fact(FieldType.DATE, "최근 접속 시간", "last seen", told=False), Field(validate_default=True)
    ] = None
    # Told no more; they stand in older events.
    os_version: str | None = None
    browser_version: str | None = None
    model: str | None = None

    @field_validator("last_seen_at")
    @classmethod
    def _seen_then(cls, last: Instant | None, info: ValidationInfo) -> Instant | None:
        """Older events do not say it: the visit that they have facts of is the last that is known."""
        return info.data.get("seen_at") if last is None else last


class Contact(Body):
    """A contact as every reader sees it; an absent value is null."""

    # A member that declares a BuiltIn is a field of every channel, in this order; what follows from it is in common.built_ins.
    id: Annotated[UUID, BuiltIn(FieldType.STRING, "연락처 ID", "Contact id", given=False, listed=False)]
    name: Annotated[str | None, BuiltIn(FieldType.STRING, "이름", "Name")] = None
    mobile_number: Annotated[str | None, BuiltIn(FieldType.PHONE, "휴대폰 번호", "Mobile number")] = None
    email: Annotated[str | None, BuiltIn(FieldType.EMAIL, "이메일", "E-mail")] = None
    member_id: Annotated[str | None, BuiltIn(FieldType.STRING, "회원 ID", "Member id", given=False)] = None
    member: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "회원 여부", "Member", given=False)] = False
    tags: Annotated[list[str], BuiltIn(FieldType.LIST, "태그", "Tags")] = Field(default_factory=list)
    landline_number: Annotated[str | None, BuiltIn(FieldType.PHONE, "유선 번호", "Landline number")] = None
    language: Annotated[str | None, BuiltIn(FieldType.STRING, "언어", "Language")] = None
    country: Annotated[str | None, BuiltIn(FieldType.STRING, "국가", "Country")] = None
    city: Annotated[str | None, BuiltIn(FieldType.STRING, "도시", "City")] = None
    avatar_url: Annotated[str | None, BuiltIn(FieldType.STRING, "프로필 사진", "Avatar")] = None
    unsubscribe_email: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "이메일 수신 거부", "Unsubscribed from e-mail")] = False
    unsubscribe_email_updated_at: Annotated[
        Instant | None,
        BuiltIn(FieldType.DATE, "이메일 수신 거부 변경 시간", "E-mail consent changed", given=False, listed=False),
    ] = None
    unsubscribe_texting: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "문자 수신 거부", "Unsubscribed from texts")] = False
    unsubscribe_texting_updated_at: Annotated[
        Instant | None,
        BuiltIn(FieldType.DATE, "문자 수신 거부 변경 시간", "Text consent changed", given=False, listed=False),
    ] = None
    unsubscribe_app_push: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "앱 푸시 수신 거부", "Unsubscribed from push")] = False
    unsubscribe_app_push_updated_at: Annotated[
        Instant | None,
        BuiltIn(FieldType.DATE, "앱 푸시 수신 거부 변경 시간", "Push consent changed", given=False, listed=False),
    ] = None
    blocked: Annotated[bool, BuiltIn(FieldType.BOOLEAN, "차단", "Blocked")] = False
    first_seen_at: Annotated[Instant | None, BuiltIn(FieldType.DATE, "첫 접속 시간", "First seen", given=False)] = None
    last_seen_at: Annotated[Instant | None, BuiltIn(FieldType.DATE, "최근 접속 시간", "Last seen", given=False)] = None
    sessions_count: Annotated[int, BuiltIn(FieldType.NUMBER, "총 세션 수", "Sessions", given=False)] = 0
    created_at: Annotated[Instant, BuiltIn(FieldType.DATE, "생성 시간", "Created", given=False)]
    updated_at: Annotated[Instant, BuiltIn(FieldType.DATE, "수정 시간", "Updated", given=False)]
    web: DeviceFacts | None = None
    mobile: DeviceFacts | None = None
    profile: dict[str, JsonValue] = Field(default_factory=dict)
    version: int
    merged_into: UUID | None = None
    hidden: bool = False


class Change(Body):
    """One key's old and new value; a profile key is written `profile.<key>`."""

    key: str
    from_: JsonValue = Field(default=None, validation_alias="from", serialization_alias="from")
    to: JsonValue = None


class ContactCreated(Body):
    """A contact came to be, with these first values; `hidden` where the channel had as many as its plan shows."""

    type: Literal["contact.created"] = "contact.created"
    changes: list[Change] = Field(default_factory=list)
    hidden: bool = False


class ContactChanged(Body):
    """Some of a contact's fields changed."""

    type: Literal["contact.changed"] = "contact.changed"
    changes: list[Change]


class ContactVisited(Body):
    """A visit moved the contact's sessions; `sessions` is by how many (+1 opened, 0 stretched, -1 joined two).

    The members say what the contact has after it, `changes` how that differs from before.
    """

    type: Literal["contact.visited"] = "contact.visited"
    visit_id: str
    visited_at: Instant
    sessions: int
    first_seen_at: Instant
    last_seen_at: Instant
    sessions_count: int
    web: DeviceFacts | None = None
    mobile: DeviceFacts | None = None
    changes: list[Change] = Field(default_factory=list)


class ContactIdentified(Body):
    """A lead turned out to be a member: the contact goes on under its own id, with a memberId."""

    type: Literal["contact.identified"] = "contact.identified"
    member_id: str
    changes: list[Change] = Field(default_factory=list)


class ContactMerged(Body):
    """A member took a lead in; `changes` are what the member has of it, `absorbed` is the lead's id."""

    type: Literal["contact.merged"] = "contact.merged"
    absorbed: UUID
    changes: list[Change] = Field(default_factory=list)


class ContactAbsorbed(Body):
    """A lead was taken in by a member, which stands for it from now on; what it held is the member's."""

    type: Literal["contact.absorbed"] = "contact.absorbed"
    into: UUID
    was_hidden: bool = False


class ContactShown(Body):
    """A contact that the managed-user limit had hidden is shown: the limit grew, or others went."""

    type: Literal["contact.shown"] = "contact.shown"


class ContactRestored(Body):
    """What a bulk action changed of a contact was taken back, the times of its consents' changes too."""

    type: Literal["contact.restored"] = "contact.restored"
    changes: list[Change] = Field(default_factory=list)


class ContactFieldArchived(Body):
    """A field was archived: the contact is told of without its value from now on, and keeps it aside."""

    type: Literal["contact.field_archived"] = "contact.field_archived"
    key: str


class ContactFieldRestored(Body):
    """An archived field was restored: the contact is told of with the value that it had kept aside."""

    type: Literal["contact.field_restored"] = "contact.field_restored"
    key: str


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


class ContactMessage(Body):
    """The value of `contacts.v1`."""

    event: ContactEvent = Field(discriminator="type")
    contact: Contact
    version: int


class Visit(Body):
    """A visit (`name` is `visit`) or a custom event, as it was reported."""

    id: str
    contact_id: UUID
    name: str = "visit"
    at: Instant
    properties: dict[str, JsonValue] = Field(default_factory=dict)
    url: str | None = None
    device: dict[str, JsonValue] | None = None


class VisitRecorded(Body):
    """A visit or custom event was taken in for the first time."""

    type: Literal["visit.recorded"] = "visit.recorded"


class VisitMessage(Body):
    """The value of `visits.v1`."""

    event: VisitRecorded
    visit: Visit


class FieldDefinition(Body):
    """A field's definition. `key` is `profile.<key>` or a built-in; `order` counts from 0.

    `restoring`: its values are collected and told of again, but the field stays `archived` until every reader has them all.
    """

    key: str
    type: FieldTypeName
    display_name: dict[str, str] = Field(default_factory=dict)
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


class FieldDefined(Body):
    """A field was defined, explicitly or on first sight of a value."""

    type: Literal["field.defined"] = "field.defined"


class FieldChanged(Body):
    """A field's definition changed, archiving and restoring included."""

    type: Literal["field.changed"] = "field.changed"


class FieldMessage(Body):
    """A value of `fields.v1` that tells of a field."""

    event: FieldDefined | FieldChanged = Field(discriminator="type")
    field: FieldDefinition
    version: int


class Channel(Body):
    """A channel's settings."""

    country: str = "KR"
    time_zone: str = "Asia/Seoul"
    session_minutes: int = 30
    export_minutes: int = 30
    export_scope: Literal["manager", "channel"] = "manager"


class ChannelChanged(Body):
    """A channel came to be or its settings changed."""

    type: Literal["channel.changed"] = "channel.changed"


class ChannelMessage(Body):
    """A value of `fields.v1` under the key CHANNEL_SUBJECT: readers of filters need country and zone as they need types."""

    event: ChannelChanged
    channel: Channel
    version: int


CHANNEL_SUBJECT = "@channel"


class ManagedUsersWarning(Body):
    """A channel's contacts reached 80 or 100 `percent` of its limit; told once each time they do, from below."""

    type: Literal["managedUsers.warning"] = "managedUsers.warning"
    percent: Literal[80, 100]
    limit: int
    count: int
    hidden: int


class ManagedUsersMessage(Body):
    """The value of `channel.v1`, keyed channel/managedUsers."""

    event: ManagedUsersWarning
    version: int


class ContactErased(Body):
    """A contact was erased: these ids hold nothing any more, and no file or copy of them may be kept."""

    type: Literal["contact.erased"] = "contact.erased"
    receipt_id: UUID
    contact_ids: list[UUID]


class ErasureMessage(Body):
    """The value of `erasures.v1`, keyed channel/receipt."""

    event: ContactErased


def contact_message(message: Delivered) -> ContactMessage | None:
    """Read a message of `contacts.v1`; None is a tombstone (the contact was erased). Raises UnreadableMessage."""
    return None if message.value is None else read(ContactMessage, message)


def field_message(message: Delivered) -> FieldMessage | ChannelMessage:
    """Read a message of `fields.v1`. Raises UnreadableMessage."""
    if message.subject == CHANNEL_SUBJECT:
        return read(ChannelMessage, message)
    return read(FieldMessage, message)

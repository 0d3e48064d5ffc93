"""The built-in fields that every channel has."""

from collections.abc import Mapping

from common.events.contacts import FieldDefinition, FieldTypeName

_BUILT_INS: tuple[tuple[str, FieldTypeName, str, str], ...] = (
    ("name", "String", "이름", "Name"),
    ("mobileNumber", "String", "휴대폰 번호", "Mobile number"),
    ("email", "String", "이메일", "E-mail"),
    ("memberId", "String", "회원 ID", "Member id"),
    ("member", "Boolean", "회원 여부", "Member"),
    ("tags", "List", "태그", "Tags"),
    ("landlineNumber", "String", "유선 번호", "Landline number"),
    ("language", "String", "언어", "Language"),
    ("country", "String", "국가", "Country"),
    ("city", "String", "도시", "City"),
    ("avatarUrl", "String", "프로필 사진", "Avatar"),
    ("unsubscribeEmail", "Boolean", "이메일 수신 거부", "Unsubscribed from e-mail"),
    ("unsubscribeTexting", "Boolean", "문자 수신 거부", "Unsubscribed from texts"),
    ("unsubscribeAppPush", "Boolean", "앱 푸시 수신 거부", "Unsubscribed from push"),
    ("blocked", "Boolean", "차단", "Blocked"),
    ("firstSeenAt", "Date", "첫 접속 시간", "First seen"),
    ("lastSeenAt", "Date", "최근 접속 시간", "Last seen"),
    ("sessionsCount", "Number", "총 세션 수", "Sessions"),
    ("createdAt", "Date", "생성 시간", "Created"),
    ("updatedAt", "Date", "수정 시간", "Updated"),
    ("id", "String", "연락처 ID", "Contact id"),
)

BUILT_IN_FIELDS: Mapping[str, FieldDefinition] = {
    key: FieldDefinition(key=key, type=kind, display_name={"ko": ko, "en": en}, order=order, visible=key != "id")
    for order, (key, kind, ko, en) in enumerate(_BUILT_INS)
}
"""The built-in fields as a new channel shows them; orders of profile fields follow theirs."""

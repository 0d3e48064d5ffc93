"""What the page says, in Korean and in English: a sentence that is missing in one of them is a type error. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from common.language import Language
from exports.export import Status


@dataclass(frozen=True, slots=True)
class Said:
    """A state or a refusal in a word or two, and what it means for whoever reads it."""

    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Words:
    """All sentences of one language."""

    brand: str
    title: str
    states: Mapping[Status, Said]
    steps: tuple[str, str, str]
    done_of: str
    asked_by: str
    asked_at: str
    contacts: str
    columns: str
    all_columns: str
    until: str
    was_until: str
    approved_by: str
    declined_by: str
    revoked_by: str
    why: str
    download: str
    only_asker: str
    again: str
    by_command: str
    by_command_how: str
    command_label: str
    back: str
    nothing: Said
    sign_in: Said
    not_yours: Said
    gone: Said
    busy: Said
    other: Said

    def state(self, status: Status) -> Said:
        """What is said of a state."""
        return self.states[status]


_MAKING_KO = Said("만드는 중", "파일을 만들고 있습니다. 준비되면 요청한 매니저의 대화방에 알려 드립니다.")
_MAKING_EN = Said("Being made", "The file is being made. The manager who asked is told in their room when it is ready.")

KOREAN = Words(
    brand="단골",
    title="고객 데이터 엑셀 파일",
    states={
        Status.AWAITING_APPROVAL: Said("승인을 기다리는 중", "다른 매니저가 승인하면 파일을 만들기 시작합니다."),
        Status.WAITING: _MAKING_KO,
        Status.COUNTING: _MAKING_KO,
        Status.WRITING: _MAKING_KO,
        Status.VERIFYING: _MAKING_KO,
        Status.READY: Said("준비됨", "파일을 받을 수 있습니다. 열 때는 요청할 때 정한 비밀번호가 필요합니다."),
        Status.FAILED: Said("만들지 못함", "파일을 만들지 못했습니다. 필요하면 바로 다시 요청할 수 있습니다."),
        Status.CANCELLED: Said("취소됨", "파일이 준비되기 전에 취소된 요청이라 파일이 없습니다."),
        Status.DECLINED: Said(
            "거절됨", "다른 매니저가 이 요청을 거절해 파일을 만들지 않았습니다. 요청한 매니저의 대화방에 알려 드렸습니다."
        ),
        Status.EXPIRED: Said(
            "기한이 지남", "파일은 준비된 뒤 7일 동안 보관합니다. 기한이 지나 파일을 삭제했으니 필요하면 다시 요청해 주세요."
        ),
        Status.REVOKED: Said("회수됨", "이 파일은 회수되어 더는 받을 수 없습니다. 필요하면 다시 요청해 주세요."),
        Status.WITHDRAWN: Said(
            "회수됨", "파일에 담긴 고객이 영구 삭제되어 파일을 회수했습니다. 필요하면 바로 다시 요청할 수 있습니다."
        ),
    },
    steps=("세는 중", "쓰는 중", "확인하는 중"),
    done_of="쓴 고객",
    asked_by="요청한 매니저",
    asked_at="요청한 때",
    contacts="고객 수",
    columns="항목",
    all_columns="{:,}개 모두 보기",
    until="받을 수 있는 기한",
    was_until="받을 수 있던 기한",
    approved_by="승인한 매니저",
    declined_by="거절한 매니저",
    revoked_by="회수한 매니저",
    why="자세한 이유",
    download="다운로드",
    only_asker="파일을 요청한 매니저만, 다운로드 권한이 있는 동안 받을 수 있습니다.",
    again="지금 상태 보기",
    by_command="콘솔 없이 토큰으로 받기",
    by_command_how="TOKEN에 토큰을 넣은 셸에서 실행합니다.",
    command_label="파일을 받는 명령",
    back="파일 페이지로",
    nothing=Said("파일 없음", "이 링크로 찾을 수 있는 파일이 없습니다. 링크를 끝까지 복사했는지 확인해 주세요."),
    sign_in=Said(
        "로그인 필요",
        "이 브라우저에는 로그인된 콘솔이 없어 파일을 보내지 않았습니다. 같은 브라우저에서 콘솔에 로그인한 뒤 파일 페이지에서 "
        "다시 눌러 주세요. 토큰이 있으면 아래 명령으로도 받을 수 있습니다.",
    ),
    not_yours=Said(
        "받을 수 없음", "파일을 요청한 매니저만, 다운로드 권한이 있는 동안 받을 수 있습니다. 필요하면 직접 요청해 주세요."
    ),
    gone=Said("파일 없음", "이 파일은 더 이상 없습니다. 필요하면 다시 요청해 주세요."),
    busy=Said("지금은 받을 수 없음", "서비스가 잠시 응답하지 못하고 있습니다. 조금 뒤에 다시 눌러 주세요."),
    other=Said("받지 못함", "파일을 보내지 못했습니다."),
)

ENGLISH = Words(
    brand="Dangol",
    title="Excel file of customer data",
    states={
        Status.AWAITING_APPROVAL: Said("Waiting for approval", "The file is made once another manager has approved it."),
        Status.WAITING: _MAKING_EN,
        Status.COUNTING: _MAKING_EN,
        Status.WRITING: _MAKING_EN,
        Status.VERIFYING: _MAKING_EN,
        Status.READY: Said(
            "Ready", "The file can be downloaded. Opening it takes the password that was chosen when it was asked for."
        ),
        Status.FAILED: Said("Failed", "The file could not be made. Another one can be asked for at once."),
        Status.CANCELLED: Said("Cancelled", "This request was cancelled before its file was ready, so there is no file."),
        Status.DECLINED: Said(
            "Declined",
            "Another manager declined this request, so there is no file. The manager who asked was told in their room.",
        ),
        Status.EXPIRED: Said(
            "Expired", "A file is kept for 7 days after it was ready. This one is deleted; ask for a new one if you need it."
        ),
        Status.REVOKED: Said("Revoked", "This file was revoked and can be downloaded no more. Ask for a new one if you need it."),
        Status.WITHDRAWN: Said(
            "Withdrawn", "A contact in this file was erased, so the file was withdrawn. Another one can be asked for at once."
        ),
    },
    steps=("Counting", "Writing", "Verifying"),
    done_of="Contacts written",
    asked_by="Asked for by",
    asked_at="Asked for on",
    contacts="Contacts",
    columns="Columns",
    all_columns="Show all {:,}",
    until="Available until",
    was_until="Was available until",
    approved_by="Approved by",
    declined_by="Declined by",
    revoked_by="Revoked by",
    why="Why",
    download="Download",
    only_asker="Only the manager who asked for it can download it, as long as they may export.",
    again="See how it is now",
    by_command="Download with a token, without the console",
    by_command_how="Run it in a shell where TOKEN holds your token.",
    command_label="The command that downloads the file",
    back="Back to the file’s page",
    nothing=Said("No file", "There is no file under this link. See whether you copied all of it."),
    sign_in=Said(
        "Sign-in needed",
        "No console is signed in in this browser, so the file was not sent. Sign in to the console in the same browser, then "
        "press the button on the file’s page again. Whoever has a token can use the command below instead.",
    ),
    not_yours=Said(
        "Not for you",
        "Only the manager who asked for a file can download it, as long as they may export. Ask for one of your own.",
    ),
    gone=Said("No file", "This file is not here any more. Ask for a new one if you need it."),
    busy=Said("Not just now", "The service does not answer for the moment. Try again in a little while."),
    other=Said("Not sent", "The file could not be sent."),
)

_WEEKDAYS_KO = "월화수목금토일"
_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS_EN = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def words_of(language: Language) -> Words:
    """The sentences of a language."""
    return KOREAN if language == "ko" else ENGLISH


def day_and_time(at: datetime, language: Language) -> str:
    """An instant as people write it, by the clock of its zone."""
    clock = f"{at:%H:%M}"
    if language == "ko":
        return f"{at.year}년 {at.month}월 {at.day}일 ({_WEEKDAYS_KO[at.weekday()]}) {clock}"
    return f"{_WEEKDAYS_EN[at.weekday()]} {at.day} {_MONTHS_EN[at.month - 1]} {at.year}, {clock}"

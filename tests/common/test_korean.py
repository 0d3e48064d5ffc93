"""Korean is told from what merely decodes as CP949, in files of one name too."""

from collections import Counter

import pytest

from common.korean import is_korean

KOREAN = [
    "김", "홍길동", "서울", "부산", "꽃집", "남궁민수", "제갈공명", "회원번호,이름", "강남구 역삼동 123-4", "(주)단골 커피",
    "ㅋㅋ 감사합니다", "①번 손님 ★★★",
    "memberId,name\r\nm1,최유나", "이름,한자\r\n홍길동,洪吉童\r\n김철수,金哲洙\r\n이영희,李英姬", "똠방각하,이름,메모",
    "떡볶이 두 그릇, 김치찌개", "여보세요", "쿠폰",
]  # fmt: skip
JAPANESE = [
    "山田花子",
    "田中一郎",
    "佐藤",
    "鈴木 健太",
    "高橋みさき",
    "会員番号,名前",
    "ヤマダ タロウ",
    "東京都千代田区",
    "伊藤さくら",
    "渡辺 直美",
]
CHINESE = ["王小明", "李伟", "张伟", "刘洋", "会员号,姓名", "北京市朝阳区", "欧阳娜娜", "赵敏", "上海浦东"]
TAIWANESE = ["王小明", "陳怡君", "林志玲", "會員編號,姓名", "臺北市信義區", "張惠妹", "黃雅婷", "高雄市"]
WESTERN = ["Ärger", "Größe, Straße", "Ñandú", "señor"]


@pytest.mark.parametrize("text", KOREAN)
def test_korean_is_korean_however_short(text: str) -> None:
    assert is_korean(Counter(text.encode("cp949").decode("cp949")))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(text, encoding) for encoding, texts in (
        ("shift_jis", JAPANESE), ("euc_jp", JAPANESE), ("gb18030", CHINESE), ("big5", TAIWANESE), ("cp1252", WESTERN),
    ) for text in texts],
)  # fmt: skip
def test_what_is_written_in_another_encoding_is_not(text: str, encoding: str) -> None:
    for table in (text, f"memberId,name\r\nm1,{text}\r\n", f"{text}\r\n{text}\r\n"):
        read = table.encode(encoding).decode("cp949", "replace")
        assert "\ufffd" in read or not is_korean(Counter(read))


def test_a_text_without_a_letter_of_its_own_is_none() -> None:
    assert not any(is_korean(Counter(text)) for text in ("", "name,phone", "αβγ", "漢字", "°C ±"))

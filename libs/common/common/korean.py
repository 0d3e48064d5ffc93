"""Whether a text that was read as CP949 is Korean: the other double-byte encodings of the region decode as CP949 too."""

from collections import Counter

# What names, addresses and programs' messages are made of: nearly all syllables of a Korean text are among these.
_COMMON = frozenset(
    "가각간갈감갑값강같개객갯갱거건걸검것게겟겠겨격견결겸겹경계고곡곤골곱곳공과곽관괄광괴교구국군굴궁권귀규균그극근글"
    "금급기긴길김깁깃깅깊까깨꺼께꼬꼭꼴꽃꾸꿀꿈꿉뀌뀐끄끊끔끕끝끼나낙난날남납났낮내낸낼냄냅냈냉냐너널넓넘넣네넥넷녀년"
    "노녹논농높놓누눈눌뉴느는늘능니닉닌님닙다닥단닫달담답닷당대댁더덕던덜덟덤덮데덱덴델도독돈돌동됐되된될됨됩두둘둡뒤"
    "듈드득든들듭등디딜딩따땅때떠떡떤떻떼또뚜뛰뜀뜁뜨뜰라락란람랍랑래랜램랩랫략량러럭런럼럽렇레렉려력련렬렸령례로록론"
    "롤롬롭롯뢰료룡루룬룰룹류률륨륭르른를름릅릉리릭린릴림립릿링마막만많말맛망맞매맥맨맵맷맹머먼멀멈메멘멤며면명몇모목"
    "몬몰몸못몽묘무묵묶문물므미민밀밋밍및밑바박밖반받발밤밥방배백버번벌범법벗베벤벨벳벽변별병보복본볼봄봅봇봉부북분불"
    "붙뷰브블비빈빌빙빛빠빵빼뻐뽀뿌쁘사삭산살삼상새색샘샛생샷섀서석선설섬섭섯성세섹센셀셋셔션셰셸소속손솔송쇄수숙순술"
    "숨숫숭쉘쉼슈스슨슬습슷승시식신실싫심십싱싸쌍써썬쏘쓰쓸씀씁씨아악안않알암압았앙앞애액앤야약양어억언얻얼엄업없었에"
    "엔엘여역연열염엽였영옆예옛오옥온올옮옴옵옷옹와완왔왕외왼요용우욱운울움웁웃웅워웍원월웨웹위윈유육윤율융으은을음읍"
    "응의이익인일읽임입있자작잔잘잠잡장재잭저적전절점접정제젝젯져졌조족존좁종좋좌주죽준줄줌줍중즈즉즘증지직진질짐집짓"
    "징짜짝짧째쩌쪼쪽쭈찌차착찬찰참창찾채책처척천철첨첫청체쳐초촉촌총촬최추축춘출춤춥충취츠측치칙칠침칩칭카칸칼캐캔캘"
    "커컨컬컴케켓켜코콘콜콩쾌쿠쿼퀀큐크큰클큼큽키킨킴킷킹타탁탄탈탐탕태택탬탭터턴테텍텐텔템토톡톰통투튜트특틀티틱틴틸"
    "팀팅파판팔패팩팽퍼펀펄페펴편평포폭폰폴폼표푸풀품풍퓨프플피픽핀필핑하학한할함합항해핸햇했행향허헌험헝헤혁현협형혜"
    "호혹혼홈홉홍화확환활황회획횟횡효후훈휘휴흐흔흙흠흥희히힌힐"
)
_LIKELY, _RARE, _OUTSIDE, _FOREIGN = 1.5, -3.0, -5.0, -2.2
_ENOUGH = 1.0
_MOST_FOREIGN = 5


def is_korean(letters: Counter[str]) -> bool:
    """Whether a text, read as CP949, has the characters of Korean: the sum of how likely each is there against elsewhere.

    These are logarithms. Foreign letters (Chinese characters, kana, Greek, Cyrillic) count up to a few: a Korean table may have
    a column of them. Two or three letters of another encoding, alone in a file, may still look like a name.
    """
    score = 0.0
    foreign = 0
    for letter, count in letters.items():
        if letter in _COMMON:
            score += _LIKELY * count
        elif "가" <= letter <= "힣":
            score += (_RARE if _is_standard(letter) else _OUTSIDE) * count
        elif _is_foreign(letter):
            foreign += count
    return score + _FOREIGN * min(foreign, _MOST_FOREIGN) > _ENOUGH


def _is_standard(syllable: str) -> bool:
    """Whether it is among the 2,350 of KS X 1001, whose second byte is above A0."""
    return syllable.encode("cp949")[1] > 0xA0 and syllable.encode("cp949")[0] > 0xAF


def _is_foreign(letter: str) -> bool:
    return (
        "\u4e00" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff" or "\u3040" <= letter <= "\u30ff"
        or "\u0370" <= letter <= "\u04ff"
    )  # fmt: skip

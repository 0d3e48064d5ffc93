"""The two languages that people are spoken to in, and which of them a request wants."""

import re
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["ko", "en"]
KOREAN: Language = "ko"
ENGLISH: Language = "en"

_ACCEPTED = re.compile(r"\s*(ko|en)(?:-[a-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*", re.ASCII | re.IGNORECASE)


def language_of(accepted: str | None) -> Language:
    """The language of an `Accept-Language` header among ours: Korean unless English is wanted more."""
    weights: dict[str, float] = {KOREAN: 0.0, ENGLISH: 0.0}
    for part in (accepted or "").split(","):
        if match := _ACCEPTED.fullmatch(part):
            language = match[1].lower()
            weights[language] = max(weights[language], float(match[2] or 1))
    return ENGLISH if weights[ENGLISH] > weights[KOREAN] else KOREAN

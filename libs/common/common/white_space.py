"""What white space is, for every text of the system."""

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""The property White_Space of Unicode. Python's own notion has the four C0 separators (1C to 1F) besides."""


def is_blank(text: str) -> bool:
    """Whether a text is empty or white space alone: no value."""
    return not text.strip(WHITE_SPACE)

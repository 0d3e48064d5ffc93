"""What a preview answers."""

from common.http import Wire


class Previewed(Wire):
    """How many the filter would find, how many of them are not in now, and how many are in now that it would not find."""

    count: int
    entering: int
    leaving: int

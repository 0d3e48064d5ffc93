"""The time zones by name, from the package's own list: the machine's has names of its own, such as `localtime`."""

from functools import lru_cache
from importlib.resources import files

_NO_PLACE = {"Factory"}  # says "local time zone must be set", and is UTC


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of the IANA database that mean the same on every machine."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - _NO_PLACE

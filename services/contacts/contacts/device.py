"""What a contact was last seen with, on the web site and in the app: facts of the latest visit, whatever order they came in."""

from collections.abc import Mapping

from pydantic import JsonValue

from common.events.contacts import DeviceFacts, Visit

WEB, MOBILE = "web", "mobile"
_FACTS = {str(info.alias): name for name, info in DeviceFacts.model_fields.items()} | {"seenAt": "", "visitId": ""}
_OF_AN_APP = ("appName", "appVersion", "sdkVersion")
_MOST = 256


def kind_of(device: Mapping[str, JsonValue]) -> str:
    """Whether it is the web site or the mobile app: as `kind` says, else the app where a fact of an app is told."""
    if device.get("kind") in (WEB, MOBILE):
        return str(device["kind"])
    return MOBILE if any(device.get(key) for key in _OF_AN_APP) else WEB


def facts(visit: Visit) -> DeviceFacts | None:
    """What the visit tells of its device; None where it tells nothing that is known here. What is no short text is left out."""
    told = {
        name: str(value)
        for key, name in _FACTS.items()
        if name and isinstance(value := (visit.device or {}).get(key), str | int | float) and 0 < len(str(value)) <= _MOST
    }
    return DeviceFacts(seen_at=visit.at, visit_id=visit.id, **told) if told else None


def later(known: DeviceFacts | None, found: DeviceFacts | None) -> DeviceFacts | None:
    """Of two facts those of the later visit; of one instant, those of the greater visit id."""
    if known is None or found is None:
        return found if known is None else known
    return max(known, found, key=lambda f: (f.seen_at, f.visit_id))

"""The demo's customers: real purchases from a CSV file, people made up from a seed, and what a plain count says of them."""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from common.clock import to_wire

ZONE = ZoneInfo("Asia/Seoul")

_FAMILY = ("김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "류", "홍")
_FIRST = ("민", "서", "지", "현", "도", "예", "하", "수", "유", "건", "시", "은", "주", "태", "길", "소", "채", "준", "다", "재")
_SECOND = ("준", "연", "우", "진", "윤", "원", "아", "빈", "서", "호", "은", "영", "희", "훈", "람", "율", "동", "민", "경", "석")
_MAIL = ("example.com", "example.org", "example.net")
_SESSION_GAP = timedelta(minutes=30)
_VISITOR_EVERY = 7


@dataclass(frozen=True, slots=True)
class Purchase:
    """One row of the file: `id` is stable from run to run, `amount` is in US dollars."""

    id: str
    at: datetime
    items: int
    amount: float


@dataclass(slots=True)
class Customer:
    """A customer with a made-up name, phone number and e-mail address, and real purchases in order of time."""

    member_id: str
    name: str
    email: str
    mobile: str
    purchases: list[Purchase] = field(default_factory=list)
    visits: list[tuple[str, datetime]] = field(default_factory=list)

    def sessions(self) -> int:
        """How many sessions the visits make: a gap over 30 minutes begins another."""
        instants = sorted(at for _, at in self.visits)
        return sum(1 for i, at in enumerate(instants) if i == 0 or at - instants[i - 1] > _SESSION_GAP)

    def last_seen(self) -> datetime | None:
        """The latest visit."""
        return max((at for _, at in self.visits), default=None)

    def found_by(self, query: str) -> bool:
        """Whether the quick search for this text must find the customer: a part of a text, or digits of a number."""
        digits = self.mobile.replace("-", "")
        international = "82" + digits[1:]
        return any(query in text for text in (self.name, self.email, self.member_id, digits, international))


def load(path: Path, today: date) -> list[Customer]:
    """Read the CSV (customer, date, items, amount), its dates moved by whole days so that the last one is the day before `today`.

    A purchase is at noon in Seoul. Every seventh customer also visits: 5 minutes before each purchase, 10 minutes
    after it (one session) and 2 hours after it (another).
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(r["customer"], date.fromisoformat(r["date"]), int(r["items"]), float(r["amount"])) for r in csv.DictReader(file)]
    shift = today - timedelta(days=1) - max(day for _, day, _, _ in rows)
    seed = random.Random(19970101)  # noqa: S311 - made-up people, no secret
    customers: dict[str, Customer] = {}
    for number, (name, day, items, amount) in enumerate(rows):
        customer = customers.setdefault(name, _person(seed, name) if name not in customers else customers[name])
        at = datetime.combine(day + shift, time(12), ZONE).astimezone(UTC)
        customer.purchases.append(Purchase(f"cdnow-{number}", at, items, amount))
    for customer in customers.values():
        customer.purchases.sort(key=lambda p: p.at)
        if int(customer.member_id.rpartition("-")[2]) % _VISITOR_EVERY == 0:
            for p in customer.purchases:
                for n, minutes in enumerate((-5, 10, 120)):
                    customer.visits.append((f"{p.id}-visit-{n}", p.at + timedelta(minutes=minutes)))
    return list(customers.values())


def _person(seed: random.Random, customer: str) -> Customer:
    name = seed.choice(_FAMILY) + seed.choice(_FIRST) + seed.choice(_SECOND)
    mobile = f"010-{seed.randrange(2000, 10000):04d}-{seed.randrange(10000):04d}"
    return Customer(f"cdnow-{customer}", name, f"shopper{customer}@{seed.choice(_MAIL)}", mobile)


def upserts(customers: Sequence[Customer]) -> Iterator[dict[str, object]]:
    """One upsert per purchase, in order of time: the totals as they stood after it."""
    bought: dict[str, list[float]] = defaultdict(list)
    for customer, purchase in _in_order(customers):
        amounts = bought[customer.member_id]
        amounts.append(purchase.amount)
        first = {"name": customer.name, "email": customer.email, "mobileNumber": customer.mobile} if len(amounts) == 1 else {}
        yield {
            "memberId": customer.member_id,
            **first,
            "profile": {
                "lastCheckoutCompletedAt": to_wire(purchase.at),
                "totalAmount": round(sum(amounts), 2),
                "purchaseCount": len(amounts),
            },
        }


def events(customers: Sequence[Customer]) -> Iterator[dict[str, object]]:
    """One custom event per purchase, in order of time, and the visits."""
    for customer, purchase in _in_order(customers):
        yield {
            "id": purchase.id,
            "memberId": customer.member_id,
            "name": "purchase",
            "at": to_wire(purchase.at),
            "properties": {"items": purchase.items, "amount": purchase.amount},
        }
    for customer in customers:
        for name, at in customer.visits:
            yield {"id": name, "memberId": customer.member_id, "at": to_wire(at), "url": "https://shop.example/"}


def _in_order(customers: Sequence[Customer]) -> list[tuple[Customer, Purchase]]:
    return sorted(((c, p) for c in customers for p in c.purchases), key=lambda pair: (pair[1].at, pair[1].id))


def loyal(customers: Sequence[Customer], now: datetime) -> set[str]:
    """The member ids of those who bought 3 times or more, and within the last 30 days."""
    after = now - timedelta(days=30)
    return {c.member_id for c in customers if len(c.purchases) >= 3 and after < c.purchases[-1].at <= now}

"""`make bench-search`: rebuilding, term sets, quick search, filters, what is written becoming searchable, consuming, paging.

Over 100,000 contacts, or N. Every answer's counts are held against a plain count over the same contacts; times are told, not
judged.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson

from common.clock import to_wire
from common.filters.tree import FieldType
from common.kafka import Producer
from common.postgres import Database
from localstack.stack import Stack
from search.term_sets.terms import Normalise, normaliser, split
from tests.bench import indexing, paging, quick_terms, writing
from tests.bench.measure import Row, open_loop, peak_memory, percentile, table, timed, told
from tests.bench.people import CHANNEL, GRADES, NOW, TAGS, Person, contact_message, field_messages, people, person
from tests.bench.processes import command, serving
from tests.bench.serving import require
from tests.support.postgres import fresh_database
from tests.support.stack import stack_of_this_run

MILLION = 1_000_000
WARM = 80  # requests before those that are measured: servers just started are slow at first, of whatever kind


@dataclass(frozen=True, slots=True)
class World:
    """The stack's servers with `count` contacts in the index, and how they came there."""

    stack: Stack
    count: int
    rebuilt: Row

    @asynccontextmanager
    async def api(self) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
        """A caller of a search-api just started, and that process's pid."""
        headers = {
            "Authorization": f"Bearer {self.stack.token(channel=CHANNEL, sub='bench')}",
            "Content-Type": "application/json",
        }
        async with (
            serving(self.stack, "search-api") as running,
            httpx.AsyncClient(base_url=running["search-api"][0], headers=headers, timeout=120) as client,
        ):
            yield client, running["search-api"][1]


async def ask(client: httpx.AsyncClient, path: str, body: object) -> Any:
    """The answer, which is no refusal."""
    answer = await client.post(path, content=orjson.dumps(body))
    require(answer.is_success, f"{path} answered {answer.status_code}: {answer.text[:300]}")
    return orjson.loads(answer.content)


# -- the contacts, by a rebuild of the index


async def fill(stack: Stack, count: int) -> World:
    """Tell Kafka of so many contacts, then let `python -m search rebuild` make the index of them."""
    async with Producer.open(stack.kafka, client_id="bench") as producer:
        await producer.send(field_messages())
        some = []
        for who in people(count):
            some.append(contact_message(who))
            if len(some) == 5000 or who.number == count - 1:
                await producer.send(some)
                some = []
    said, peak = await command(stack, "search", "rebuild")
    last = said.splitlines()[-1]  # `100000 documents in 21.4 s, in contacts-000002`
    require(last.startswith(f"{count} documents in "), f"a document for each contact: {last}")
    seconds = float(last.split()[3])
    ours = f"{seconds / 60:.1f} min, {count / seconds:,.0f}/s, peak {peak:.0f} MB"
    return World(stack, count, Row(f"rebuild of {count:,}", ours, "–", "–", "minutes"))


async def rebuild(world: World) -> list[Row]:
    """How the index of this run was made."""
    return [world.rebuilt]


# -- term sets


def terms(number: int, there: int) -> tuple[str, dict[str, int]]:
    """A text of so many phone numbers in several writings, and how many of them are found and so on."""
    lines: list[str] = []
    counts = Counter[str]()
    for n in range(number):
        eight = person(n).mobile[5:] if n % 20 else f"9{n:07d}"
        if n % 50 == 1:
            lines.append("n/a")
            counts["unreadable"] += 1
            continue
        if n % 50 == 2:
            lines.append(lines[-2].replace("-", ""))
            counts["duplicate"] += 1
            continue
        counts["found" if n % 20 and n < there else "notFound"] += 1
        lines.append((f"010-{eight[:4]}-{eight[4:]}", f"010{eight}", f"+8210{eight}")[n % 3])
    return "\n".join(lines), counts


@asynccontextmanager
async def indexed_column(world: World) -> AsyncIterator[Database]:
    """The same contacts in PostgreSQL, `person(phone, id)`, with an index over the phone."""
    async with fresh_database(world.stack.postgres_dsn(None), ()) as database:
        async with database.transaction() as tx:
            await tx.execute("create table person (id text not null, phone text not null)")
            await tx.copy_records_to_table("person", records=[(p.id, p.mobile) for p in people(world.count)])
            await tx.execute("create index on person (phone)")
        async with database.connection() as connection:
            await connection.execute("analyze person")
        yield database


async def matching(database: Database, phones: Sequence[str]) -> Counter[str]:
    """How many people have each of these numbers."""
    async with database.connection() as connection:
        rows = await connection.fetch("select phone, id from person where phone = any($1::text[])", phones)
    return Counter(row["phone"] for row in rows)


async def term_by_term(database: Database, text: str, normalise: Normalise) -> Counter[str]:
    """The report by PostgreSQL: split, normalised, each told; the rows are made and thrown away."""
    terms = list(split(text))
    forms = normalise(terms)
    found = await matching(database, list({form for form in forms if form is not None}))
    seen: set[str] = set()
    rows: list[tuple[str, str | None, str]] = []
    for term, form in zip(terms, forms, strict=True):
        status = "unreadable" if form is None else "duplicate" if form in seen else "found" if found[form] else "notFound"
        seen.add(form or "")
        rows.append((term, form, status))
    return Counter(status for _, _, status in rows)


async def term_sets(world: World) -> list[Row]:
    """100,000 terms in one request beside PostgreSQL over an indexed column of the same data, in turns."""
    number = min(100_000, world.count)
    text, expected = terms(number, world.count)
    normalise = normaliser("mobileNumber", FieldType.PHONE, "KR")
    phones = list({form for form in normalise(list(split(text))) if form is not None})
    async with world.api() as (client, _), indexed_column(world) as database:

        async def ours() -> None:
            made = await ask(client, "/v1/term-sets", {"key": "mobileNumber", "text": text})
            require({k: v for k, v in made.items() if k in expected} == dict(expected), f"{expected}, not {made}")
            require(made["terms"] == number, "each term counted once")

        async def alone() -> None:
            require(len(await matching(database, phones)) == expected["found"], "as many found by PostgreSQL")

        async def whole() -> None:
            require(await term_by_term(database, text, normalise) == expected, "the same report by PostgreSQL")

        for _ in range(5):
            await ours()
            await whole()
        seconds = await timed({"term set": ours, "= any($1) alone": alone, "= any($1), term by term": whole}, 15)
    told_, by_query, by_report = seconds.values()
    what = f"{number:,} terms in one request, counts and a row per term"
    goal = "p95 ≤ 600 ms; ≥ 1 ×"
    return [
        _beside(what, told_, by_report, "the same report by PostgreSQL `= any($1)`, indexed, no HTTP, nothing kept", goal),
        _beside("the same", told_, by_query, "PostgreSQL's query alone, with terms read already", "–"),
    ]


def _beside(what: str, ours: Sequence[float], theirs: Sequence[float], baseline: str, goal: str) -> Row:
    ratio = percentile(theirs, 0.5) / percentile(ours, 0.5)
    return Row(what, told(ours, 0.95), f"{told(theirs, 0.95)} ({baseline})", f"{ratio:.1f} ×", goal)


async def million(world: World) -> list[Row]:
    """1,000,000 terms in one request, and what the process that answers holds meanwhile."""
    text, expected = terms(MILLION, world.count)
    async with world.api() as (client, pid), peak_memory(pid) as peak:

        async def ours() -> None:
            made = await ask(client, "/v1/term-sets", {"key": "mobileNumber", "text": text})
            require({k: v for k, v in made.items() if k in expected} == dict(expected), f"{expected}, not {made}")

        seconds = (await timed({"a million terms": ours}, 2))["a million terms"]
    figure = f"{max(seconds):.1f} s, peak {peak[0]:.0f} MB"
    return [Row("1,000,000 terms in one request", figure, "–", "–", "8 s, 400 MB")]


# -- searching


async def ids(world: World) -> list[Row]:
    """Everyone's id and version in one stream, and what the process that answers holds meanwhile."""
    async with world.api() as (client, pid), peak_memory(pid) as peak:
        await asyncio.sleep(0.1)
        before = peak[0]
        began = time.perf_counter()
        rows = 0
        async with client.stream("POST", "/v1/search/ids", content=b"{}") as answer:
            async for line in answer.aiter_lines():
                require(orjson.loads(line)["id"] == person(rows).id, "everyone once, in order")
                rows += 1
        took = time.perf_counter() - began
    require(rows == world.count, f"{world.count} rows, not {rows}")
    figure = f"{took:.1f} s, {rows / took:,.0f}/s, peak {peak[0]:.0f} MB ({before:.0f} MB before)"
    return [Row(f"`POST /v1/search/ids`, {rows:,} rows", figure, "–", "–", "bounded memory")]


async def quick(world: World) -> list[Row]:
    """The one box, 20 times a second, of eight ways to type in turn."""
    chosen = [person(n * 7919 % world.count) for n in range(400)]
    queries = [quick_terms.typed(who, n) for n, who in enumerate(chosen)]
    async with world.api() as (client, _):
        checked = [q for n, q in enumerate(queries[:24]) if n % 8 < 3]
        counts = Counter(q for who in people(world.count) for q in checked if quick_terms.plainly(q, who))
        for query in checked:
            total = (await ask(client, "/v1/search", {"query": query}))["total"]
            require(total == counts[query], f"{counts[query]} for {query}, not {total}")

        async def one(n: int) -> None:
            found = await ask(client, "/v1/search", {"query": queries[n % len(queries)]})
            require(found["total"] >= 1, "everyone who is looked for is found")

        for n in range(WARM):
            await one(n)
        waits = await open_loop(20, 30, one)
    return [Row("quick search, 20/s open-loop, total and first page", told(waits, 0.99), "–", "–", "p99 ≤ 150 ms")]


async def names(world: World) -> list[Row]:
    """Names as people write them, one request after the other."""
    async with world.api() as (client, _):

        async def total(query: str) -> int:
            count: int = (await ask(client, "/v1/search", {"query": query}))["total"]
            return count

        return await quick_terms.names(total, world.count)


async def index(world: World) -> list[Row]:
    """What a contact costs the index."""
    return await indexing.index(world.stack, world.count)


@dataclass(frozen=True, slots=True)
class Five:
    """Five conditions that all hold."""

    grade: str
    tag: str
    amount: int
    ago: timedelta
    sessions: tuple[int, int]

    def filter(self) -> dict[str, object]:
        """As a search takes it."""
        return {
            "and": [
                {"key": "profile.grade", "operator": "eq", "values": [self.grade]},
                {"key": "profile.totalAmount", "operator": "gte", "values": [self.amount]},
                {"key": "tags", "operator": "hasAny", "values": [self.tag]},
                {"key": "sessionsCount", "operator": "between", "values": list(self.sessions)},
                {"key": "lastSeenAt", "operator": "before", "values": [to_wire(NOW - self.ago)]},
            ]
        }

    def holds(self, who: Person) -> bool:
        """The same, read plainly."""
        low, high = self.sessions
        about = who.grade == self.grade and who.tag == self.tag and who.amount >= self.amount
        return about and low <= who.sessions <= high and who.seen < NOW - self.ago


def fives() -> Iterator[Five]:
    """Forty such filters."""
    for n in range(40):
        yield Five(GRADES[n % 4], TAGS[n // 4 % 4], n * 17_000, timedelta(days=n % 10), (n % 7, 20 + n % 25))


async def filters(world: World) -> list[Row]:
    """Five conditions, the exact total and the first page, 20 times a second."""
    asked = list(fives())
    async with world.api() as (client, _):
        for five in asked[:8]:
            total = (await ask(client, "/v1/search", {"filter": five.filter()}))["total"]
            plain = sum(five.holds(who) for who in people(world.count))
            require(total == plain, f"{plain} for {five}, not {total}")

        async def one(n: int) -> None:
            await ask(client, "/v1/search", {"filter": asked[n % len(asked)].filter()})

        for n in range(WARM):
            await one(n)
        waits = await open_loop(20, 20, one)
    return [Row("five-condition filter, 20/s open-loop, exact total and first page", told(waits, 0.99), "–", "–", "p99 ≤ 150 ms")]


# -- writing


async def fresh(world: World) -> list[Row]:
    """From a commit in contacts to the search's answer."""
    return [await writing.fresh(world.stack)]


async def consumer(world: World) -> list[Row]:
    """The consumer beside the client's own bulk helper."""
    return [await writing.consumer(world.stack)]


async def pages(world: World) -> list[Row]:
    """To the last row; what it writes stays written, so that it comes last."""
    await writing.skip_to_the_end(world.stack)
    async with serving(world.stack, "search-consumer"), world.api() as (client, _):
        return [await paging.pages(world.stack, client, world.count)]


Part = Callable[[World], Awaitable[list[Row]]]
PARTS: Mapping[str, Part] = {
    "rebuild": rebuild, "terms": term_sets, "million": million, "ids": ids, "quick": quick, "names": names, "filter": filters,
    "fresh": fresh, "consumer": consumer, "pages": pages, "index": index,
}  # fmt: skip


def main(wanted: Sequence[str]) -> None:
    """The parts that are named, or all."""
    unknown = [part for part in wanted if part not in PARTS]
    count = os.environ.get("N") or "100000"
    if unknown or not count.isdecimal() or int(count) < 1000:
        raise SystemExit(f"Parts are {' '.join(PARTS)}; N is a number of contacts, 1000 at least.")
    with stack_of_this_run() as stack:
        stack.servers_up()
        for service in ("contacts", "search"):
            migrate = [sys.executable, "-m", service, "migrate"]
            environment = os.environ | stack.service_env(f"{service}-api")
            subprocess.run(migrate, env=environment, check=True, stdout=subprocess.DEVNULL)
        rows: list[Row] = []

        async def measure() -> None:
            print(f"filling an index with {int(count):,} contacts", file=sys.stderr, flush=True)
            world = await fill(stack, int(count))
            for part in [part for part in PARTS if part in (wanted or PARTS)]:
                print(part, file=sys.stderr, flush=True)
                found = await PARTS[part](world)
                print("\n".join(f"  {row.what}: {row.ours}" for row in found), file=sys.stderr, flush=True)
                rows.extend(found)

        asyncio.run(measure())
        print(table(f"make bench-search N={count}", rows, ("opensearch-py", "asyncpg", "aiokafka")))


if __name__ == "__main__":
    main(sys.argv[1:])

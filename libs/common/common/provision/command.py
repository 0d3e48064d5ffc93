"""`python -m <service> provision`: what the service needs of its servers, as often as one likes."""

import sys

from common.errors import Unavailable
from common.kafka import keep_topics
from common.postgres import away_is_unavailable
from common.provision.roles import CannotProvide, Place, database_of, login_of, provide
from common.provision.servers import Servers
from common.topics import owned


async def run(service: str, servers: Servers) -> None:
    """The service's role, schema and database, where there is somebody to make them by, and the topics that it writes.

    Ends the process with 1 where something is left for a person to do, or a server is away.
    """
    try:
        if servers.admin is None:
            _say("roles and schemas are left as they are: no administrator of PostgreSQL is set")
        else:
            owner = None if servers.owner is None else login_of(servers.owner)
            place = Place(service, login_of(servers.postgres), owner)
            with away_is_unavailable():
                await provide(servers.admin, database_of(servers.postgres), [place])
            _say(f"role {place.user.name} and schema {service} are as they are to be")
        kept = owned(service)
        done, left = await keep_topics(servers.kafka, kept, replicas=servers.replicas, min_insync=servers.min_insync)
    except (CannotProvide, Unavailable) as reason:
        raise SystemExit(reason.detail if isinstance(reason, Unavailable) else str(reason)) from None
    for words in done or ["topics are as they are to be"]:
        _say(words)
    if left:
        raise SystemExit("\n".join(left))


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")

"""What the service's own role may do with its tables: with the audit log it reads and adds, by the database's own rights."""

from common.postgres import Database

_ALONE = "select pg_advisory_xact_lock(hashtext('rights of exports'))"
_SCHEMA = "select current_schema()"
# In this order, in one transaction: what the audit log is not to be for is taken back before anybody sees it given.
_RIGHTS = (
    "grant usage on schema {schema} to {role}",
    "grant select, insert, update, delete, truncate on all tables in schema {schema} to {role}",
    "grant select, usage, update on all sequences in schema {schema} to {role}",
    "revoke all on {schema}.audit, {schema}.audit_head, {schema}.schema_migrations from {role}",
    "grant select, insert on {schema}.audit to {role}",
    "grant select on {schema}.audit_head, {schema}.schema_migrations to {role}",
)
_QUOTED = "select quote_ident($1)"


async def grant(owner: Database, role: str) -> None:
    """Give the service's role what it needs of the tables that the owner has made, and of the audit log no more than that."""
    async with owner.transaction() as tx:
        await tx.execute(_ALONE)
        schema = await tx.fetchval(_SCHEMA)
        names = {"schema": await tx.fetchval(_QUOTED, schema), "role": await tx.fetchval(_QUOTED, role)}
        for statement in _RIGHTS:
            await tx.execute(statement.format(**names))

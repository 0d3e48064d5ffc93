-- migrate:up

-- When the clock looks at a contact: at its due instant, or before it in vain; a row only where there is one. Apart from the contacts, so
-- that a due instant that moves writes no contact anew, and a contact that is seen again and again moves nothing here.
create table due (
    channel text not null,
    contact_id uuid not null,
    at_ms bigint not null,
    primary key (channel, contact_id)
) with (fillfactor = 80);

insert into due (channel, contact_id, at_ms) select channel, id, due_ms from contact where due_ms is not null;

create index due_by_instant on due (at_ms);

-- No index names what a version changes of a contact any more: where its page has room, no index is written.
drop index contact_due;
alter table contact set (fillfactor = 85);

-- migrate:down
alter table contact reset (fillfactor);
update contact c set due_ms = d.at_ms from due d
where d.channel = c.channel and d.contact_id = c.id and c.due_ms is not null and c.due_ms < d.at_ms;
update contact c set due_ms = null
where due_ms is not null and not exists (select from due d where d.channel = c.channel and d.contact_id = c.id);
create index contact_due on contact (due_ms) where due_ms is not null;
drop table due;

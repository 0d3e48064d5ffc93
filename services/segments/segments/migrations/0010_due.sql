-- migrate:up

-- When the clock may flip any of a contact's segments: too early now and then, never too late. Where each stands is looked at then.
alter table contact add column due_ms bigint;

update contact c set due_ms = m.due_ms from (
    select channel, contact_id, min(next_change_ms) as due_ms from membership where next_change_ms is not null group by 1, 2
) as m where c.channel = m.channel and c.id = m.contact_id;

create index contact_due on contact (due_ms) where due_ms is not null;

-- With the column go the indexes that name it.
alter table membership drop column next_change_ms;

create index membership_spent on membership (settled_ms) where not member;

drop index membership_by_contact;
create index membership_by_contact on membership (channel, contact_id, settled_ms);

-- migrate:down
drop index membership_by_contact;
create index membership_by_contact on membership (channel, contact_id);
drop index membership_spent;
alter table membership add column next_change_ms bigint;
create index membership_due on membership (next_change_ms) where next_change_ms is not null;
create index membership_spent on membership (settled_ms) where not member and next_change_ms is null;
drop index contact_due;
alter table contact drop column due_ms;

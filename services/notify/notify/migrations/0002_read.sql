-- migrate:up

-- The place of each room's last message: its row is locked by whoever adds, so that messages come in the order of their numbers
-- and a listener who goes on from one misses none.
create table room (
    channel text not null,
    manager text not null,
    last bigint not null default 0,
    primary key (channel, manager)
);

-- `text_en` is null where `text` says it in both languages, as it did before.
alter table message add column number bigint, add column text_en text, add column read_at timestamptz;
update message m set number = n.number from (
    select channel, manager, id, row_number() over (partition by channel, manager order by id) as number from message
) n where n.channel = m.channel and n.manager = m.manager and n.id = m.id;
alter table message alter column number set not null;
insert into room (channel, manager, last) select channel, manager, max(number) from message group by channel, manager;

create unique index message_in_order on message (channel, manager, number);
create index message_unread on message (channel, manager) where read_at is null;

-- migrate:down
drop index message_in_order;
drop index message_unread;
alter table message drop column number, drop column text_en, drop column read_at;
drop table room;

-- migrate:up

-- Nothing is deleted after it was sent: a deleted row is kept, and read over, for as long as anybody holds a snapshot. Rows go into one of
-- three trays; another is filled when that has enough, and one whose rows are all sent is emptied as a whole.
alter table outbox rename to outbox_before;
drop index outbox_by_shard;
drop index outbox_by_key;

-- The tray that is being filled. It is right to put a row into any of them: each is read, and is emptied with nobody writing into it.
create sequence outbox_tray as smallint minvalue 0 maxvalue 2 start 0;
-- A transaction takes its ids when it has its number, and no id is ever below the first.
create sequence outbox_id start 2;

create table outbox (
    xid xid8 not null,
    id bigint not null,
    tray smallint not null,
    shard smallint not null check (shard between 0 and 15),
    topic text not null,
    key text not null,
    value bytea,
    headers json not null
) partition by list (tray);

create table outbox_tray_0 partition of outbox for values in (0) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table outbox_tray_1 partition of outbox for values in (1) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table outbox_tray_2 partition of outbox for values in (2) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);

create index outbox_by_id on outbox (id);
create index outbox_by_transaction on outbox (xid, id);
-- An erasure takes the rows of one contact back, those that are sent as well. A hash: a third of the bytes of the key.
create index outbox_by_key on outbox (hashtext(key));

-- What is sent: all that the snapshot `until` shows, and of what `toward` shows as well the ids up to `reached`. Rows are added, never
-- changed, and go with their tray; the newest of a shard counts. Transaction numbers are those of one cluster: see common.relay.
create sequence outbox_sent_id;

create table outbox_sent (
    id bigint not null,
    tray smallint not null,
    cluster bigint not null,
    shards smallint[] not null,
    until pg_snapshot not null,
    until_floor bigint not null,
    toward pg_snapshot,
    toward_floor bigint,
    toward_ceiling bigint,
    reached bigint not null
) partition by list (tray);

create table outbox_sent_tray_0 partition of outbox_sent for values in (0) with (autovacuum_enabled = off);
create table outbox_sent_tray_1 partition of outbox_sent for values in (1) with (autovacuum_enabled = off);
create table outbox_sent_tray_2 partition of outbox_sent for values in (2) with (autovacuum_enabled = off);

create index outbox_sent_by_id on outbox_sent (id);

-- The newest for each shard, shards with the same together. Of a shard that has none nothing is sent.
create view outbox_sent_now as
select
    any_value(s.id) as id,
    array_agg(shard::smallint order by shard) as shards,
    any_value(s.tray) as tray,
    any_value(s.cluster) as cluster,
    coalesce(any_value(s.until), '3:3:'::pg_snapshot) as until,
    coalesce(any_value(s.until_floor), 0) as until_floor,
    any_value(s.toward) as toward,
    any_value(s.toward_floor) as toward_floor,
    any_value(s.toward_ceiling) as toward_ceiling,
    coalesce(any_value(s.reached), 0) as reached
from generate_series(0, 15) as shard
left join lateral (
    select * from outbox_sent
    where shard::smallint = any(shards) and cluster = (select system_identifier from pg_control_system())
    order by outbox_sent.id desc limit 1
) s on true
group by s.id;

-- What is committed and not sent. It reads no sent row where sequential scans are off, however many there are.
create view outbox_waiting as
select o.xid, o.id, o.tray, o.shard, o.topic, o.key, o.value, o.headers
from outbox_sent_now s
cross join lateral (
    select * from outbox where outbox.id > s.until_floor and outbox.xid >= pg_snapshot_xmax(s.until)
    union all
    select outbox.* from pg_snapshot_xip(s.until) as late (xid) join outbox on outbox.xid = late.xid
) o
where o.shard = any(s.shards) and (s.toward is null or o.id > s.reached or not pg_visible_in_snapshot(o.xid, s.toward));

insert into outbox (xid, id, tray, shard, topic, key, value, headers)
select pg_current_xact_id(), nextval('outbox_id'), 0, shard, topic, key, value, headers
from (select * from outbox_before order by id) before;

drop table outbox_before;

-- migrate:down
drop view outbox_waiting;
drop view outbox_sent_now;
drop table outbox_sent;
drop sequence outbox_sent_id;
alter table outbox rename to outbox_before;
drop index outbox_by_key;
create table outbox (
    id bigint generated always as identity primary key,
    shard smallint not null check (shard between 0 and 15),
    topic text not null,
    key text not null,
    value bytea,
    headers jsonb not null
);
-- What is sent and not yet emptied is sent again.
insert into outbox (shard, topic, key, value, headers) select shard, topic, key, value, headers from outbox_before order by id;
create index outbox_by_shard on outbox (shard, id);
create index outbox_by_key on outbox (key);
drop table outbox_before;
drop sequence outbox_id;
drop sequence outbox_tray;

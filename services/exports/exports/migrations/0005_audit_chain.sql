-- migrate:up

-- Lines are numbered per channel, and each has a hash over the one before (docs/audit.md); the head is the last of them, so that
-- lines taken away at the end are missed too.
create table audit_head (
    channel text primary key,
    number bigint not null,
    hash text not null
);

alter table audit add column number bigint, add column hash text;
update audit set at = date_trunc('milliseconds', at);

do $$
declare
    line record;
    before text := '';
    last text := null;
    n bigint := 0;
begin
    for line in
        select a.channel, a.id, a.at, a.by as person, a.action, a.target, a.outcome, a.address, a.detail
        from audit a order by a.channel, a.id
    loop
        if line.channel is distinct from last then
            before := '';
            n := 0;
            last := line.channel;
        end if;
        n := n + 1;
        before := encode(sha256(convert_to(before || E'\n' || '{"action":' || to_json(line.action)::text
            || ',"address":' || coalesce(to_json(line.address)::text, 'null')
            || ',"at":"' || to_char(line.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            || '","by":' || to_json(line.person)::text
            || ',"detail":' || coalesce(to_json(line.detail)::text, 'null')
            || ',"id":"' || line.id::text
            || '","outcome":' || to_json(line.outcome)::text
            || ',"target":' || coalesce(to_json(line.target)::text, 'null') || '}', 'UTF8')), 'hex');
        update audit set number = n, hash = before where channel = line.channel and id = line.id;
        insert into audit_head values (line.channel, n, before)
            on conflict (channel) do update set number = excluded.number, hash = excluded.hash;
    end loop;
end $$;

alter table audit alter column number set not null, alter column hash set not null;
alter table audit drop constraint audit_pkey, add primary key (channel, number), add unique (channel, id);
create index audit_by_action on audit (channel, action, number);
create index audit_by_person on audit (channel, by, number);
create index audit_by_target on audit (channel, target, number);
create index audit_by_time on audit (channel, at);

-- migrate:down
drop index audit_by_time, audit_by_target, audit_by_person, audit_by_action;
alter table audit drop constraint audit_channel_id_key, drop constraint audit_pkey, add primary key (channel, id);
alter table audit drop column number, drop column hash;
drop table audit_head;

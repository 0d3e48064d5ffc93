-- migrate:up

-- Which segments name which in their filters, as these are written: what shows who stands on a segment, and keeps it.
create table named_in (
    channel text not null,
    named uuid not null,
    segment_id uuid not null,
    primary key (channel, named, segment_id)
);

create index named_in_by_segment on named_in (channel, segment_id);

insert into named_in (channel, named, segment_id)
select distinct s.channel, (v #>> '{}')::uuid, s.id from segment s
cross join lateral jsonb_path_query(s.filter, '$.** ? (@.key == "segment" || @.key == "user.segment").values[*]') as v
where v #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

-- migrate:down
drop table named_in;

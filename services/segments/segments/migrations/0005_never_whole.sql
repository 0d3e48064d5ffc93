-- migrate:up

-- `whole` is whether everyone was judged by the build that stands: a build that begins ends it, whatever the definition's version.
-- A segment that broke in the middle of one has rows of an earlier build, or has noted how many contacts there were.
update segment s set whole = false where status = 'building' or (status = 'broken' and (to_build is not null or exists (
    select from membership m where m.channel = s.channel and m.segment_id = s.id and m.build <> s.build
)));

-- Builds that another one cut short: from the instant of the one to that of the other the log tells only a part, for ever.
create table cut_short (
    channel text not null,
    segment_id uuid not null,
    from_ms bigint not null,
    to_ms bigint not null check (to_ms >= from_ms),
    primary key (channel, segment_id, from_ms)
);

-- migrate:down
drop table cut_short;

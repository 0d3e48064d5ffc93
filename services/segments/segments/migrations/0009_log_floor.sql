-- migrate:up

-- Up to where a segment's log is a snapshot of who was in at that position, one `entered` each: what it was made of is not kept.
-- `snapshot` counts how often it was made anew; what the log tells of instants before `kept_ms` is not the whole.
create table log_floor (
    channel text not null,
    segment_id uuid not null,
    floor bigint not null default 0,
    snapshot integer not null default 0,
    kept_ms bigint not null,
    primary key (channel, segment_id)
);

-- migrate:down
drop table log_floor;

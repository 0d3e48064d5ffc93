-- migrate:up

-- Segments that were deleted a short while ago: whoever is making a destination of one at that moment must not miss it.
create table segment_gone (
    channel text not null,
    segment_id uuid not null,
    at timestamptz not null,
    primary key (channel, segment_id)
);
create index segment_gone_by_time on segment_gone (at);

-- migrate:down
drop table segment_gone;

-- migrate:up

-- The ids of erased visits, so that none counts again and brings its person back. An id is a client's own text and may tell
-- of somebody: what is kept is a hash of the channel and the id.
create table erased_visit (
    channel text not null,
    id bytea not null,
    primary key (channel, id)
);

-- migrate:down
drop table erased_visit;

-- migrate:up

-- Segments that are no more, of whose members and log something may be left: that goes in small pieces, in the background.
create table deleted (
    channel text not null,
    segment_id uuid not null,
    primary key (channel, segment_id)
);

-- migrate:down
-- What is left of them no query finds, nor anything that would drop it.
delete from change c using deleted d where c.channel = d.channel and c.segment_id = d.segment_id;
delete from membership m using deleted d where m.channel = d.channel and m.segment_id = d.segment_id;
drop table deleted;

-- migrate:up transaction:false

-- How many there are is asked again and again.
create index concurrently if not exists segment_broken on segment (channel) where status = 'broken';

-- migrate:down
drop index segment_broken;

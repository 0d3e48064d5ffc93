-- migrate:up

-- How many contacts a channel has is the sum of its rows here: whoever makes, merges or erases contacts adds one, so that nobody
-- waits for another's row, and nobody reads all contacts to count them. The keeper adds rows up.
create table contact_count (
    channel text not null,
    id bigint generated always as identity,
    contacts bigint not null,
    primary key (channel, id)
);

-- By the database, so that no writer of whichever version forgets it. Merged and erased contacts don't count.
create function contacts_come() returns trigger language plpgsql set search_path from current as $$
begin
    insert into contact_count (channel, contacts)
    select channel, count(*) from come where merged_into is null and erased_at is null group by channel;
    return null;
end $$;

create function contacts_go() returns trigger language plpgsql set search_path from current as $$
begin
    insert into contact_count (channel, contacts)
    select channel, -count(*) from gone where merged_into is null and erased_at is null group by channel;
    return null;
end $$;

create function contact_turns() returns trigger language plpgsql set search_path from current as $$
begin
    insert into contact_count (channel, contacts)
    values (new.channel, case when new.merged_into is null and new.erased_at is null then 1 else -1 end);
    return null;
end $$;

create trigger contacts_come after insert on contact referencing new table as come
    for each statement execute function contacts_come();
create trigger contacts_go after delete on contact referencing old table as gone
    for each statement execute function contacts_go();
create trigger contact_turns after update on contact for each row
    when ((old.merged_into is null and old.erased_at is null) <> (new.merged_into is null and new.erased_at is null))
    execute function contact_turns();

-- No contact comes or goes meanwhile: making a trigger keeps writers out until the commit.
insert into contact_count (channel, contacts)
select channel, count(*) from contact where merged_into is null and erased_at is null group by channel;

-- migrate:down
drop trigger contact_turns on contact;
drop trigger contacts_go on contact;
drop trigger contacts_come on contact;
drop function contact_turns, contacts_go, contacts_come;
drop table contact_count;

-- migrate:up

-- Whom a bulk action is for, some thousands a row in the order of their ids; `last` is the greatest of them. What became of each is a
-- row of bulk_action_contact of its own, which is written when it is known and changed by an undo alone.
create table bulk_action_chosen (
    channel text not null,
    job_id uuid not null,
    last uuid not null,
    ids uuid[] not null,
    primary key (channel, job_id, last)
);

-- Ids are nearly random: they do not become shorter.
alter table bulk_action_chosen alter column ids set storage external;

insert into bulk_action_chosen (channel, job_id, last, ids)
select channel, job_id, ids[cardinality(ids)], ids
from (
    select channel, job_id, array_agg(contact_id order by contact_id) as ids
    from (
        select
            waiting.channel, waiting.job_id, waiting.contact_id,
            (row_number() over (partition by waiting.channel, waiting.job_id order by waiting.contact_id) - 1) / 2000 as part
        from bulk_action_contact waiting join job on job.channel = waiting.channel and job.id = waiting.job_id
        where waiting.outcome is null and job.status in ('waiting', 'running')
    ) numbered
    group by channel, job_id, part
) parts;

delete from bulk_action_contact where outcome is null;
alter table bulk_action_contact alter column outcome set not null;

-- migrate:down
alter table bulk_action_contact alter column outcome drop not null;
insert into bulk_action_contact (channel, job_id, contact_id)
select channel, job_id, unnest(ids) from bulk_action_chosen on conflict do nothing;
drop table bulk_action_chosen;

-- migrate:up

-- `withheld`: the field's values are left out of what is told to readers. `turned_by`: the job that carries out the last archiving
-- or restoring; any other has been overtaken.
alter table profile_field add column withheld boolean not null default false, add column turned_by uuid;
update profile_field f set withheld = (f.definition ->> 'archived')::boolean, turned_by = (
    select j.id from job j where j.channel = f.channel and j.kind = 'field.archiving' and j.body ->> 'key' = f.key
    order by j.requested_at desc, j.id desc limit 1
);

-- migrate:down
alter table profile_field drop column withheld, drop column turned_by;

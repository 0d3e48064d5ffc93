-- migrate:up

-- Whom a bulk action is for, and what became of each. For its undo: `changed_id` (whom the id stood for), the `version` that
-- was made, and `consent_times` as they were before; what else was there is in the event of that version.
create table bulk_action_contact (
    channel text not null,
    job_id uuid not null,
    contact_id uuid not null,
    outcome text,
    changed_id uuid,
    version bigint,
    consent_times jsonb,
    problem jsonb,
    undo_outcome text,
    undo_problem jsonb,
    primary key (channel, job_id, contact_id)
);

create index bulk_action_contact_by_outcome on bulk_action_contact (channel, job_id, outcome, contact_id);
create index bulk_action_contact_by_undo on bulk_action_contact (channel, job_id, undo_outcome, contact_id)
    where undo_outcome is not null;

-- migrate:down
drop table bulk_action_contact;

-- migrate:up transaction:false
drop index concurrently if exists bulk_action_contact_taken_back;
create index concurrently bulk_action_contact_taken_back on bulk_action_contact (channel, changed_id)
    where undo_outcome = 'undone';

-- migrate:down
drop index bulk_action_contact_taken_back;

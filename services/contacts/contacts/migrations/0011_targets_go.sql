-- migrate:up

-- Targets that are needed no longer, as `job_store` drops them now.
update job set body = body - 'target'
where body ? 'target'
    and (status not in ('waiting', 'running') or state -> 'cursor' <> 'null' or (state ->> 'undoing')::boolean);

-- migrate:down

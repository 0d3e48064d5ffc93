-- migrate:up

-- What was withdrawn before that had a status of its own is told as it is: not as over, and it counts for no window.
update export set status = 'withdrawn', state = jsonb_set(state, '{status}', '"withdrawn"')
where status = 'expired' and state ->> 'problem' is not null;

-- migrate:down
update export set status = 'expired', state = jsonb_set(state, '{status}', '"expired"') where status = 'withdrawn';

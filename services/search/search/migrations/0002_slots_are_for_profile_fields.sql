-- migrate:up
alter table field alter column slot drop not null;
update field set slot = null where not starts_with(key, 'profile.');

-- migrate:down
update field set slot = 1000 + ordinal from (
    select channel as of_channel, key as of_key, row_number() over (partition by channel, type order by key) as ordinal
    from field where slot is null
) as numbered where channel = of_channel and key = of_key;
alter table field alter column slot set not null;

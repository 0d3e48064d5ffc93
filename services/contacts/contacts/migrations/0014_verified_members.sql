-- migrate:up

-- The secret is kept as it is, for a hash can only be checked with it. Whoever reads this table could sign for pages, which without
-- verifying anybody can.
alter table browser_key add column verify_members boolean not null default false;
alter table browser_key add column secret text;
alter table browser_key add constraint verifies_by_a_secret check (secret is not null or not verify_members);

-- migrate:down
alter table browser_key drop column verify_members, drop column secret;

-- migrate:up

-- A visit writes a contact anew, and stretches a session. With room in its page the row stays where its indexes point to.
alter table contact set (fillfactor = 75);
alter table session set (fillfactor = 90);

-- migrate:down
alter table session reset (fillfactor);
alter table contact reset (fillfactor);

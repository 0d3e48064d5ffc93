-- migrate:up

-- A change may be one that puts right what was found wrong. All rows of before hold this already, so none need be looked at.
alter table change drop constraint change_cause_check;
alter table change add constraint change_cause_check
    check (cause in ('event', 'clock', 'definition', 'erasure', 'repair')) not valid;

-- migrate:down
alter table change drop constraint change_cause_check;
alter table change add constraint change_cause_check check (cause in ('event', 'clock', 'definition', 'erasure')) not valid;

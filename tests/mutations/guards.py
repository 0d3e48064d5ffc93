"""What keeps segments right: each as the text that does it, what stands there without it, and the test that must miss it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """`text` stands once in the file; with `instead` in its place the test fails, by what it asserts."""

    name: str
    file: str
    text: str
    instead: str
    test: str


_SEGMENTS = "services/segments/segments/"
_TESTS = "tests/segments/"


def _guard(name: str, file: str, text: str, instead: str, test: str) -> Guard:
    return Guard(name, _SEGMENTS + file, text, instead, _TESTS + test)


_DUE = "test_due.py::"
_FLIPS = "flips/test_flips.py::"
_RULES = "test_rules.py::"
_MEMBERSHIP = "test_membership.py::"
_CONSUMER = "test_consumer.py::"
_WORKER = "test_worker.py::"
_REACH = "test_reach.py::"
_RECALLED = _MEMBERSHIP + "test_a_kept_standing_turns_next_after_the_latest_that_was_judged"
_PASSED_OVER = _DUE + "test_whom_one_worker_has_in_hand_another_passes_over_and_goes_on"

INDEX = (
    _guard(
        "rules are read again when the revision has moved", "rules.py",
        "if kept is None or kept.channel.revision != revision:", "if kept is None:",
        _RULES + "test_whoever_judges_follows_every_command_and_every_build",
    ),
    _guard(
        "only segments that changed are kept from before", "ruling.py",
        "and was.meaning.nodes.get(name) == node:", ":",
        _RULES + "test_only_what_changed_is_compiled",
    ),
    _guard(
        "a broken segment is taken out of the index", "ruling.py",
        "        if node is None:\n            flips.discard(name)\n        else:\n", "        if node is not None:\n",
        _RULES + "test_whoever_judges_follows_every_command_and_every_build",
    ),
    _guard(
        "a deleted segment is taken out of the index", "ruling.py",
        "for name in was.rules.keys() - rules.keys():", "for name in ():",
        _RULES + "test_whoever_judges_follows_every_command_and_every_build",
    ),
    _guard(
        "what a condition needs is forgotten with it", "flips/field.py",
        "for column in (self.above, self._needed, self._unwanted):\n            column[number] = bits.without_one",
        "for column in (self.above,):\n            column[number] = bits.without_one",
        _FLIPS + "test_what_a_condition_was_needed_for_is_forgotten_with_its_segment",
    ),
    _guard(
        "a segment's number is given back once", "flips/channel.py",
        "        self._free.append(number)\n", "        self._free += [number, number]\n",
        _FLIPS + "test_numbers_that_are_given_back_are_given_to_one_each",
    ),
    _guard(
        "a condition's number is given back once", "flips/field.py",
        "            self._free.append(number)\n", "            self._free += [number, number]\n",
        _FLIPS + "test_numbers_that_are_given_back_are_given_to_one_each",
    ),
    _guard(
        "a number is looked up as the double that it is compared as", "flips/lookup.py",
        "self._number.at(double_of(value))", "self._number.at(value)",
        _FLIPS + "test_numbers_are_looked_up_as_they_are_compared",
    ),
)  # fmt: skip

READER = (
    _guard(
        "offsets are moved from where they were believed to be", "offsets.py",
        " and o.next_offset = m.expected", "",
        _CONSUMER + "test_a_reader_that_was_overtaken_is_fenced_and_nothing_of_its_batch_is_kept",
    ),
    _guard(
        "a reader that was overtaken stops", "offsets.py",
        "if len(moved) != len(moves):", "if not moves:",
        _CONSUMER + "test_a_reader_that_was_overtaken_is_fenced_and_nothing_of_its_batch_is_kept",
    ),
    _guard(
        "a version that is known already is not judged again", "consumer.py",
        "for f in told if f.known.version > known}", "for f in told}",
        _CONSUMER + "test_a_version_under_another_offset_is_judged_once",
    ),
    _guard(
        "all standings of one who goes are looked at", "reach.py",
        "            settled_after = EVER", "            settled_after = settled_after",
        _REACH + "test_all_standings_of_a_contact_that_goes_are_looked_at",
    ),
    _guard(
        "segments that are defined later are asked", "reach.py",
        "        segments.update(ruling.defined_since(version.at))\n", "",
        _REACH + "test_segments_that_are_defined_later_or_being_built_are_asked",
    ),
    _guard(
        "segments that are being built are asked", "reach.py",
        "set(ruling.building)", "set()",
        _REACH + "test_segments_that_are_defined_later_or_being_built_are_asked",
    ),
    _guard(
        "a version from before the last is looked at by all", "reach.py",
        "    if before is not None and version.at < before.at:\n        return ruling.rules.keys()\n", "",
        _REACH + "test_who_is_asked",
    ),
    _guard(
        "standings that are settled later are looked at", "reach.py",
        "settled_after = min(version.at for version in versions)", "settled_after = max(0, 2**62)",
        _REACH + "test_a_version_from_before_a_clock_change_is_looked_at_by_whom_that_was_told",
    ),
)  # fmt: skip

RULES = (
    _guard(
        "a late version is judged where the log has come to", "membership.py",
        "instant = max(new.at, standing.settled)", "instant = new.at",
        _MEMBERSHIP + "test_a_late_version_that_no_longer_matters_tells_nothing",
    ),
    _guard(
        "versions whose times run backwards are judged where the one before was", "membership.py",
        "if prior is not None and prior.at > standing.settled:", "if prior is not None and prior.at > standing.settled + 2**62:",
        _MEMBERSHIP + "test_versions_whose_times_run_backwards_are_judged_where_the_log_has_come_to_in_any_batches",
    ),
    _guard(
        "the clock is settled before a version", "membership.py",
        "        standing, due = settle(standing, rule, prior, new.at)\n        changes = changes + due\n    instant =",
        "        pass\n    instant =",
        _MEMBERSHIP + "test_a_version_settles_what_was_due_before_it_by_the_version_before",
    ),
    _guard(
        "the clock is settled before a contact goes", "membership.py",
        "        standing, due = settle(standing, rule, prior, new.at)\n        changes = changes + due\n    if standing.member:",
        "        pass\n    if standing.member:",
        _MEMBERSHIP + "test_a_contact_that_the_clock_had_put_out_before_it_went_is_not_told_twice",
    ),
    _guard(
        "what is recalled begins after the last judging", "membership.py",
        "max(standing.settled, known.at, rule.since)", "max(known.at, rule.since)", _RECALLED,
    ),
    _guard(
        "what is recalled begins after the version", "membership.py",
        "max(standing.settled, known.at, rule.since)", "max(standing.settled, rule.since)", _RECALLED,
    ),
    _guard(
        "what is recalled begins after the definition", "membership.py",
        "max(standing.settled, known.at, rule.since)", "max(standing.settled, known.at)", _RECALLED,
    ),
    _guard(
        "what is recalled begins with what is due", "membership.py",
        "    if due is not None:\n        instant = max(instant, due - 1)\n", "",
        _DUE + "test_what_was_told_long_ago_is_not_told_again_with_what_is_due_now",
    ),
    _guard(
        "a broken segment is frozen", "membership.py",
        "    if rule.judge is None:\n        return standing, []\n    if prior",
        "    if rule.judge is None:\n        return Standing(build=rule.build), []\n    if prior",
        _MEMBERSHIP + "test_a_broken_segment_is_frozen_for_events_and_clock",
    ),
    _guard(
        "an erasure is told as one", "membership.py",
        '"erasure" if new.erased else "event"', '"event"',
        _MEMBERSHIP + "test_a_contact_that_is_gone_leaves_and_its_row_with_it",
    ),
    _guard(
        "the row of who is outside is kept while it is being built", "membership.py",
        " or rule.building", "",
        _REACH + "test_what_the_clock_does_while_others_are_still_being_built_is_told",
    ),
)  # fmt: skip

CLOCK = (
    _guard(
        "rows that another worker has in hand are passed over", "due_store.py",
        "limit $3 for update skip locked", "limit $3 for update", _PASSED_OVER,
    ),
    _guard(
        "contacts that a reader has in hand are passed over", "due_store.py",
        "for update of c skip locked", "for update of c",
        _DUE + "test_whom_a_reader_has_in_hand_the_clock_comes_back_to",
    ),
    _guard(
        "the longest due go first", "due_store.py",
        "    order by at_ms limit $3", "    order by at_ms desc limit $3",
        _WORKER + "test_a_huge_backlog_is_settled_piece_by_piece_and_told_at_its_due_instants",
    ),
    _guard(
        "so many are settled at a time", "worker.py",
        "claim(tx, channels, now, MOST_DUE)", "claim(tx, channels, now, 10 * MOST_DUE)",
        _WORKER + "test_a_huge_backlog_is_settled_piece_by_piece_and_told_at_its_due_instants",
    ),
    _guard(
        "the clock notes when it looks again", "due_store.py",
        "    if again:\n", "    if not looks:\n",
        _DUE + "test_who_is_seen_again_and_again_moves_nothing_and_is_looked_at_in_vain_once",
    ),
    _guard(
        "the clock looks no more at whom it has told everything of", "due_store.py",
        "if ended := looks.keys() - again.keys():", "if ended := set[Key]() & again.keys():",
        _DUE + "test_the_clock_writes_no_contact_anew",
    ),
    _guard(
        "who is due sooner is looked at sooner", "consumer.py",
        "            await due_store.look_by(tx, {each.key: due for each in news if (due := each.sooner()) is not None})\n", "",
        _DUE + "test_who_comes_back_after_the_clock_has_told_everything_is_looked_at_again",
    ),
    _guard(
        "who is looked at earlier stays so", "due_store.py",
        " where due.at_ms > excluded.at_ms", "",
        _DUE + "test_the_clock_writes_no_contact_anew",
    ),
    _guard(
        "what a build finds is due by the clock", "worker.py",
        "        await due_store.wake_by(tx, ledger.dues)\n", "",
        _WORKER + "test_who_is_found_by_a_build_leaves_by_the_clock_and_who_is_not_enters_by_it",
    ),
    _guard(
        "what the clock has told counts, where the version made it due before", "store.py",
        "max(self.noted, self.looks)", "self.noted",
        _DUE + "test_what_was_told_long_ago_is_not_told_again_with_what_is_due_now",
    ),
    _guard(
        "a look that comes too late is found", "verify_store.py",
        "left join due d on d.channel = c.channel and d.contact_id = c.id",
        "left join lateral (select c.due_ms as at_ms) d on true",
        _DUE + "test_a_look_that_would_come_too_late_or_never_is_found_and_set_right",
    ),
)  # fmt: skip

BUILDS = (
    _guard(
        "whom a version has brought the judgement is not judged again", "worker.py",
        "if stored is not None and stored.build == rule.build:", "if stored is None:",
        _WORKER + "test_contacts_that_come_while_it_is_built_are_judged_once_whichever_side_they_fall_on",
    ),
    _guard(
        "only the build that has come to its end goes live", "store.py",
        "where channel = $1 and id = $2 and build = $3 and status = 'building' returning 1",
        "where channel = $1 and id = $2 and build < $3 + 100 returning 1",
        _WORKER + "test_a_build_that_another_has_followed_puts_nothing_live",
    ),
    _guard(
        "an erased contact was in nothing", "queries.py",
        "\n        and not exists (select from contact c where c.channel = $1 and c.id = last.contact_id and c.erased)", "",
        "test_api.py::test_the_erased_are_in_no_membership_past_ones_included",
    ),
)  # fmt: skip

GUARDS = (*INDEX, *READER, *RULES, *CLOCK, *BUILDS)

/** Who is selected in the list; when another list is asked for, the selection is dropped aloud and can be brought back. */

import { useCallback, useEffect, useRef, useState } from "react";
import { loadedCount } from "../grid/pages";
import { EVERYONE, isSelected, NOBODY, type Selection, select, selectedCount, toggle, unselect } from "../grid/selection";
import { useText } from "../text/language";
import { useSay } from "../ui/toast";
import type { Listing, ListState } from "./listing";

export interface Selecting {
  selection: Selection;
  count: number;
  all: "on" | "off" | "some";
  toggle(index: number, range: boolean): void;
  toggleAll(): void;
  everyone(): void;
  drop(): void;
}

/** `asked` stands for whom the list is of: its order does not count. */
export function useSelecting(listing: Listing, state: ListState, asked: string): Selecting {
  const text = useText();
  const say = useSay();
  const [selection, setSelection] = useState<Selection>(NOBODY);
  const anchor = useRef<number>(undefined);
  const last = useRef({ asked, selection, total: state.total });

  useEffect(() => {
    const before = last.current;
    last.current = { asked, selection, total: state.total };
    if (before.asked === asked) return;
    const count = selectedCount(before.selection, before.total);
    anchor.current = undefined;
    if (count === 0) return;
    setSelection(NOBODY);
    const back = before.selection;
    // Everyone of another list would be others now: only the checked ones can come back.
    const action = back.kind === "some" ? { words: text.list.selectionBack, run: () => setSelection(back) } : undefined;
    if (action) say(text.list.selectionDropped(count), action);
    else say(text.list.selectionDropped(count));
  }, [asked, selection, state.total, say, text]);

  const onToggle = useCallback(
    (index: number, range: boolean) => {
      const contact = listing.row(index);
      if (!contact) return;
      const from = range && anchor.current !== undefined ? anchor.current : index;
      anchor.current = index;
      if (from === index) return setSelection((before) => toggle(before, contact.id));
      const ids: string[] = [];
      for (let at = Math.min(from, index); at <= Math.max(from, index); at += 1) {
        const row = listing.row(at);
        if (row) ids.push(row.id);
      }
      return setSelection((before) => select(before, ids));
    },
    [listing],
  );

  const count = selectedCount(selection, state.total);
  const loaded = Math.min(loadedCount(state.pages), state.total);
  const all = count === 0 ? "off" : count >= loaded && loaded > 0 ? "on" : "some";

  const toggleAll = useCallback(() => {
    const ids: string[] = [];
    for (const items of listing.snapshot().pages.loaded.values()) ids.push(...items.map((each) => each.id));
    setSelection((before) =>
      ids.length > 0 && ids.every((id) => isSelected(before, id)) ? unselect(before, ids) : select(before, ids),
    );
  }, [listing]);

  return {
    selection,
    count,
    all,
    toggle: onToggle,
    toggleAll,
    everyone: () => setSelection(EVERYONE),
    drop: useCallback(() => setSelection(NOBODY), []),
  };
}

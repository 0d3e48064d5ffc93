/** The list in sight: while another is asked for, the old one stays until the new one has its first rows. */

import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Listing, type ListRequest, type ListState } from "./listing";

interface InSight {
  listing: Listing;
  state: ListState;
  /** Another list is on its way. */
  waiting: boolean;
  refresh(): void;
}

export function useListing(request: ListRequest): InSight {
  const [round, setRound] = useState(0);
  const key = `${round} ${JSON.stringify(request)}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the request
  const next = useMemo(() => new Listing(request), [key]);
  const state = useSyncExternalStore(next.subscribe, next.snapshot);
  const shown = useRef(next);
  if (state.at !== undefined || state.error !== undefined) shown.current = next;
  const listing = shown.current;
  return {
    listing,
    state: listing === next ? state : listing.snapshot(),
    waiting: listing !== next,
    refresh: () => setRound((before) => before + 1),
  };
}

/** True once something has lasted, so that a quick answer shows no sign of waiting. */
export function useLasting(on: boolean, milliseconds: number): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    if (!on) return setLasting(false);
    const timer = setTimeout(() => setLasting(true), milliseconds);
    return () => clearTimeout(timer);
  }, [on, milliseconds]);
  return lasting;
}

const NARROW = "(max-width: 719px)";

/** Whether the page is as narrow as a phone. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = matchMedia(NARROW);
      query.addEventListener("change", listener);
      return () => query.removeEventListener("change", listener);
    },
    () => matchMedia(NARROW).matches,
  );
}

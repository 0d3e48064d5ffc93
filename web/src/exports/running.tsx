/** The exports that go on: followed by their streams on every page, found again after a reload. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { exportsQuery, roomQuery } from "../api/queries";
import { listen } from "../api/stream";
import type { Export } from "../api/types";
import { useAllowed } from "../session/session";

export type Status = Export["status"];

const ACTIVE: ReadonlySet<Status> = new Set(["awaitingApproval", "waiting", "counting", "writing", "verifying"]);

export const isActive = (one: Export): boolean => ACTIVE.has(one.status);

interface Running {
  /** Those that go on, and those that ended while one was here; the newest first. */
  shown: readonly Export[];
  follow(one: Export): void;
  dismiss(id: string): void;
}

const Context = createContext<Running>({ shown: [], follow: () => undefined, dismiss: () => undefined });

export const useRunning = (): Running => useContext(Context);

export function ExportsProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const mine = useAllowed("exports.create");
  const list = useQuery({ ...exportsQuery, enabled: mine });
  const [followed, setFollowed] = useState<ReadonlyMap<string, Export>>(new Map());

  const follow = useCallback((one: Export) => setFollowed((before) => new Map(before).set(one.id, one)), []);
  const dismiss = useCallback((id: string) => {
    setFollowed((before) => {
      const after = new Map(before);
      after.delete(id);
      return after;
    });
  }, []);

  useEffect(() => {
    for (const one of list.data ?? [])
      if (isActive(one)) setFollowed((before) => (before.has(one.id) ? before : new Map(before).set(one.id, one)));
  }, [list.data]);

  const active = [...followed.values()]
    .filter(isActive)
    .map((one) => one.id)
    .sort()
    .join(" ");
  useEffect(() => {
    const ends = active
      .split(" ")
      .filter(Boolean)
      .map((id) => {
        const end = new AbortController();
        void listen(
          `/v1/exports/${id}/progress`,
          (event) => {
            const one = JSON.parse(event.data) as Export;
            setFollowed((before) => (before.has(id) ? new Map(before).set(id, one) : before));
            if (isActive(one)) return;
            end.abort();
            void queries.invalidateQueries({ queryKey: exportsQuery.queryKey });
            void queries.invalidateQueries({ queryKey: roomQuery.queryKey });
          },
          end.signal,
        );
        return end;
      });
    return () => {
      for (const end of ends) end.abort();
    };
  }, [active, queries]);

  const shown = useMemo(() => [...followed.values()].sort((a, b) => b.requestedAt.localeCompare(a.requestedAt)), [followed]);
  const running = useMemo(() => ({ shown, follow, dismiss }), [shown, follow, dismiss]);
  return <Context value={running}>{children}</Context>;
}

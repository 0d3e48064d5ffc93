/** A segment that somebody looks at is counted again whenever someone enters or leaves it, once a second at the most. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, unwrap } from "../api/client";
import { ApiProblem } from "../api/problems";
import { segmentQuery, segmentsQuery } from "../api/queries";
import { listen } from "../api/stream";

const PAUSE = 1_000;

export function useLive(id: string | undefined): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (id === undefined) return;
    const end = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = () => {
      timer = undefined;
      void queries.invalidateQueries({ queryKey: segmentQuery(id).queryKey });
      void queries.invalidateQueries({ queryKey: segmentsQuery.queryKey });
    };
    const follow = async () => {
      const after = await lastPosition(id, end.signal);
      await listen(
        `/v1/segments/${id}/changes?after=${after}`,
        () => {
          timer ??= setTimeout(again, PAUSE);
        },
        end.signal,
      );
    };
    follow().catch((error: unknown) => {
      if (!end.signal.aborted && !(error instanceof ApiProblem)) throw error;
    });
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, [id, queries]);
}

/** The place after the newest change. */
async function lastPosition(id: string, signal: AbortSignal): Promise<number> {
  const params = { path: { segment_id: id }, query: { before: "latest" as const, limit: 1 } };
  const page = await unwrap(api.GET("/v1/segments/{segment_id}/changes", { params, signal }));
  return typeof page === "string" ? 0 : page.next;
}

/** How many there are in all, and how many have come to the list since it was asked for. */

import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "../api/client";
import { bodyOf, type ListRequest, type ListState } from "./listing";

const EVERY = 15_000;

export function useTotals(request: ListRequest, state: ListState): { everyone: number | undefined; fresh: number } {
  const { sort: _, ...asked } = bodyOf(request);
  const everyone = useQuery({
    queryKey: ["count", {}],
    staleTime: 60_000,
    queryFn: async ({ signal }) => (await unwrap(api.POST("/v1/search/count", { body: {}, signal }))).total,
  });
  const now = useQuery({
    queryKey: ["count", "now", asked],
    refetchInterval: EVERY,
    enabled: state.at !== undefined,
    staleTime: 0,
    queryFn: async ({ signal }) => (await unwrap(api.POST("/v1/search/count", { body: asked, signal }))).total,
  });
  const fresh =
    now.data !== undefined && state.at !== undefined && now.dataUpdatedAt > state.at.getTime() ? now.data - state.total : 0;
  return { everyone: everyone.data, fresh: Math.max(0, fresh) };
}

/** What is asked of the API, by key: every page shares these, so that one answer serves all. */

import { QueryClient, queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import { ApiProblem, isAway } from "./problems";
import type { Field, RoomMessages, Session } from "./types";

const FIVE_MINUTES = 300_000;

/** 503 and lost connections are asked again by the server's word with jitter; a refusal is final. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        gcTime: FIVE_MINUTES,
        staleTime: 10_000,
        refetchOnWindowFocus: false,
        retry: (count, error) => isAway(error) && count < 5,
        retryDelay: (count, error) => {
          const told = error instanceof ApiProblem ? error.retryAfter : undefined;
          return (told === undefined ? Math.min(8_000, 500 * 2 ** count) : told * 1000) * (0.8 + Math.random() * 0.4);
        },
      },
      mutations: { retry: false },
    },
  });
}

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ signal }): Promise<Session> => {
    const response = await fetch("/v1/session", { signal, headers: { "Dangol-Console": "1" }, credentials: "same-origin" }).catch(
      (error: unknown) => {
        if (error instanceof TypeError) return undefined;
        throw error;
      },
    );
    if (!response) throw new ApiProblem({ code: "offline", status: 0, detail: "" });
    if (!response.ok)
      throw new ApiProblem({ code: response.status === 401 ? "noSession" : "unavailable", status: response.status, detail: "" });
    return (await response.json()) as Session;
  },
});

export const fieldsQuery = queryOptions({
  queryKey: ["fields"],
  staleTime: 60_000,
  queryFn: async ({ signal }) => {
    const list = await unwrap(api.GET("/v1/fields", { signal }));
    return list.items.map((field): Field => ({ ...field, displayName: field.displayName ?? {} }));
  },
});

export const channelQuery = queryOptions({
  queryKey: ["channel"],
  staleTime: 60_000,
  queryFn: ({ signal }) => unwrap(api.GET("/v1/channel", { signal })),
});

export const preferencesQuery = queryOptions({
  queryKey: ["preferences"],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: ({ signal }) => unwrap(api.GET("/v1/me/preferences", { signal })),
});

export const segmentsQuery = queryOptions({
  queryKey: ["segments"],
  staleTime: 5_000,
  refetchInterval: 15_000,
  queryFn: async ({ signal }) => (await unwrap(api.GET("/v1/segments", { signal }))).items,
});

export const segmentQuery = (id: string) =>
  queryOptions({
    queryKey: ["segment", id],
    staleTime: 5_000,
    queryFn: ({ signal }) => unwrap(api.GET("/v1/segments/{segment_id}", { params: { path: { segment_id: id } }, signal })),
  });

export const contactQuery = (id: string) =>
  queryOptions({
    queryKey: ["contact", id],
    staleTime: 5_000,
    queryFn: ({ signal }) => unwrap(api.GET("/v1/contacts/{contact_id}", { params: { path: { contact_id: id } }, signal })),
  });

export const allowanceQuery = queryOptions({
  queryKey: ["allowance"],
  staleTime: 0,
  queryFn: ({ signal }) => unwrap(api.GET("/v1/exports/allowance", { signal })),
});

export const exportsQuery = queryOptions({
  queryKey: ["exports"],
  staleTime: 2_000,
  queryFn: async ({ signal }) => (await unwrap(api.GET("/v1/exports", { signal }))).items,
});

export const roomQuery = queryOptions({
  queryKey: ["room"],
  staleTime: 5_000,
  refetchInterval: 20_000,
  queryFn: async ({ signal }) => (await unwrap(api.GET("/v1/rooms/me/messages", { signal }))) as RoomMessages,
});

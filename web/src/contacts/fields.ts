/** The channel's fields: their names in the reader's language, which are shown, and in which order. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { channelQuery, fieldsQuery, segmentsQuery } from "../api/queries";
import type { Field } from "../api/types";
import type { Names } from "../filter/names";
import { kindOf } from "../filter/operators";
import { useText } from "../text/language";

const KOREA = "Asia/Seoul";

export function useChannelZone(): string {
  return useQuery(channelQuery).data?.timeZone ?? KOREA;
}

export function nameOf(field: Field, language: "ko" | "en"): string {
  return field.displayName[language] || field.displayName.ko || field.key.replace(/^profile\./, "");
}

export interface Fields {
  all: readonly Field[];
  byKey: ReadonlyMap<string, Field>;
  /** Those that the list shows, in the order of the settings. */
  shown: readonly Field[];
  name(key: string): string;
}

export function useFields(): Fields | undefined {
  const text = useText();
  const { data } = useQuery(fieldsQuery);
  return useMemo(() => {
    if (!data) return undefined;
    const all = [...data].sort((a, b) => (a.order ?? 0) - (b.order ?? 0));
    const byKey = new Map(all.map((field) => [field.key, field]));
    return {
      all,
      byKey,
      shown: all.filter((field) => field.visible !== false && !field.archived),
      name: (key: string) => {
        const field = byKey.get(key);
        return field ? nameOf(field, text.language) : key;
      },
    };
  }, [data, text.language]);
}

/** What sentences about filters need to know. */
export function useNames(): Names {
  const text = useText();
  const fields = useFields();
  const zone = useChannelZone();
  const segments = useQuery(segmentsQuery).data;
  return useMemo(
    () => ({
      zone,
      field: (key) => (key === "segment" ? text.filter.segmentField : (fields?.name(key) ?? key)),
      kind: (key) => kindOf(key, fields?.byKey.get(key)?.type ?? "String"),
      segment: (id) => segments?.find((segment) => segment.id === id)?.name ?? id.slice(0, 8),
    }),
    [text, fields, zone, segments],
  );
}

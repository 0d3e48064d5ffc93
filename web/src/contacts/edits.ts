/** Cells that were changed and are not yet the server's: saving, failed, or another's value stands against ours. */

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { api, unwrap } from "../api/client";
import { ApiProblem, wordsOf } from "../api/problems";
import { contactQuery } from "../api/queries";
import type { Contact } from "../api/types";
import { useText } from "../text/language";
import { useSay } from "../ui/toast";
import type { Column } from "./columns";
import { contactValue } from "./columns";
import { sameValue } from "./values";

export type Edit =
  | { state: "saving"; value: unknown }
  | { state: "failed"; value: unknown; why: string }
  | { state: "conflict"; value: unknown; current: unknown; by: string | null; at: string | null };

/** By contact, then by key. */
export type Edits = ReadonlyMap<string, ReadonlyMap<string, Edit>>;

export interface Editing {
  edits: Edits;
  save(contact: Contact, column: Column, value: unknown): void;
  /** Ours again, against what is there by now. */
  insist(contact: Contact, column: Column): void;
  drop(contact: Contact, column: Column): void;
  undo(): void;
}

interface Done {
  contact: Contact;
  column: Column;
  before: unknown;
  after: unknown;
}

const MOST_UNDO = 20;

export function useEditing(put: (contacts: readonly Contact[]) => void): Editing {
  const text = useText();
  const say = useSay();
  const queries = useQueryClient();
  const [edits, setEdits] = useState<Edits>(new Map());
  const done = useRef<Done[]>([]);

  const mark = useCallback((id: string, key: string, edit: Edit | undefined) => {
    setEdits((before) => withEdit(before, id, key, edit));
  }, []);

  const write = useCallback(
    async (contact: Contact, column: Column, value: unknown, seen: unknown, undoing: boolean) => {
      const { id } = contact;
      mark(id, column.key, { state: "saving", value });
      try {
        const after = await patch(id, column.key, value, seen);
        queries.setQueryData(contactQuery(id).queryKey, after);
        put([after]);
        const refused = (after as { notWritten?: { key: string; reason: string }[] }).notWritten?.find(
          ({ key }) => key === column.key,
        );
        mark(id, column.key, undefined);
        if (refused) return say(refused.reason === "once" ? text.cell.once : text.cell.archived);
        void queries.invalidateQueries({ queryKey: ["history", id] });
        if (undoing) return say(text.cell.undone(column.name));
        done.current = [...done.current.slice(1 - MOST_UNDO), { contact: after, column, before: seen, after: value }];
        return undefined;
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error;
        const { told } = error;
        if (error.code === "staleValue")
          return mark(id, column.key, {
            state: "conflict",
            value,
            current: told.current ?? null,
            by: typeof told.changedBy === "string" ? told.changedBy : null,
            at: typeof told.changedAt === "string" ? told.changedAt : null,
          });
        const why = error.status === 0 ? text.cell.notSavedOffline : wordsOf(error, text);
        return mark(id, column.key, { state: "failed", value, why });
      }
    },
    [mark, put, queries, say, text],
  );

  const save = useCallback(
    (contact: Contact, column: Column, value: unknown) => {
      const seen = contactValue(contact, column.key);
      if (sameValue(seen, value)) return mark(contact.id, column.key, undefined);
      void write(contact, column, value, seen, false);
    },
    [mark, write],
  );

  const insist = (contact: Contact, column: Column) => {
    const edit = edits.get(contact.id)?.get(column.key);
    if (edit?.state === "conflict") void write(contact, column, edit.value, edit.current, false);
  };

  const drop = (contact: Contact, column: Column) => {
    mark(contact.id, column.key, undefined);
    void queries.fetchQuery({ ...contactQuery(contact.id), staleTime: 0 }).then(
      (now) => put([now]),
      () => undefined,
    );
  };

  const undo = useCallback(() => {
    const last = done.current.pop();
    if (last) void write(last.contact, last.column, last.before, last.after, true);
  }, [write]);

  return { edits, save, insist, drop, undo };
}

function patch(id: string, key: string, value: unknown, seen: unknown) {
  const body = { profile: { [key.slice("profile.".length)]: value as null }, expected: { [key]: seen as null } };
  return unwrap(api.PATCH("/v1/contacts/{contact_id}", { params: { path: { contact_id: id } }, body }));
}

function withEdit(before: Edits, id: string, key: string, edit: Edit | undefined): Edits {
  const own = new Map(before.get(id));
  if (edit) own.set(key, edit);
  else if (!own.delete(key)) return before;
  const after = new Map(before);
  if (own.size > 0) after.set(id, own);
  else after.delete(id);
  return after;
}

/** 고객 연락처: the list, what narrows it, and what one does with those in it. */

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { api, unwrap } from "../api/client";
import { preferencesQuery, segmentQuery } from "../api/queries";
import { Forbidden, Part } from "../app/states";
import { ExportDialog } from "../exports/dialog";
import { emptyTree, type Group, newId } from "../filter/tree";
import { decodeFilter, encodeFilter } from "../filter/url";
import { toWire } from "../filter/wire";
import { type ListSearch, readSort, writeSort } from "../routes/search";
import { useLive } from "../segments/live";
import { useAllowed } from "../session/session";
import { useText } from "../text/language";
import { exportChoices } from "./choices";
import { columnsOf } from "./columns";
import { useEditing } from "./edits";
import { useChannelZone, useFields, useNames } from "./fields";
import { ListArea } from "./list-area";
import { BadFilter } from "./nobody";
import { Peek } from "./peek";
import { isTyping, SearchBox } from "./search-box";
import { useSelecting } from "./selecting";
import { SentenceBand } from "./sentence-band";
import { Toolbar } from "./toolbar";
import { useTotals } from "./totals";
import { useListing, useNarrow } from "./use-listing";

const FilterPanel = lazy(() => import("../filter/panel").then((module) => ({ default: module.FilterPanel })));

export function ContactsPage() {
  return useAllowed("contacts.read") ? <Contacts /> : <Forbidden permission="contacts.read" />;
}

function useColumns() {
  const text = useText();
  const fields = useFields();
  const kept = useQuery(preferencesQuery).data;
  const [own, setOwn] = useState<Record<string, number>>(() => widthsOf(kept));
  const columns = useMemo(() => (fields ? columnsOf(fields.shown, text.language, own) : []), [fields, text.language, own]);
  const setWidth = useCallback((key: string, width: number) => setOwn((before) => ({ ...before, [key]: width })), []);
  useEffect(() => {
    if (Object.keys(own).length === 0) return;
    const timer = setTimeout(() => {
      void unwrap(api.PATCH("/v1/me/preferences", { body: { widths: own } })).catch(() => undefined);
    }, 1_500);
    return () => clearTimeout(timer);
  }, [own]);
  return { fields, columns, setWidth };
}

function widthsOf(kept: Record<string, unknown> | undefined): Record<string, number> {
  const widths = kept?.widths;
  if (typeof widths !== "object" || widths === null) return {};
  return Object.fromEntries(Object.entries(widths).filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}

function Contacts() {
  const text = useText();
  const search = useSearch({ from: "/inside/contacts" });
  const navigate = useNavigate({ from: "/contacts" });
  const read = useMemo(
    () => (search.f === undefined ? { ok: true as const, tree: emptyTree() } : decodeFilter(search.f, newId)),
    [search.f],
  );

  const go = useCallback(
    (change: Partial<Record<keyof ListSearch, string | undefined>>, replace = false) =>
      void navigate({ search: (before) => cleaned({ ...before, ...change }), replace }),
    [navigate],
  );
  useEffect(() => {
    document.title = `${text.list.title} · ${text.product}`;
  }, [text]);

  if (!read.ok) return <BadFilter onOpen={() => go({ f: undefined })} />;
  return <List search={search} tree={read.tree} go={go} />;
}

function cleaned(search: Partial<Record<keyof ListSearch, string | undefined>>): ListSearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== ""));
}

export type Go = (change: Partial<Record<keyof ListSearch, string | undefined>>, replace?: boolean) => void;

function List({ search, tree, go }: { search: ListSearch; tree: Group; go: Go }) {
  const text = useText();
  const zone = useChannelZone();
  const names = useNames();
  const narrow = useNarrow();
  const { fields, columns, setWidth } = useColumns();
  const sort = useMemo(() => readSort(search.sort), [search.sort]);
  const request = useMemo(
    () => ({ filter: toWire(tree), segment: search.segment, query: search.q, sort }),
    [tree, search.segment, search.q, sort],
  );
  const list = useListing(request);
  const segment = useQuery({
    ...segmentQuery(search.segment ?? ""),
    enabled: search.segment !== undefined,
    refetchInterval: 30_000,
  });
  useLive(search.segment);
  const totals = useTotals(request, list.state);
  const editing = useEditing(list.listing.put);
  const selecting = useSelecting(list.listing, list.state, JSON.stringify({ ...request, sort: undefined }));
  const [filtering, setFiltering] = useState(false);
  const [exporting, setExporting] = useState(false);
  const [reason, setReason] = useState("");
  const shown = useMemo(() => ({ texts: text, zone, now: list.state.at ?? new Date() }), [text, zone, list.state.at]);
  useKey("KeyF", () => setFiltering(true));

  const words = tree.children.length > 0 || tree.negated ? text.filter.sentence(tree, names) : undefined;
  const choices = exportChoices(
    list.listing.request,
    list.state,
    selecting.selection,
    totals.everyone,
    words ?? segment.data?.name,
  );
  const step = useMemo(() => peekStep(list.listing, search.peek, go), [list.listing, search.peek, go]);

  return (
    <div className="contacts" data-peek={search.peek !== undefined}>
      <main className="contacts-main">
        <Toolbar
          title={segment.data?.name ?? text.list.title}
          state={list.state}
          fresh={totals.fresh}
          filtering={filtering}
          conditions={tree.children.length}
          onFilter={() => setFiltering(!filtering)}
          onExport={() => setExporting(true)}
          onRefresh={list.refresh}
        />
        <div className="under-toolbar">
          <SearchBox
            query={search.q ?? ""}
            hint={narrow ? text.list.searchHintShort : text.list.searchHint}
            onQuery={(q) => go({ q, peek: undefined }, true)}
          />
        </div>
        <SentenceBand
          words={words}
          segment={search.segment ? segment : undefined}
          query={search.q}
          state={list.state}
          onClear={go}
          tree={tree}
        />
        {filtering && (
          <Part>
            <Suspense fallback={null}>
              <FilterPanel
                tree={tree}
                everyone={totals.everyone}
                fields={fields}
                names={names}
                onApply={(applied) => go({ f: encodeFilter(applied), peek: undefined })}
                onClose={() => setFiltering(false)}
              />
            </Suspense>
          </Part>
        )}
        <ListArea
          list={list}
          tree={tree}
          names={names}
          columns={columns}
          shown={shown}
          sort={sort}
          narrow={narrow}
          peeked={search.peek}
          selecting={selecting}
          editing={editing}
          onOpen={(contact) => go({ peek: contact.id }, search.peek !== undefined)}
          onSort={(sorted) => go({ sort: writeSort(sorted) })}
          onWidth={setWidth}
          onExport={() => setExporting(true)}
          go={go}
        />
      </main>
      {search.peek !== undefined && (
        <Part key={search.peek}>
          <Peek id={search.peek} fields={fields} onClose={() => go({ peek: undefined })} onStep={step} />
        </Part>
      )}
      {exporting && (
        <ExportDialog
          choices={choices}
          columns={fields?.shown.map((field) => field.key) ?? []}
          reason={reason}
          onReason={setReason}
          onClose={() => setExporting(false)}
        />
      )}
    </div>
  );
}

/** To the contact before or after the one that is open, among the rows that are there. */
function peekStep(listing: ReturnType<typeof useListing>["listing"], peek: string | undefined, go: Go) {
  if (peek === undefined) return undefined;
  return (step: 1 | -1) => {
    for (const [page, items] of listing.snapshot().pages.loaded) {
      const at = items.findIndex((contact) => contact.id === peek);
      if (at < 0) continue;
      const to = listing.row(page * 100 + at + step);
      if (to) go({ peek: to.id }, true);
      return;
    }
  };
}

/** A single key of the page, heard only where nobody types. */
function useKey(code: string, run: () => void) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.code !== code || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}

/** The list itself with its states, the foot below it, and the bar of what is selected. */

import { AlertTriangle, X } from "lucide-react";
import { useCallback, useLayoutEffect, useRef, useState } from "react";
import { type ApiProblem, wordsOf } from "../api/problems";
import type { Contact, Sort } from "../api/types";
import type { Names } from "../filter/names";
import { type Group, remove } from "../filter/tree";
import { encodeFilter } from "../filter/url";
import { Grid } from "../grid/grid";
import { useAllowed } from "../session/session";
import { useLooks } from "../session/speaking";
import { formatClock, phoneToCopy } from "../text/format";
import { useText } from "../text/language";
import { Button, IconButton, Loading } from "../ui/parts";
import { useSay } from "../ui/toast";
import { type Column, contactValue, type Shown } from "./columns";
import { Conflict } from "./conflict";
import type { Editing } from "./edits";
import { FirstRun, Nobody } from "./nobody";
import type { Go } from "./page";
import type { Selecting } from "./selecting";
import { useLasting, type useListing } from "./use-listing";
import { fromTyped } from "./values";

interface Props {
  list: ReturnType<typeof useListing>;
  tree: Group;
  names: Names;
  columns: readonly Column[];
  shown: Shown;
  sort: Sort[];
  narrow: boolean;
  peeked: string | undefined;
  selecting: Selecting;
  editing: Editing;
  onOpen(contact: Contact): void;
  onSort(sort: Sort[]): void;
  onWidth(key: string, width: number): void;
  onExport(): void;
  go: Go;
}

export function ListArea(props: Props) {
  const { list, tree, names, shown, selecting, go } = props;
  const { state, listing } = list;
  const [range, setRange] = useState({ first: 0, end: 0 });
  const onRange = useCallback((first: number, end: number) => setRange({ first, end }), []);
  const waiting = useLasting(list.waiting, 150);
  const text = shown.texts;

  if (state.error && state.at === undefined && !list.waiting)
    return <Fallen error={state.error} onRetry={listing.retry} go={go} />;
  if (state.at !== undefined && state.total === 0) {
    const { query, segment } = listing.request;
    const whole = listing.request.filter === undefined && query === undefined && segment === undefined;
    return (
      <div className="list-nobody">
        {whole ? (
          <FirstRun />
        ) : (
          <Nobody
            tree={tree}
            query={query}
            names={names}
            onClearQuery={() => go({ q: undefined })}
            onWithout={(id) => go({ f: encodeFilter(remove(tree, id)) })}
          />
        )}
      </div>
    );
  }
  return (
    <div className="list-area">
      <div className="progress-line-top" data-on={waiting || (state.loading && state.at !== undefined)} aria-hidden="true" />
      {state.error && <Stale error={state.error} at={state.at} shown={shown} onRetry={listing.retry} />}
      {state.at === undefined && <Loading />}
      <Rows {...props} waiting={waiting} onRange={onRange} />
      <footer className="list-foot figures">
        {selecting.count > 0 ? (
          <SelectionBar selecting={selecting} total={state.total} onExport={props.onExport} />
        ) : (
          <span className="hint">
            {state.at && text.list.range(Math.min(range.first + 1, state.total), Math.min(range.end, state.total), state.total)}
          </span>
        )}
      </footer>
    </div>
  );
}

function Rows(props: Props & { waiting: boolean; onRange(first: number, end: number): void }) {
  const { list, columns, shown, sort, selecting, editing } = props;
  const text = shown.texts;
  const say = useSay();
  const { copyCountryCode } = useLooks();
  const mayEdit = useAllowed("contacts.edit");
  const usable = mayEdit ? columns : columns.map((column) => ({ ...column, editable: false }));

  const onSave = useCallback(
    (contact: Contact, column: Column, typed: string): boolean => {
      const read = fromTyped(typed, column.kind, shown.zone);
      if (!read.ok) {
        say(read.why === "number" ? text.cell.badNumber : text.cell.badDate);
        return false;
      }
      editing.save(contact, column, read.value);
      return true;
    },
    [editing.save, say, shown.zone, text],
  );
  const onClear = useCallback((contact: Contact, column: Column) => editing.save(contact, column, null), [editing.save]);

  const onCopy = (contact: Contact, column: Column | undefined) => {
    const value = contactValue(contact, column?.key ?? "name");
    const words =
      column?.kind === "phone" && typeof value === "string"
        ? phoneToCopy(value, copyCountryCode)
        : Array.isArray(value)
          ? value.join(", ")
          : String(value ?? "");
    void navigator.clipboard.writeText(words).then(() => say(text.act.copied));
  };

  const onSort = (key: string, more: boolean) => {
    const at = sort.find((each) => each.key === key);
    const others = more ? sort.filter((each) => each.key !== key) : [];
    if (!at) return props.onSort([...others, { key, order: "asc" }]);
    return props.onSort(at.order === "asc" ? [...others, { key, order: "desc" }] : others);
  };

  return (
    <>
      <Grid
        listing={list.listing}
        state={list.state}
        columns={useStable(usable)}
        shown={shown}
        sort={sort}
        selection={selecting.selection}
        allState={selecting.all}
        peeked={props.peeked}
        edits={editing.edits}
        narrow={props.narrow}
        dimmed={props.waiting}
        label={text.list.table}
        onToggle={selecting.toggle}
        onToggleAll={selecting.toggleAll}
        onDropSelection={selecting.drop}
        onOpen={props.onOpen}
        onSort={onSort}
        onSave={onSave}
        onClear={onClear}
        onUndo={editing.undo}
        onCopy={onCopy}
        onWidth={props.onWidth}
        onRange={props.onRange}
      />
      <Conflicts {...props} />
    </>
  );
}

/** The same array as long as its members are equal, so that rows are not drawn again for nothing. */
function useStable(columns: readonly Column[]): readonly Column[] {
  const key = JSON.stringify(columns);
  const last = useRef({ key, columns });
  if (last.current.key !== key) last.current = { key, columns };
  return last.current.columns;
}

/** The one cell where two values stand against each other, or whose saving failed. */
function Conflicts({ list, columns, shown, editing }: Props) {
  const anchor = useRef<Element>(null);
  const [open, setOpen] = useState(false);
  const found = firstOpen(list.listing, columns, editing);
  const place = found && `${found.row}/${found.column.key}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the place stands for what was found
  useLayoutEffect(() => {
    anchor.current = found ? document.querySelector(`[data-row="${found.row}"] [data-edit="${found.edit.state}"]`) : null;
    setOpen(anchor.current !== null);
  }, [place, found?.edit.state]);
  if (!found || !open) return null;
  const { contact, column, edit } = found;
  return (
    <Conflict
      contact={contact}
      column={column}
      edit={edit}
      shown={shown}
      anchor={anchor}
      onMine={() => (edit.state === "conflict" ? editing.insist(contact, column) : editing.save(contact, column, edit.value))}
      onTheirs={() => editing.drop(contact, column)}
    />
  );
}

function firstOpen(listing: Props["list"]["listing"], columns: readonly Column[], editing: Editing) {
  for (const [id, own] of editing.edits) {
    for (const [key, edit] of own) {
      if (edit.state === "saving") continue;
      for (const [page, items] of listing.snapshot().pages.loaded) {
        const at = items.findIndex((contact) => contact.id === id);
        const contact = items[at];
        const column = columns.find((each) => each.key === key);
        if (contact && column) return { contact, column, edit, row: page * 100 + at };
      }
    }
  }
  return undefined;
}

function SelectionBar({ selecting, total, onExport }: { selecting: Selecting; total: number; onExport(): void }) {
  const text = useText();
  const mayExport = useAllowed("exports.create");
  return (
    <div className="selection-bar" role="toolbar" aria-label={text.list.selected(selecting.count)}>
      <b>{text.list.selected(selecting.count)}</b>
      {selecting.count < total && (
        <Button small look="bare" onPress={selecting.everyone}>
          {text.list.selectAll}
        </Button>
      )}
      <Button small onPress={onExport} refused={mayExport ? undefined : text.state.noPermission("exports.create")}>
        {text.act.download}
      </Button>
      <IconButton small name={text.list.unselect} onPress={selecting.drop}>
        <X size={14} />
      </IconButton>
    </div>
  );
}

function Stale({ error, at, shown, onRetry }: { error: ApiProblem; at: Date | undefined; shown: Shown; onRetry(): void }) {
  const text = shown.texts;
  return (
    <div className="band list-band" data-look="warn" role="status">
      <AlertTriangle size={14} aria-hidden="true" />
      <span>
        {wordsOf(error, text)} {at && text.state.stale(formatClock(at, shown.zone))}
      </span>
      <Button small onPress={onRetry}>
        {text.act.retry}
      </Button>
    </div>
  );
}

/** A list that was refused shows no one, says why, and offers the way out. */
function Fallen({ error, onRetry, go }: { error: ApiProblem; onRetry(): void; go: Go }) {
  const text = useText();
  const refused = error.status === 422 || error.status === 404;
  return (
    <div className="list-nobody">
      <div className="empty" role="alert">
        <h2>{wordsOf(error, text)}</h2>
        <div className="actions">
          {refused ? (
            <Button onPress={() => go({ f: undefined, segment: undefined, sort: undefined })}>{text.list.withoutFilter}</Button>
          ) : (
            <Button onPress={onRetry}>{text.act.retry}</Button>
          )}
        </div>
      </div>
    </div>
  );
}

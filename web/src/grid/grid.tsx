/** The list of contacts: a window over rows and columns, one tab stop, one handler for all cells. */

import { type KeyboardEvent, type MouseEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Contact, Sort } from "../api/types";
import { CHECK_WIDTH, type Column, NAME_WIDTH, type Shown } from "../contacts/columns";
import type { Edits } from "../contacts/edits";
import type { Listing, ListState } from "../contacts/listing";
import type { Leave } from "./editor";
import { Head } from "./head";
import { moved, type Place } from "./keys";
import { FIXED, Row } from "./row";
import { useScroll } from "./scroll";
import { isSelected, type Selection } from "./selection";
import { columnsInSight, drawnHeight, type Geometry, rowsInSight, rowTop } from "./window";

export interface GridProps {
  listing: Listing;
  state: ListState;
  columns: readonly Column[];
  shown: Shown;
  sort: readonly Sort[];
  selection: Selection;
  allState: "on" | "off" | "some";
  peeked: string | undefined;
  edits: Edits;
  narrow: boolean;
  dimmed: boolean;
  label: string;
  onToggle(index: number, range: boolean): void;
  onToggleAll(): void;
  onDropSelection(): void;
  onOpen(contact: Contact): void;
  onSort(key: string, more: boolean): void;
  onSave(contact: Contact, column: Column, typed: string): boolean;
  onClear(contact: Contact, column: Column): void;
  onUndo(): void;
  onCopy(contact: Contact, column: Column | undefined): void;
  onWidth(key: string, width: number): void;
  onRange(first: number, end: number): void;
}

const SPARE_ROWS = 8;
const SPARE_PIXELS = 240;
const HEAD = 36;

export function Grid(props: GridProps) {
  const { listing, state, columns, narrow, onSave, onRange } = props;
  const rowHeight = narrow ? 64 : 40;
  const rows = listing.reach;
  const { box, size, scroll, left, scrollToRow, scrollToColumn } = useScroll(rows, rowHeight, narrow ? 0 : HEAD, listing);
  const geometry: Geometry = { rows, rowHeight, viewHeight: size.height };
  const sight = rowsInSight(scroll, geometry, SPARE_ROWS);
  const [active, setActive] = useState<Place>({ row: 0, column: 1 });
  const wantsFocus = useRef(false);

  useEffect(() => listing.want(sight.first, sight.end), [listing, sight.first, sight.end]);
  const seen = rowsInSight(scroll, geometry, 0);
  useEffect(() => onRange(seen.first, seen.end), [onRange, seen.first, seen.end]);

  const widths = useMemo(() => columns.map((column) => column.width), [columns]);
  const fixed = CHECK_WIDTH + NAME_WIDTH;
  const sideways = columnsInSight(widths, left, Math.max(0, size.width - fixed), SPARE_PIXELS);
  const whole = narrow ? "100%" : fixed + widths.reduce((sum, each) => sum + each, 0);

  const go = useCallback(
    (place: Place) => {
      wantsFocus.current = true;
      setActive(place);
      if (place.row >= 0) scrollToRow(place.row);
      if (place.column >= FIXED) scrollToColumn(widths, place.column - FIXED, fixed);
    },
    [scrollToRow, scrollToColumn, widths, fixed],
  );

  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    const target = box.current?.querySelector<HTMLElement>("[data-active]");
    if (target && target !== document.activeElement) target.focus({ preventScroll: true });
  });

  const save = useCallback(
    (contact: Contact, column: Column, typed: string, leave: Leave) => {
      const kept = onSave(contact, column, typed);
      if (!kept || leave === "stay") return;
      setActive((at) => {
        const step = { down: [1, 0], up: [-1, 0], right: [0, 1], left: [0, -1] }[leave] as [number, number];
        const to = { row: at.row + step[0], column: at.column + step[1] };
        return {
          row: Math.min(Math.max(0, to.row), listing.reach - 1),
          column: Math.min(Math.max(0, to.column), columns.length + FIXED - 1),
        };
      });
      wantsFocus.current = true;
    },
    [onSave, listing, columns.length],
  );

  const handlers = useHandlers(props, active, go, Math.max(1, Math.floor(size.height / rowHeight) - 1));
  const indexes = rowsToDraw(sight.first, sight.end, active.row, rows);
  const rowProps = {
    height: rowHeight,
    columns,
    first: sideways.first,
    end: sideways.end,
    before: sideways.before,
    after: sideways.after,
    shown: props.shown,
    narrow,
    onSave: save,
    onClear: props.onClear,
  };
  return (
    <div
      ref={box}
      className="grid"
      role="grid"
      aria-label={props.label}
      aria-rowcount={state.total + 1}
      aria-colcount={columns.length + FIXED}
      aria-multiselectable="true"
      aria-busy={state.at === undefined}
      data-narrow={narrow}
      data-dimmed={props.dimmed}
      tabIndex={0}
      onFocus={(event) => {
        if (event.target !== event.currentTarget) return;
        wantsFocus.current = true;
        event.currentTarget.querySelector<HTMLElement>("[data-active]")?.focus({ preventScroll: true });
      }}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) wantsFocus.current = false;
      }}
      {...handlers}
    >
      <div style={{ width: whole }} role="presentation">
        {!narrow && (
          <Head
            columns={columns}
            first={sideways.first}
            end={sideways.end}
            before={sideways.before}
            after={sideways.after}
            sort={props.sort}
            all={props.allState}
            active={active.row === -1 ? active.column : undefined}
            texts={props.shown.texts}
            onWidth={props.onWidth}
          />
        )}
        <div className="rows" role="presentation" style={{ height: drawnHeight(geometry) }}>
          {indexes.map((index) => {
            const contact = listing.row(index);
            return (
              <Row
                key={index}
                {...rowProps}
                contact={contact}
                index={index}
                top={rowTop(index, scroll, geometry)}
                selected={contact !== undefined && isSelected(props.selection, contact.id)}
                peeked={contact !== undefined && contact.id === props.peeked}
                active={active.row === index ? active.column : undefined}
                edits={contact && props.edits.get(contact.id)}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** Those in sight, and the one that has the focus wherever it is. */
function rowsToDraw(first: number, end: number, active: number, rows: number): number[] {
  const indexes = Array.from({ length: end - first }, (_, at) => first + at);
  if (active >= 0 && active < rows && (active < first || active >= end)) indexes.push(active);
  return indexes;
}

function useHandlers(props: GridProps, active: Place, go: (place: Place) => void, pageRows: number) {
  const { listing, columns } = props;
  const placeOf = (target: EventTarget): Place | undefined => {
    if (!(target instanceof Element)) return undefined;
    const cell = target.closest<HTMLElement>("[data-cell]");
    const row = cell?.closest<HTMLElement>("[data-row]");
    return cell && row ? { row: Number(row.dataset.row), column: Number(cell.dataset.cell) } : undefined;
  };

  const sortBy = (column: number, more: boolean) => {
    const key = column === 1 ? "name" : columns[column - FIXED]?.sortable ? columns[column - FIXED]?.key : undefined;
    if (key) props.onSort(key, more);
  };

  const onClick = (event: MouseEvent) => {
    const place = placeOf(event.target);
    if (!place) return;
    const avatar = event.target instanceof Element && event.target.closest(".avatar") !== null && !props.narrow;
    go(place);
    if (place.row === -1) {
      if (place.column === 0) props.onToggleAll();
      else sortBy(place.column, event.shiftKey);
    } else if (place.column === 0 || avatar || event.shiftKey) props.onToggle(place.row, event.shiftKey);
    else if (place.column === 1) open(place.row);
  };

  const open = (row: number) => {
    const contact = listing.row(row);
    if (contact) props.onOpen(contact);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const ctrl = event.ctrlKey || event.metaKey;
    const to = moved(active, event.code, ctrl, { rows: listing.reach, columns: columns.length + FIXED, pageRows });
    if (to) {
      event.preventDefault();
      if (props.peeked !== undefined && to.row !== active.row && to.row >= 0 && active.column === 1) open(to.row);
      return go(to);
    }
    if (ctrl) return withCtrl(event);
    if (event.code === "Space" && active.column === 0 && !event.shiftKey) {
      event.preventDefault();
      return active.row === -1 ? props.onToggleAll() : props.onToggle(active.row, false);
    }
    if (event.code === "Enter") {
      event.preventDefault();
      if (active.row === -1) return active.column === 0 ? props.onToggleAll() : sortBy(active.column, event.shiftKey);
      return open(active.row);
    }
    if (event.code === "Escape") props.onDropSelection();
  };

  const withCtrl = (event: KeyboardEvent) => {
    const contact = active.row >= 0 ? listing.row(active.row) : undefined;
    if (event.code === "KeyA") {
      event.preventDefault();
      props.onToggleAll();
    } else if (event.code === "KeyZ") {
      event.preventDefault();
      props.onUndo();
    } else if (event.code === "KeyC" && contact && active.column > 0) {
      event.preventDefault();
      props.onCopy(contact, active.column === 1 ? undefined : columns[active.column - FIXED]);
    }
  };

  return { onClick, onKeyDown };
}

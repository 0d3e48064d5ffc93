/** The heads of the columns: a press sorts up, down, off; with Shift as a second key; edges are dragged or moved by Shift and arrows. */

import { ArrowDown, ArrowUp } from "lucide-react";
import type { PointerEvent } from "react";
import type { Sort } from "../api/types";
import { CHECK_WIDTH, type Column, NAME_WIDTH } from "../contacts/columns";
import type { Texts } from "../text/ko";
import { CheckBox } from "../ui/parts";
import { FIXED } from "./row";

interface Props {
  columns: readonly Column[];
  first: number;
  end: number;
  before: number;
  after: number;
  sort: readonly Sort[];
  all: "on" | "off" | "some";
  active: number | undefined;
  texts: Texts;
  onWidth(key: string, width: number): void;
}

export function Head({ columns, first, end, before, after, sort, all, active, texts, onWidth }: Props) {
  const focus = (place: number) => (active === place ? { tabIndex: -1, "data-active": true } : {});
  return (
    <div className="head" role="row" aria-rowindex={1} data-row={-1}>
      <div
        className="cell cell-check"
        role="columnheader"
        aria-colindex={1}
        data-cell={0}
        data-check
        {...focus(0)}
        style={{ width: CHECK_WIDTH }}
      >
        <CheckBox state={all} />
        <span className="unseen">{texts.list.selectLoaded}</span>
      </div>
      <Heading
        name={texts.list.name}
        place={1}
        width={NAME_WIDTH}
        sorted={sortOf(sort, "name")}
        focus={focus(1)}
        className="cell cell-name"
      />
      <div style={{ width: before, flex: "none" }} role="presentation" />
      {columns.slice(first, end).map((column, at) => (
        <Heading
          key={column.key}
          name={column.name}
          place={first + at + FIXED}
          width={column.width}
          kind={column.kind}
          sorted={column.sortable ? sortOf(sort, column.key) : undefined}
          focus={focus(first + at + FIXED)}
          className="cell"
          onWidth={(width) => onWidth(column.key, width)}
        />
      ))}
      <div style={{ width: after, flex: "none" }} role="presentation" />
    </div>
  );
}

type Sorted = "ascending" | "descending" | "none";

const sortOf = (sort: readonly Sort[], key: string): Sorted => {
  const found = sort.find((each) => each.key === key);
  return found ? (found.order === "desc" ? "descending" : "ascending") : "none";
};

interface HeadingProps {
  name: string;
  place: number;
  width: number;
  kind?: string;
  sorted: Sorted | undefined;
  focus: object;
  className: string;
  onWidth?: (width: number) => void;
}

const NARROWEST = 64;
const WIDEST = 800;

function Heading({ name, place, width, kind, sorted, focus, className, onWidth }: HeadingProps) {
  const drag = (event: PointerEvent<HTMLSpanElement>) => {
    event.preventDefault();
    event.stopPropagation();
    const grip = event.currentTarget;
    const start = event.clientX;
    grip.setPointerCapture(event.pointerId);
    const move = (moved: globalThis.PointerEvent) =>
      onWidth?.(Math.round(Math.min(WIDEST, Math.max(NARROWEST, width + moved.clientX - start))));
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", () => grip.removeEventListener("pointermove", move), { once: true });
  };
  return (
    <div
      className={className}
      role="columnheader"
      aria-colindex={place + 1}
      aria-sort={sorted}
      data-cell={place}
      data-kind={kind}
      style={{ width }}
      {...focus}
    >
      <span className="cut">{name}</span>
      {sorted === "ascending" && <ArrowUp size={14} aria-hidden="true" />}
      {sorted === "descending" && <ArrowDown size={14} aria-hidden="true" />}
      {onWidth && <span className="grip" onPointerDown={drag} onClick={(event) => event.stopPropagation()} aria-hidden="true" />}
    </div>
  );
}

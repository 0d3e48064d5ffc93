/** The value of a condition, entered as its operator takes it. */

import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { type KeyboardEvent, useId, useRef, useState } from "react";
import { api, unwrap } from "../api/client";
import { segmentsQuery } from "../api/queries";
import { fromLocal, readNumber, toLocal } from "../text/format";
import { useText } from "../text/language";
import type { Names } from "./names";
import type { Editor } from "./operators";
import type { ConditionNode } from "./tree";
import { CALENDAR, type Size, type Span, type Value } from "./types";

interface Props {
  node: ConditionNode;
  editor: Editor;
  names: Names;
  onValues(values: Value[]): void;
}

export function ValueEditor({ node, editor, names, onValues }: Props) {
  const text = useText();
  const first = node.values[0];
  if (node.termSet !== undefined) return <span className="tag">{text.filter.termSet}</span>;
  switch (editor) {
    case "none":
      return null;
    case "texts":
      return <Texts node={node} onValues={onValues} />;
    case "number":
    case "numbers":
      return (
        <NumberBox value={first} label={text.filter.value} onValue={(value) => onValues(value === undefined ? [] : [value])} />
      );
    case "numberPair":
      return <NumberPair values={node.values} onValues={onValues} />;
    case "boolean":
      return (
        <select
          className="input small-input"
          aria-label={text.filter.value}
          value={String(first ?? true)}
          onChange={(event) => onValues([event.currentTarget.value === "true"])}
        >
          <option value="true">{node.key === "member" ? text.peek.member : text.cell.yes}</option>
          <option value="false">{node.key === "member" ? text.peek.lead : text.cell.no}</option>
        </select>
      );
    case "instant":
      return (
        <InstantBox
          value={first}
          zone={names.zone}
          label={text.filter.value}
          onValue={(value) => onValues(value ? [value] : [])}
        />
      );
    case "instantPair":
      return (
        <>
          <InstantBox
            value={first}
            zone={names.zone}
            label={text.filter.from}
            onValue={(value) => onValues([value ?? "", node.values[1] ?? ""])}
          />
          <InstantBox
            value={node.values[1]}
            zone={names.zone}
            label={text.filter.until}
            onValue={(value) => onValues([first ?? "", value ?? ""])}
          />
        </>
      );
    case "day":
      return (
        <input
          type="date"
          className="input small-input"
          aria-label={text.filter.value}
          value={typeof first === "string" ? first : ""}
          onChange={(event) => onValues(event.currentTarget.value ? [event.currentTarget.value] : [])}
        />
      );
    case "span":
    case "days":
      return <SpanBox value={first} fixed={editor === "days"} onValue={(span) => onValues([span])} />;
    case "calendar":
      return (
        <select
          className="input small-input"
          aria-label={text.filter.value}
          value={typeof first === "string" ? first : ""}
          onChange={(event) => onValues([event.currentTarget.value])}
        >
          {CALENDAR.map((word) => (
            <option key={word} value={word}>
              {text.filter.calendar[word]}
            </option>
          ))}
        </select>
      );
    case "size":
      return <SizeBox value={first} onValue={(size) => onValues([size])} />;
    case "segments":
      return <Segments values={node.values} onValues={onValues} />;
    default:
      return editor satisfies never;
  }
}

function NumberBox({
  value,
  label,
  onValue,
}: {
  value: Value | undefined;
  label: string;
  onValue(value: number | undefined): void;
}) {
  const text = useText();
  const [bad, setBad] = useState(false);
  return (
    <input
      className="input small-input number-box figures"
      inputMode="decimal"
      aria-label={label}
      aria-invalid={bad}
      title={bad ? text.cell.badNumber : undefined}
      defaultValue={typeof value === "number" ? String(value) : ""}
      onInput={(event) => {
        const typed = event.currentTarget.value;
        const read = readNumber(typed);
        setBad(typed.trim() !== "" && read === undefined);
        onValue(read);
      }}
    />
  );
}

function NumberPair({ values, onValues }: { values: readonly Value[]; onValues(values: Value[]): void }) {
  const text = useText();
  const blank = Number.NaN;
  const [low, high] = values;
  return (
    <>
      <NumberBox value={low} label={text.filter.from} onValue={(value) => onValues([value ?? blank, high ?? blank])} />
      <NumberBox value={high} label={text.filter.until} onValue={(value) => onValues([low ?? blank, value ?? blank])} />
    </>
  );
}

function InstantBox({
  value,
  zone,
  label,
  onValue,
}: {
  value: Value | undefined;
  zone: string;
  label: string;
  onValue(value: string | undefined): void;
}) {
  return (
    <input
      type="datetime-local"
      className="input small-input"
      aria-label={label}
      defaultValue={typeof value === "string" && value !== "" ? toLocal(value, zone) : ""}
      onChange={(event) => onValue(fromLocal(event.currentTarget.value, zone))}
    />
  );
}

const SPAN: Span = { n: 30, unit: "days" };

function SpanBox({ value, fixed, onValue }: { value: Value | undefined; fixed: boolean; onValue(span: Span): void }) {
  const text = useText();
  const span = typeof value === "object" && "unit" in value ? value : SPAN;
  return (
    <>
      <input
        className="input small-input span-box figures"
        inputMode="numeric"
        aria-label={text.filter.value}
        defaultValue={String(span.n)}
        onInput={(event) => {
          const n = readNumber(event.currentTarget.value);
          onValue({ ...span, n: n ?? Number.NaN });
        }}
      />
      <select
        className="input small-input"
        aria-label={text.filter.unit}
        value={span.unit}
        disabled={fixed}
        onChange={(event) => onValue({ ...span, unit: event.currentTarget.value as Span["unit"] })}
      >
        {(Object.keys(text.filter.units) as Span["unit"][]).map((unit) => (
          <option key={unit} value={unit}>
            {text.filter.units[unit]}
          </option>
        ))}
      </select>
    </>
  );
}

function SizeBox({ value, onValue }: { value: Value | undefined; onValue(size: Size): void }) {
  const text = useText();
  const size: Size = typeof value === "object" && "op" in value ? value : { op: "gte", n: 1 };
  return (
    <>
      <select
        className="input small-input"
        aria-label={text.filter.operator}
        value={size.op}
        onChange={(event) => onValue({ ...size, op: event.currentTarget.value as Size["op"] })}
      >
        {(Object.keys(text.filter.sizes) as Size["op"][]).map((op) => (
          <option key={op} value={op}>
            {text.filter.sizes[op]}
          </option>
        ))}
      </select>
      <NumberBox value={size.n} label={text.filter.value} onValue={(n) => onValue({ ...size, n: n ?? Number.NaN })} />
    </>
  );
}

function Segments({ values, onValues }: { values: readonly Value[]; onValues(values: Value[]): void }) {
  const text = useText();
  const segments = useQuery(segmentsQuery).data ?? [];
  return (
    <select
      className="input small-input"
      aria-label={text.filter.value}
      value={typeof values[0] === "string" ? values[0] : ""}
      onChange={(event) => onValues(event.currentTarget.value ? [event.currentTarget.value] : [])}
    >
      <option value="">—</option>
      {segments.map((segment) => (
        <option key={segment.id} value={segment.id}>
          {segment.name} {text.number(segment.count)}
        </option>
      ))}
    </select>
  );
}

const COUNTED: ReadonlySet<string> = new Set([
  "eq",
  "ne",
  "in",
  "notIn",
  "hasAny",
  "hasAll",
  "hasNone",
  "isExactly",
  "hasPrefix",
]);

/** Values as tokens; the channel's own values with their counts are offered. */
function Texts({ node, onValues }: { node: ConditionNode; onValues(values: Value[]): void }) {
  const text = useText();
  const id = useId();
  const box = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const offered = useQuery({
    queryKey: ["values", node.key, typed],
    enabled: open && COUNTED.has(node.operator),
    retry: false,
    queryFn: ({ signal }) =>
      unwrap(api.POST("/v1/search/values", { body: { key: node.key, limit: 8, ...(typed ? { prefix: typed } : {}) }, signal })),
  });
  const items = (offered.data?.items ?? []).filter((item) => !node.values.includes(String(item.value)));

  const addValue = (value: string) => {
    if (value.trim() !== "" && !node.values.includes(value.trim())) onValues([...node.values, value.trim()]);
    if (box.current) box.current.value = "";
    setTyped("");
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    const value = event.currentTarget.value;
    if (event.code === "Enter" && value !== "" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      addValue(value);
    } else if (event.code === "Backspace" && value === "") onValues(node.values.slice(0, -1));
    else if (event.code === "ArrowDown") document.getElementById(id)?.querySelector("button")?.focus();
  };

  return (
    <div
      className="texts"
      role="group"
      aria-label={text.filter.value}
      onFocus={() => setOpen(true)}
      onBlur={(event) => {
        if (event.currentTarget.contains(event.relatedTarget)) return;
        setOpen(false);
        if (box.current?.value) addValue(box.current.value);
      }}
    >
      {node.values.map((value) => (
        <span key={String(value)} className="tag" data-look="tint">
          {String(value)}
          <button
            type="button"
            className="tag-x"
            aria-label={text.filter.removeValue(String(value))}
            onClick={() => onValues(node.values.filter((each) => each !== value))}
          >
            <X size={12} aria-hidden="true" />
          </button>
        </span>
      ))}
      <input
        ref={box}
        className="texts-input"
        aria-label={text.filter.value}
        placeholder={node.values.length === 0 ? text.filter.value : ""}
        onInput={(event) => setTyped(event.currentTarget.value.trim())}
        onKeyDown={onKeyDown}
      />
      {open && items.length > 0 && (
        <div className="offers popover" id={id}>
          {items.map((item) => (
            <button key={String(item.value)} type="button" className="offer" onClick={() => addValue(String(item.value))}>
              <span className="cut">{String(item.value)}</span>
              <span className="sub figures">{text.number(item.count)}</span>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

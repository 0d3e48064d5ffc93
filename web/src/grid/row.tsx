/** One contact in the list. Cells are plain text: no hook, handler or context for each of them; the grid hears for all. */

import { AlertTriangle, Lock } from "lucide-react";
import { memo } from "react";
import type { Contact } from "../api/types";
import { CHECK_WIDTH, type Column, cellText, contactValue, NAME_WIDTH, type Shown } from "../contacts/columns";
import type { Edit } from "../contacts/edits";
import { toTyped } from "../contacts/values";
import { Avatar, Bone, CheckBox } from "../ui/parts";
import { Editor, type Leave } from "./editor";

export interface RowProps {
  contact: Contact | undefined;
  index: number;
  top: number;
  height: number;
  columns: readonly Column[];
  first: number;
  end: number;
  before: number;
  after: number;
  selected: boolean;
  peeked: boolean;
  /** The column that has the focus in this row. */
  active: number | undefined;
  edits: ReadonlyMap<string, Edit> | undefined;
  shown: Shown;
  narrow: boolean;
  onSave(contact: Contact, column: Column, typed: string, leave: Leave): void;
  onClear(contact: Contact, column: Column): void;
}

/** Columns 0 and 1 are the checkbox and the name. */
export const FIXED = 2;

export const Row = memo(function Row(props: RowProps) {
  const { contact, index, top, height, selected, peeked, narrow } = props;
  const style = { transform: `translateY(${top}px)`, height };
  if (!contact) return <Skeleton {...props} />;
  return (
    <div
      className="row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-row={index}
      data-peeked={peeked}
      style={style}
      tabIndex={-1}
    >
      {narrow ? <Card {...props} contact={contact} /> : <Cells {...props} contact={contact} />}
    </div>
  );
});

function Cells({
  contact,
  columns,
  first,
  end,
  before,
  after,
  active,
  edits,
  shown,
  onSave,
  onClear,
}: RowProps & { contact: Contact }) {
  const { texts } = shown;
  const name = contact.name ?? texts.list.noName;
  return (
    <>
      <div
        className="cell cell-check"
        role="gridcell"
        aria-colindex={1}
        data-cell={0}
        data-check
        {...focusOf(active === 0)}
        style={{ width: CHECK_WIDTH }}
      >
        <CheckBox state="off" />
        <span className="unseen">{texts.list.select(name)}</span>
      </div>
      <div
        className="cell cell-name"
        role="gridcell"
        aria-colindex={2}
        data-cell={1}
        {...focusOf(active === 1)}
        style={{ width: NAME_WIDTH }}
      >
        <Avatar name={contact.name} />
        <span className={contact.name === null ? "cut quiet" : "cut"}>{name}</span>
        {contact.blocked && (
          <span className="tag" data-look="danger">
            {texts.peek.blocked}
          </span>
        )}
      </div>
      <div style={{ width: before, flex: "none" }} role="presentation" />
      {columns.slice(first, end).map((column, at) => {
        const place = first + at + FIXED;
        const edit = edits?.get(column.key);
        const value = edit ? edit.value : contactValue(contact, column.key);
        const words = cellText(value, column, shown);
        const here = active === place;
        return (
          <div
            key={column.key}
            className="cell"
            role="gridcell"
            aria-colindex={place + 1}
            data-cell={place}
            data-kind={column.kind}
            data-edit={edit?.state}
            aria-readonly={!column.editable}
            style={{ width: column.width }}
            {...(here && !column.editable ? { tabIndex: -1, "data-active": true } : {})}
          >
            {here && column.editable ? (
              <Editor
                key={`${contact.id}:${words}`}
                label={`${name} · ${texts.cell.edit(column.name)}`}
                kind={column.kind}
                typed={toTyped(value, column.kind, shown.zone)}
                shown={words}
                invalid={edit?.state === "failed"}
                onSave={(typed, leave) => onSave(contact, column, typed, leave)}
                onClear={() => onClear(contact, column)}
              />
            ) : (
              <span className="cut">{words}</span>
            )}
            {edit && edit.state !== "saving" && <AlertTriangle size={14} className="cell-mark" aria-hidden="true" />}
            {!column.editable && <Lock size={12} className="cell-lock" aria-hidden="true" />}
          </div>
        );
      })}
      <div style={{ width: after, flex: "none" }} role="presentation" />
    </>
  );
}

const focusOf = (active: boolean) => (active ? { tabIndex: -1, "data-active": true } : {});

/** On a phone: two lines, one strong and one quiet. */
function Card({ contact, shown, active }: RowProps & { contact: Contact }) {
  const { texts } = shown;
  const number = contact.mobileNumber ?? contact.landlineNumber;
  const quiet = [
    number ? cellText(number, { key: "mobileNumber", kind: "phone" }, shown) : contact.email,
    contact.lastSeenAt ? cellText(contact.lastSeenAt, { key: "lastSeenAt", kind: "date" }, shown) : null,
  ].filter((part) => part);
  const name = contact.name ?? texts.list.noName;
  return (
    <>
      <div className="card" role="gridcell" data-cell={1} {...focusOf(active === 1)}>
        <Avatar name={contact.name} />
        <span className="card-lines">
          <b className="cut">{name}</b>
          <span className="cut quiet figures">{quiet.join(" · ")}</span>
        </span>
        {contact.blocked && (
          <span className="tag" data-look="danger">
            {texts.peek.blocked}
          </span>
        )}
      </div>
      <div className="cell-check" role="gridcell" data-cell={0} data-check {...focusOf(active === 0)}>
        <CheckBox state="off" />
        <span className="unseen">{texts.list.select(name)}</span>
      </div>
    </>
  );
}

function Skeleton({ index, top, height, columns, first, end, before, narrow }: RowProps) {
  return (
    <div
      className="row"
      role="row"
      aria-rowindex={index + 2}
      aria-busy="true"
      data-row={index}
      style={{ transform: `translateY(${top}px)`, height }}
    >
      <div className="cell cell-check" role="gridcell" style={{ width: CHECK_WIDTH }} />
      <div className="cell cell-name" role="gridcell" style={{ width: NAME_WIDTH }}>
        <span className="avatar" />
        <Bone width={64 + ((index * 37) % 56)} />
      </div>
      {!narrow && <div style={{ width: before, flex: "none" }} role="presentation" />}
      {!narrow &&
        columns.slice(first, end).map((column, at) => (
          <div key={column.key} className="cell" role="gridcell" data-kind={column.kind} style={{ width: column.width }}>
            <Bone width={`${36 + ((index * 29 + at * 17) % 40)}%`} />
          </div>
        ))}
    </div>
  );
}

/** The cell that has the focus and can be edited: a real input from the start, so that composition begins in it and no letter is lost. */

import { type KeyboardEvent, type RefObject, useLayoutEffect, useRef } from "react";
import type { FieldKind } from "../filter/types";
import { useText } from "../text/language";

export type Leave = "down" | "up" | "right" | "left" | "stay";

interface Props {
  label: string;
  kind: FieldKind;
  /** The value as one types it. */
  typed: string;
  /** What it looks like at rest. */
  shown: string;
  invalid: boolean;
  onSave(typed: string, leave: Leave): void;
  onClear(): void;
}

/** Some input methods tell no `isComposing` with their last key, but this code. */
const COMPOSING = 229;
const isComposing = (event: KeyboardEvent): boolean => event.nativeEvent.isComposing || event.keyCode === COMPOSING;

/** At rest the arrow keys move on and whatever is typed replaces; Enter, F2 or a second click let one edit what is there. */
export function Editor({ label, kind, typed, shown, invalid, onSave, onClear }: Props) {
  const text = useText();
  const box = useRef<HTMLInputElement>(null);
  const saved = useRef(false);
  const raw = useRef(false);

  /** From what is shown to what is typed; the browser's own undo and composition are not touched, for nothing is composed yet. */
  const open = () => {
    const input = box.current;
    if (!input || raw.current) return;
    raw.current = true;
    input.dataset.editing = "true";
    if (kind === "boolean") return;
    if (kind === "date") {
      input.readOnly = false;
      input.type = "datetime-local";
      input.value = typed;
      return;
    }
    input.value = typed;
    input.select();
  };

  useLayoutEffect(() => {
    const input = box.current;
    if (kind !== "boolean") input?.select();
  }, [kind]);

  const finish = (leave: Leave) => {
    const input = box.current;
    if (!input || saved.current) return;
    if (input.dataset.editing !== "true") return;
    delete input.dataset.editing;
    saved.current = leave !== "stay";
    onSave(input.value, leave);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const input = box.current;
    if (!input) return;
    if (isComposing(event)) return event.stopPropagation();
    const editing = input.dataset.editing === "true";
    if (!editing) {
      if (event.code === "F2" || event.code === "Enter" || event.code === "NumpadEnter") {
        event.preventDefault();
        event.stopPropagation();
        open();
      } else if (event.code === "Delete" || event.code === "Backspace") {
        event.preventDefault();
        event.stopPropagation();
        onClear();
      }
      return;
    }
    event.stopPropagation();
    const leave = leaveBy(event);
    if (leave) {
      event.preventDefault();
      finish(leave);
    } else if (event.code === "Escape") {
      event.preventDefault();
      restore();
    }
  };

  const restore = () => {
    const input = box.current;
    if (!input) return;
    delete input.dataset.editing;
    raw.current = false;
    if (kind === "boolean") input.value = typed;
    else {
      input.type = "text";
      input.value = shown;
      input.select();
    }
  };

  const common = {
    "aria-label": label,
    "aria-invalid": invalid,
    "data-active": true,
    className: "cell-input",
    onKeyDown,
    onBlur: () => finish("stay"),
  };

  if (kind === "boolean")
    return (
      <select
        {...common}
        ref={box as unknown as RefObject<HTMLSelectElement | null>}
        defaultValue={typed}
        onChange={(event) => {
          event.currentTarget.dataset.editing = "true";
          finish("stay");
        }}
      >
        <option value="">{text.cell.none}</option>
        <option value="true">{text.cell.yes}</option>
        <option value="false">{text.cell.no}</option>
      </select>
    );
  return (
    <input
      {...common}
      ref={box}
      type="text"
      autoComplete="off"
      spellCheck={false}
      inputMode={kind === "number" ? "decimal" : "text"}
      data-kind={kind}
      defaultValue={shown}
      readOnly={kind === "date"}
      onBeforeInput={(event) => {
        const input = event.currentTarget;
        if (kind !== "date" && input.dataset.editing !== "true") input.dataset.editing = "true";
        raw.current = true;
      }}
      onInput={(event) => {
        event.currentTarget.dataset.editing = "true";
        raw.current = true;
      }}
      onCompositionStart={(event) => {
        event.currentTarget.dataset.editing = "true";
        raw.current = true;
      }}
      onPaste={() => {
        raw.current = true;
      }}
      onClick={open}
    />
  );
}

function leaveBy(event: KeyboardEvent): Leave | undefined {
  if (event.code === "Enter" || event.code === "NumpadEnter") return event.shiftKey ? "up" : "down";
  if (event.code === "Tab") return event.shiftKey ? "left" : "right";
  return undefined;
}

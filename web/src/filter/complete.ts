/** Whether a condition can be asked for already, and the part of a tree that can. */

import type { Names } from "./names";
import { type Editor, editorOf } from "./operators";
import type { ConditionNode, Group, Node } from "./tree";
import type { Value } from "./types";

const isNumber = (value: Value | undefined): value is number => typeof value === "number" && Number.isFinite(value);
const isText = (value: Value | undefined): value is string => typeof value === "string" && value.trim() !== "";

const CHECKS: Record<Editor, (values: readonly Value[]) => boolean> = {
  none: () => true,
  texts: (values) => values.length > 0 && values.every(isText),
  number: (values) => values.length === 1 && isNumber(values[0]),
  numbers: (values) => values.length > 0 && values.every(isNumber),
  numberPair: ([low, high]) => isNumber(low) && isNumber(high) && low <= high,
  boolean: (values) => values.length === 1 && typeof values[0] === "boolean",
  instant: (values) => values.length === 1 && isText(values[0]),
  instantPair: ([from, to]) => isText(from) && isText(to) && Date.parse(from) < Date.parse(to),
  day: (values) => values.length === 1 && isText(values[0]),
  span: ([span]) => typeof span === "object" && "unit" in span && Number.isInteger(span.n) && span.n >= 1 && span.n <= 100_000,
  days: ([span]) => typeof span === "object" && "unit" in span && Number.isInteger(span.n) && span.n >= 0 && span.n <= 100_000,
  calendar: (values) => values.length === 1 && isText(values[0]),
  size: ([size]) => typeof size === "object" && "op" in size && Number.isInteger(size.n) && size.n >= 0,
  segments: (values) => values.length > 0 && values.every(isText),
};

export function isComplete(node: ConditionNode, names: Names): boolean {
  if (node.termSet !== undefined) return true;
  const editor = editorOf(names.kind(node.key), node.operator);
  return editor !== undefined && CHECKS[editor](node.values);
}

/** Without the conditions that are not finished and the groups that they leave empty; the root stays. */
export function completed(tree: Group, names: Names): Group {
  const keep = (node: Node): Node[] => {
    if (node.kind === "condition") return isComplete(node, names) ? [node] : [];
    const children = node.children.flatMap(keep);
    return children.length === 0 ? [] : [{ ...node, children }];
  };
  return { ...tree, children: tree.children.flatMap(keep) };
}

/** What an operator's editor begins with. */
export function startingValues(editor: Editor, before: readonly Value[]): Value[] {
  if (CHECKS[editor](before) && editor !== "none") return [...before];
  switch (editor) {
    case "boolean":
      return [true];
    case "span":
      return [{ n: 30, unit: "days" }];
    case "days":
      return [{ n: 0, unit: "days" }];
    case "calendar":
      return ["thisMonth"];
    case "size":
      return [{ op: "gte", n: 1 }];
    default:
      return [];
  }
}

/** Between the tree that one edits and the filter of the wire; whatever cannot be read is refused with its place. */

import { condition, emptyTree, type Group, group, type Node, ROOT } from "./tree";
import { type Condition, type Filter, OPERATORS, type Operator, type Value } from "./types";

export class Unreadable extends Error {
  constructor(readonly pointer: string) {
    super(`no filter at ${pointer || "/"}`);
  }
}

/** The filter that the tree stands for; undefined where it asks for nothing, which is everyone. */
export function toWire(tree: Group): Filter | undefined {
  return tree.children.length === 0 && !tree.negated && tree.join === "and" ? undefined : wireOf(tree);
}

function wireOf(node: Node): Filter {
  if (node.kind === "condition") return conditionOf(node);
  const only = node.children[0];
  if (node.negated && node.children.length === 1 && node.join === "and" && only?.kind === "condition")
    return { not: wireOf(only) };
  const children = node.children.map(wireOf);
  const joined: Filter = node.join === "and" ? { and: children } : { or: children };
  return node.negated ? { not: joined } : joined;
}

function conditionOf(node: Extract<Node, { kind: "condition" }>): Condition {
  return {
    key: node.key,
    operator: node.operator,
    ...(node.termSet !== undefined ? { termSet: node.termSet } : node.values.length > 0 ? { values: [...node.values] } : {}),
    ...(node.missing === undefined ? {} : { missing: node.missing }),
  };
}

/** The tree of a filter, its ids made by `id`. Raises Unreadable. */
export function fromWire(filter: unknown, id: () => string): Group {
  if (filter === undefined) return emptyTree();
  const read = readNode(filter, "", id, 1);
  return read.kind === "group" ? { ...read, id: ROOT } : group(ROOT, "and", [read]);
}

const DEEPEST = 64;

function readNode(value: unknown, pointer: string, id: () => string, level: number): Node {
  if (level > DEEPEST || typeof value !== "object" || value === null || Array.isArray(value)) throw new Unreadable(pointer);
  const members = Object.keys(value);
  const held = value as Record<string, unknown>;
  if ("key" in held) return readCondition(held, pointer, id());
  if (members.length !== 1) throw new Unreadable(pointer);
  if ("and" in held) return group(id(), "and", readAll(held.and, `${pointer}/and`, id, level));
  if ("or" in held) return group(id(), "or", readAll(held.or, `${pointer}/or`, id, level));
  if (!("not" in held)) throw new Unreadable(pointer);
  const within = readNode(held.not, `${pointer}/not`, id, level + 1);
  if (within.kind === "group" && !within.negated) return { ...within, negated: true };
  return group(id(), "and", [within], true);
}

function readAll(value: unknown, pointer: string, id: () => string, level: number): Node[] {
  if (!Array.isArray(value)) throw new Unreadable(pointer);
  return value.map((each, index) => readNode(each, `${pointer}/${index}`, id, level + 1));
}

const KNOWN: ReadonlySet<string> = new Set(OPERATORS);
const MEMBERS: ReadonlySet<string> = new Set(["key", "operator", "values", "termSet", "missing", "type"]);

function readCondition(held: Record<string, unknown>, pointer: string, id: string): Node {
  const key = typeof held.key === "string" ? held.key.replace(/^user\./, "") : undefined;
  const operator = typeof held.operator === "string" ? held.operator.replace(/^\$/, "") : "";
  if (!key) throw new Unreadable(`${pointer}/key`);
  if (!KNOWN.has(operator)) throw new Unreadable(`${pointer}/operator`);
  const stranger = Object.keys(held).find((member) => !MEMBERS.has(member));
  if (stranger !== undefined) throw new Unreadable(`${pointer}/${stranger}`);
  const content: Condition = { key, operator: operator as Operator };
  if (held.values !== undefined) content.values = readValues(held.values, `${pointer}/values`);
  if (held.termSet !== undefined) {
    if (typeof held.termSet !== "string") throw new Unreadable(`${pointer}/termSet`);
    content.termSet = held.termSet;
  }
  if (held.missing !== undefined) {
    if (held.missing !== "include" && held.missing !== "exclude") throw new Unreadable(`${pointer}/missing`);
    content.missing = held.missing;
  }
  return condition(id, content);
}

function readValues(value: unknown, pointer: string): Value[] {
  if (!Array.isArray(value)) throw new Unreadable(pointer);
  return value.map((each, index) => {
    const kind = typeof each;
    if (kind === "string" || kind === "boolean" || kind === "number") return each;
    if (isSpanOrSize(each)) return each;
    throw new Unreadable(`${pointer}/${index}`);
  });
}

function isSpanOrSize(value: unknown): value is Exclude<Value, string | number | boolean> {
  if (typeof value !== "object" || value === null) return false;
  const held = value as Record<string, unknown>;
  return typeof held.n === "number" && (typeof held.unit === "string" || typeof held.op === "string");
}

/** The node that a problem's pointer leads to: the deepest one on its way. `/filter/and/1/values/0` is a condition's. */
export function nodeAt(tree: Group, pointer: string): Node | undefined {
  const parts = pointer.split("/").filter((part) => part !== "");
  if (parts[0] === "filter") parts.shift();
  const whole = toWire(tree);
  let node: Node = tree;
  let filter: Filter | undefined = whole;
  while (node.kind === "group" && filter && !("key" in filter)) {
    if ("not" in filter && parts[0] === "not") {
      parts.shift();
      filter = filter.not;
      if ("key" in filter) return node.children[0] ?? node;
      continue;
    }
    const children: Filter[] | undefined = "and" in filter ? filter.and : "or" in filter ? filter.or : undefined;
    const index = Number(parts[1]);
    const child: Node | undefined = node.children[index];
    if (!children || (parts[0] !== "and" && parts[0] !== "or") || !child) return node;
    parts.splice(0, 2);
    node = child;
    filter = children[index];
  }
  return node;
}

/** The pointer of every node, as `search/count` tells it in its `nodes`; its inverse by id. */
export function pointersOf(tree: Group): Map<string, string> {
  const pointers = new Map<string, string>();
  const walk = (node: Node, filter: Filter, pointer: string): void => {
    pointers.set(pointer, node.id);
    if (node.kind === "condition") return;
    const inner = "not" in filter ? filter.not : filter;
    const base = "not" in filter ? `${pointer}/not` : pointer;
    if ("key" in inner) {
      const only = node.children[0];
      if (only) pointers.set(base, only.id);
      return;
    }
    const name = "and" in inner ? "and" : "or";
    const children = "and" in inner ? inner.and : "or" in inner ? inner.or : [];
    node.children.forEach((child, index) => {
      const at = children[index];
      if (at) walk(child, at, `${base}/${name}/${index}`);
    });
  };
  const whole = toWire(tree);
  if (whole) walk(tree, whole, "/filter");
  return pointers;
}

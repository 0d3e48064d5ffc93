/** The filter as one edits it: every node has an id, so that moving or removing one touches no other. */

import type { Condition, Operator, Value } from "./types";

export interface ConditionNode {
  kind: "condition";
  id: string;
  key: string;
  operator: Operator;
  values: readonly Value[];
  termSet?: string;
  missing?: "include" | "exclude";
}

export interface Group {
  kind: "group";
  id: string;
  join: "and" | "or";
  negated: boolean;
  children: readonly Node[];
}

export type Node = ConditionNode | Group;

export const ROOT = "root";

export function emptyTree(): Group {
  return group(ROOT, "and", []);
}

export function group(id: string, join: "and" | "or", children: readonly Node[], negated = false): Group {
  return { kind: "group", id, join, negated, children };
}

export function condition(id: string, content: Condition): ConditionNode {
  return {
    kind: "condition",
    id,
    key: content.key,
    operator: content.operator,
    values: content.values ?? [],
    ...(content.termSet === undefined ? {} : { termSet: content.termSet }),
    ...(content.missing === undefined ? {} : { missing: content.missing }),
  };
}

/** The node of this id, or undefined. */
export function find(tree: Node, id: string): Node | undefined {
  if (tree.id === id) return tree;
  if (tree.kind === "condition") return undefined;
  for (const child of tree.children) {
    const found = find(child, id);
    if (found) return found;
  }
  return undefined;
}

/** The group that holds a node, and the node's place in it; undefined for the root and for what is not there. */
export function parentOf(tree: Group, id: string): { parent: Group; index: number } | undefined {
  const index = tree.children.findIndex((child) => child.id === id);
  if (index >= 0) return { parent: tree, index };
  for (const child of tree.children) {
    const found = child.kind === "group" ? parentOf(child, id) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** The tree with one node changed; all others stay the very same objects where nothing below them changed. */
export function update<T extends Node>(tree: T, id: string, change: (node: Node) => Node): T {
  if (tree.id === id) return change(tree) as T;
  if (tree.kind === "condition") return tree;
  let same = true;
  const children = tree.children.map((child) => {
    const changed = update(child, id, change);
    same &&= changed === child;
    return changed;
  });
  return same ? tree : { ...tree, children };
}

/** Put a node into a group, at the end where no place is given. */
export function add(tree: Group, groupId: string, node: Node, index?: number): Group {
  return update(tree, groupId, (found) => {
    if (found.kind !== "group") return found;
    const at = index ?? found.children.length;
    return { ...found, children: [...found.children.slice(0, at), node, ...found.children.slice(at)] };
  });
}

/** Take a node out. A group that is left empty stays: it is removed on its own word. */
export function remove(tree: Group, id: string): Group {
  const place = parentOf(tree, id);
  if (!place) return tree;
  return update(tree, place.parent.id, (found) =>
    found.kind === "group" ? { ...found, children: found.children.filter((child) => child.id !== id) } : found,
  );
}

/** Change a condition in place. */
export function amend(tree: Group, id: string, change: Partial<Omit<ConditionNode, "id" | "kind">>): Group {
  return update(tree, id, (found) => (found.kind === "condition" ? withoutUndefined({ ...found, ...change }) : found));
}

function withoutUndefined(node: ConditionNode): ConditionNode {
  const { termSet, missing, ...rest } = node;
  return { ...rest, ...(termSet === undefined ? {} : { termSet }), ...(missing === undefined ? {} : { missing }) };
}

export function rejoin(tree: Group, id: string, join: "and" | "or", negated: boolean): Group {
  return update(tree, id, (found) => (found.kind === "group" ? { ...found, join, negated } : found));
}

/** Put a group of its own around a node. */
export function wrap(tree: Group, id: string, groupId: string, join: "and" | "or"): Group {
  return id === tree.id ? tree : update(tree, id, (found) => group(groupId, join, [found]));
}

/** One step up or down among its siblings; at the edge it stays. */
export function shift(tree: Group, id: string, step: 1 | -1): Group {
  const place = parentOf(tree, id);
  if (!place) return tree;
  const to = place.index + step;
  const node = place.parent.children[place.index];
  if (!node || to < 0 || to >= place.parent.children.length) return tree;
  return add(remove(tree, id), place.parent.id, node, to);
}

/** Out of its group, to the place after it; a child of the root stays. */
export function outdent(tree: Group, id: string): Group {
  const place = parentOf(tree, id);
  const above = place && parentOf(tree, place.parent.id);
  const node = place?.parent.children[place.index];
  if (!place || !above || !node) return tree;
  return add(remove(tree, id), above.parent.id, node, above.index + 1);
}

/** Into the group right before it, as its last; where there is none it stays. */
export function indent(tree: Group, id: string): Group {
  const place = parentOf(tree, id);
  const before = place && place.index > 0 ? place.parent.children[place.index - 1] : undefined;
  const node = place?.parent.children[place.index];
  if (!node || before?.kind !== "group") return tree;
  return add(remove(tree, id), before.id, node);
}

export function conditionsOf(tree: Node): ConditionNode[] {
  return tree.kind === "condition" ? [tree] : tree.children.flatMap(conditionsOf);
}

/** How deep it goes; a lone condition is 1. */
export function depth(tree: Node): number {
  return tree.kind === "condition" ? 1 : 1 + Math.max(0, ...tree.children.map(depth));
}

export const newId = (): string => crypto.randomUUID();

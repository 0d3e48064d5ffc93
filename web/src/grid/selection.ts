/** Who is selected: nobody, some, or everyone of a result but some. */

export type Selection =
  | { readonly kind: "some"; readonly ids: ReadonlySet<string> }
  | { readonly kind: "all"; readonly except: ReadonlySet<string> };

export const NOBODY: Selection = { kind: "some", ids: new Set() };
export const EVERYONE: Selection = { kind: "all", except: new Set() };

export function isSelected(selection: Selection, id: string): boolean {
  return selection.kind === "some" ? selection.ids.has(id) : !selection.except.has(id);
}

export function select(selection: Selection, ids: Iterable<string>): Selection {
  if (selection.kind === "some") return { kind: "some", ids: new Set([...selection.ids, ...ids]) };
  return { kind: "all", except: without(selection.except, ids) };
}

export function unselect(selection: Selection, ids: Iterable<string>): Selection {
  if (selection.kind === "some") return { kind: "some", ids: without(selection.ids, ids) };
  return { kind: "all", except: new Set([...selection.except, ...ids]) };
}

export function toggle(selection: Selection, id: string): Selection {
  return isSelected(selection, id) ? unselect(selection, [id]) : select(selection, [id]);
}

/** How many of a result with so many contacts. */
export function selectedCount(selection: Selection, total: number): number {
  return selection.kind === "some" ? selection.ids.size : Math.max(0, total - selection.except.size);
}

function without(set: ReadonlySet<string>, ids: Iterable<string>): ReadonlySet<string> {
  const rest = new Set(set);
  for (const id of ids) rest.delete(id);
  return rest;
}

/** Rows by pages: each page's cursor is kept, so that a page that was dropped can be asked for again. */

export const PAGE = 100;
export const MOST_PAGES = 60;
/** So many rows beyond those that were loaded can be scrolled to at once. */
export const REACH = 1_000;

export interface Page<T> {
  items: readonly T[];
  next: string | null;
}

export interface Pages<T> {
  /** The cursor of each page by its place; the first needs none. A page whose cursor is not known cannot be asked for yet. */
  readonly cursors: readonly (string | null)[];
  readonly loaded: ReadonlyMap<number, readonly T[]>;
  /** How many rows there are, once the last page was seen. */
  readonly end: number | undefined;
}

export function noPages<T>(): Pages<T> {
  return { cursors: [null], loaded: new Map(), end: undefined };
}

/** With one more page; those farthest from it are dropped beyond the most that are kept. */
export function received<T>(pages: Pages<T>, index: number, page: Page<T>): Pages<T> {
  const cursors = [...pages.cursors];
  if (page.next !== null && index + 1 === cursors.length) cursors.push(page.next);
  const loaded = new Map(pages.loaded).set(index, page.items);
  while (loaded.size > MOST_PAGES) {
    const farthest = [...loaded.keys()].reduce((a, b) => (Math.abs(b - index) > Math.abs(a - index) ? b : a));
    loaded.delete(farthest);
  }
  const end = page.next === null ? index * PAGE + page.items.length : pages.end;
  return { cursors, loaded, end };
}

/** The page to ask for next so that these rows are there; undefined where all are, or can't be. */
export function missingPage<T>(pages: Pages<T>, first: number, end: number): number | undefined {
  const last = Math.max(0, Math.ceil(Math.min(end, pages.end ?? end) / PAGE) - 1);
  for (let index = Math.floor(first / PAGE); index <= last; index += 1) {
    if (pages.loaded.has(index)) continue;
    if (index < pages.cursors.length) return index;
    const newest = pages.cursors.length - 1;
    return pages.loaded.has(newest) && pages.end !== undefined ? undefined : newest;
  }
  return undefined;
}

export function rowAt<T>(pages: Pages<T>, index: number): T | undefined {
  return pages.loaded.get(Math.floor(index / PAGE))?.[index % PAGE];
}

/** How many rows one can scroll over. */
export function reachOf<T>(pages: Pages<T>, total: number): number {
  if (pages.end !== undefined) return pages.end;
  return Math.min(total, pages.cursors.length * PAGE + REACH);
}

/** The number of rows that were loaded from the top on. */
export function loadedCount<T>(pages: Pages<T>): number {
  return pages.end ?? (pages.cursors.length - 1) * PAGE;
}

/** With some rows changed in place. */
export function changed<T>(pages: Pages<T>, change: (row: T) => T): Pages<T> {
  let same = true;
  const loaded = new Map<number, readonly T[]>();
  for (const [index, items] of pages.loaded) {
    let touched = false;
    const next = items.map((row) => {
      const after = change(row);
      touched ||= after !== row;
      return after;
    });
    same &&= !touched;
    loaded.set(index, touched ? next : items);
  }
  return same ? pages : { ...pages, loaded };
}

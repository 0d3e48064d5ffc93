/** Which rows and columns are in sight, also where all rows are taller than a browser can draw. */

/** Browsers stop drawing near 33 million pixels; beyond this a scroll bar stands for more than its own length. */
export const TALLEST = 8_000_000;

export interface Geometry {
  rows: number;
  rowHeight: number;
  viewHeight: number;
}

/** `dom` is the element's own scroll position; `dom + offset` is the place among all rows. */
export interface Scroll {
  dom: number;
  offset: number;
}

export const AT_TOP: Scroll = { dom: 0, offset: 0 };

const wholeHeight = (geometry: Geometry): number => geometry.rows * geometry.rowHeight;

/** How tall the scrolled element is made. */
export function drawnHeight(geometry: Geometry): number {
  return Math.min(TALLEST, wholeHeight(geometry));
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), Math.max(low, high));

/** The place among all rows, in pixels. */
export function topOf(scroll: Scroll, geometry: Geometry): number {
  return clamp(scroll.dom + scroll.offset, 0, wholeHeight(geometry) - geometry.viewHeight);
}

/** After the element scrolled to `dom`: a step goes pixel by pixel, a leap by the scroll bar goes in proportion. */
export function scrolled(before: Scroll, dom: number, geometry: Geometry): Scroll {
  const whole = wholeHeight(geometry);
  if (whole <= TALLEST) return { dom, offset: 0 };
  const step = Math.abs(dom - before.dom) <= geometry.viewHeight * 4;
  return { dom, offset: step ? before.offset : proportional(dom, geometry) - dom };
}

function proportional(dom: number, geometry: Geometry): number {
  const reach = drawnHeight(geometry) - geometry.viewHeight;
  return reach <= 0 ? 0 : (clamp(dom, 0, reach) / reach) * (wholeHeight(geometry) - geometry.viewHeight);
}

/** The scroll that stands for a place among all rows; set the element's position to its `dom`. */
export function scrollFor(top: number, geometry: Geometry): Scroll {
  const whole = wholeHeight(geometry) - geometry.viewHeight;
  const at = clamp(top, 0, whole);
  if (wholeHeight(geometry) <= TALLEST) return { dom: at, offset: 0 };
  const dom = whole <= 0 ? 0 : Math.round((at / whole) * (drawnHeight(geometry) - geometry.viewHeight));
  return { dom, offset: at - dom };
}

export interface Range {
  first: number;
  /** One past the last. */
  end: number;
}

export function rowsInSight(scroll: Scroll, geometry: Geometry, spare: number): Range {
  const top = topOf(scroll, geometry);
  const first = Math.floor(top / geometry.rowHeight);
  const end = Math.ceil((top + geometry.viewHeight) / geometry.rowHeight);
  return { first: clamp(first - spare, 0, geometry.rows), end: clamp(end + spare, 0, geometry.rows) };
}

/** Where a row stands within the drawn element. */
export function rowTop(row: number, scroll: Scroll, geometry: Geometry): number {
  return row * geometry.rowHeight - scroll.offset;
}

/** The place to scroll to so that a row is wholly in sight, as little as that takes. */
export function revealing(row: number, scroll: Scroll, geometry: Geometry): number {
  const top = topOf(scroll, geometry);
  const rowAt = row * geometry.rowHeight;
  if (rowAt < top) return rowAt;
  const bottom = rowAt + geometry.rowHeight;
  return bottom > top + geometry.viewHeight ? bottom - geometry.viewHeight : top;
}

/** The columns in sight, and the room of those before and after them. */
export function columnsInSight(
  widths: readonly number[],
  left: number,
  width: number,
  spare: number,
): Range & { before: number; after: number } {
  let first = 0;
  let before = 0;
  while (first < widths.length && before + (widths[first] ?? 0) < left - spare) before += widths[first++] ?? 0;
  let end = first;
  let x = before;
  while (end < widths.length && x < left + width + spare) x += widths[end++] ?? 0;
  const after = widths.slice(end).reduce((sum, each) => sum + each, 0);
  return { first, end, before, after };
}

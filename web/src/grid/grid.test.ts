import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { moved } from "./keys";
import { changed, loadedCount, MOST_PAGES, missingPage, noPages, PAGE, type Pages, reachOf, received, rowAt } from "./pages";
import { EVERYONE, isSelected, NOBODY, type Selection, select, selectedCount, toggle, unselect } from "./selection";
import {
  AT_TOP,
  columnsInSight,
  drawnHeight,
  type Geometry,
  revealing,
  rowsInSight,
  rowTop,
  scrolled,
  scrollFor,
  TALLEST,
  topOf,
} from "./window";

const geometries = fc.record({
  rows: fc.integer({ min: 1, max: 5_000_000 }),
  rowHeight: fc.constantFrom(32, 40, 48, 64),
  viewHeight: fc.integer({ min: 200, max: 2_000 }),
});

describe("the window over rows", () => {
  it("is never taller than a browser draws", () => {
    fc.assert(fc.property(geometries, (geometry) => drawnHeight(geometry) <= TALLEST));
  });

  it("reaches every row: a leap to its place shows it", () => {
    fc.assert(
      fc.property(geometries, fc.double({ min: 0, max: 1, noNaN: true }), (geometry, share) => {
        const row = Math.floor(share * (geometry.rows - 1));
        const scroll = scrollFor(revealing(row, AT_TOP, geometry), geometry);
        const { first, end } = rowsInSight(scroll, geometry, 0);
        expect(row).toBeGreaterThanOrEqual(first);
        expect(row).toBeLessThan(end);
      }),
    );
  });

  it("shows the first rows at the top of the scroll bar and the last at its end", () => {
    fc.assert(
      fc.property(geometries, (geometry: Geometry) => {
        const bottom = Math.max(0, drawnHeight(geometry) - geometry.viewHeight);
        const middle = scrolled(AT_TOP, bottom / 2, geometry);
        expect(rowsInSight(scrolled(middle, 0, geometry), geometry, 0).first).toBe(0);
        expect(rowsInSight(scrolled(AT_TOP, bottom, geometry), geometry, 0).end).toBe(geometry.rows);
      }),
    );
  });

  it("moves pixel by pixel where one scrolls by the wheel", () => {
    fc.assert(
      fc.property(
        geometries,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: -300, max: 300 }),
        (geometry, share, step) => {
          const before = scrollFor(share * geometry.rows * geometry.rowHeight, geometry);
          const dom = Math.max(0, Math.min(drawnHeight(geometry) - geometry.viewHeight, before.dom + step));
          const after = scrolled(before, dom, geometry);
          if (topOf(after, geometry) === 0 || topOf(before, geometry) === 0) return;
          expect(Math.abs(topOf(after, geometry) - topOf(before, geometry))).toBeLessThanOrEqual(Math.abs(dom - before.dom) + 1);
        },
      ),
    );
  });

  it("draws a row where it stands", () => {
    const geometry = { rows: 1_000_000, rowHeight: 40, viewHeight: 800 };
    const scroll = scrollFor(20_000_000, geometry);
    expect(rowTop(500_000, scroll, geometry)).toBeCloseTo(scroll.dom, 6);
  });

  it("draws the columns in sight, and room for the others", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 64, max: 400 }), { maxLength: 200 }),
        fc.integer({ min: 0, max: 30_000 }),
        (widths, left) => {
          const { first, end, before, after } = columnsInSight(widths, left, 900, 0);
          const sum = (part: number[]) => part.reduce((a, b) => a + b, 0);
          expect(before + sum(widths.slice(first, end)) + after).toBe(sum(widths));
          expect(end - first).toBeLessThanOrEqual(900 / 64 + 2);
        },
      ),
    );
  });
});

describe("pages", () => {
  const page = (index: number, last = false) => ({
    items: Array.from({ length: last ? 7 : PAGE }, (_, at) => index * PAGE + at),
    next: last ? null : `after ${index}`,
  });
  const upTo = (count: number) =>
    Array.from({ length: count }).reduce<Pages<number>>((pages, _, at) => received(pages, at, page(at)), noPages());

  it("are asked for one after the other, by the cursor of each", () => {
    const two = upTo(2);
    expect(two.cursors).toEqual([null, "after 0", "after 1"]);
    expect(missingPage(two, 0, 150)).toBeUndefined();
    expect(missingPage(two, 190, 260)).toBe(2);
    expect(missingPage(two, 900, 950)).toBe(2);
  });

  it("are dropped beyond the most, the farthest first, and asked for again", () => {
    const many = upTo(MOST_PAGES + 5);
    expect(many.loaded.size).toBe(MOST_PAGES);
    expect(rowAt(many, 3)).toBeUndefined();
    expect(missingPage(many, 0, 40)).toBe(0);
    const back = received(many, 0, page(0));
    expect(rowAt(back, 3)).toBe(3);
    expect(back.loaded.has(MOST_PAGES + 4)).toBe(false);
    expect(back.cursors).toEqual(many.cursors);
  });

  it("know their end once the last was seen", () => {
    const ended = received(upTo(2), 2, page(2, true));
    expect(ended.end).toBe(207);
    expect(reachOf(ended, 999)).toBe(207);
    expect(loadedCount(ended)).toBe(207);
    expect(missingPage(ended, 200, 500)).toBeUndefined();
    expect(reachOf(upTo(1), 23_570)).toBe(1_200);
  });

  it("stay the same object where no row is changed", () => {
    const two = upTo(2);
    expect(changed(two, (row) => row)).toBe(two);
    expect(
      rowAt(
        changed(two, (row) => (row === 5 ? -5 : row)),
        5,
      ),
    ).toBe(-5);
  });
});

describe("a selection", () => {
  const ids = fc.constantFrom(..."abcdefgh");
  const selections: fc.Arbitrary<Selection> = fc.oneof(
    fc.array(ids).map((some) => select(NOBODY, some)),
    fc.array(ids).map((some) => unselect(EVERYONE, some)),
  );

  it("has whom one selects, and nobody else more or less", () => {
    fc.assert(
      fc.property(selections, fc.array(ids), ids, (before, some, other) => {
        expect(isSelected(select(before, some), other)).toBe(some.includes(other) || isSelected(before, other));
        expect(isSelected(unselect(before, some), other)).toBe(!some.includes(other) && isSelected(before, other));
        expect(isSelected(toggle(before, other), other)).toBe(!isSelected(before, other));
      }),
    );
  });

  it("counts everyone but those left out", () => {
    expect(selectedCount(unselect(EVERYONE, ["a", "b"]), 1_421)).toBe(1_419);
    expect(selectedCount(select(NOBODY, ["a", "b", "a"]), 1_421)).toBe(2);
  });
});

describe("keys", () => {
  const shape = { rows: 100, columns: 10, pageRows: 15 };
  it.each([
    ["ArrowDown", false, { row: 6, column: 3 }],
    ["ArrowUp", false, { row: 4, column: 3 }],
    ["Home", false, { row: 5, column: 0 }],
    ["End", false, { row: 5, column: 9 }],
    ["Home", true, { row: 0, column: 0 }],
    ["End", true, { row: 99, column: 9 }],
    ["PageDown", false, { row: 20, column: 3 }],
    ["PageUp", false, { row: -1, column: 3 }],
  ])("%s moves (with ctrl: %s)", (code, ctrl, to) => {
    expect(moved({ row: 5, column: 3 }, code, ctrl, shape)).toEqual(to);
  });
  it("leave the place where they move nothing", () => {
    expect(moved({ row: 5, column: 3 }, "KeyA", false, shape)).toBeUndefined();
    expect(moved({ row: 99, column: 9 }, "ArrowRight", false, shape)).toEqual({ row: 99, column: 9 });
  });
});

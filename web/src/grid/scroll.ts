/** How far the list is scrolled, and how large the part in sight is. */

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { AT_TOP, type Geometry, revealing, type Scroll, scrolled, scrollFor } from "./window";

interface Scrolling {
  box: RefObject<HTMLDivElement | null>;
  size: { width: number; height: number };
  scroll: Scroll;
  left: number;
  scrollToRow(row: number): void;
  /** So that the column is in sight beside those that stay. */
  scrollToColumn(widths: readonly number[], column: number, fixed: number): void;
}

const AT_FIRST = { width: 1200, height: 800 };

/** `list` is what is scrolled: another one begins at its top. */
export function useScroll(rows: number, rowHeight: number, head: number, list: unknown): Scrolling {
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState(AT_FIRST);
  const [scroll, setScroll] = useState<Scroll>(AT_TOP);
  const [left, setLeft] = useState(0);
  const latest = useRef<{ scroll: Scroll; geometry: Geometry }>({ scroll: AT_TOP, geometry: { rows, rowHeight, viewHeight: 0 } });
  latest.current = { scroll, geometry: { rows, rowHeight, viewHeight: size.height } };

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setSize({ width: element.clientWidth, height: Math.max(0, element.clientHeight - head) });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [head]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const onScroll = () => {
      setScroll((before) => scrolled(before, element.scrollTop, latest.current.geometry));
      setLeft(element.scrollLeft);
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => element.removeEventListener("scroll", onScroll);
  }, []);

  const first = useRef(list);
  useLayoutEffect(() => {
    if (first.current === list) return;
    first.current = list;
    setScroll(AT_TOP);
    box.current?.scrollTo({ top: 0 });
  }, [list]);

  const scrollToRow = useCallback((row: number) => {
    const { scroll: at, geometry } = latest.current;
    const top = revealing(row, at, geometry);
    const to = scrollFor(top, geometry);
    const next = Math.abs(to.dom - at.dom) < geometry.viewHeight * 4 ? { dom: top - at.offset, offset: at.offset } : to;
    setScroll(next);
    if (box.current) box.current.scrollTop = next.dom;
  }, []);

  const scrollToColumn = useCallback((widths: readonly number[], column: number, fixed: number) => {
    const element = box.current;
    if (!element) return;
    const start = widths.slice(0, column).reduce((sum, each) => sum + each, 0);
    const end = start + (widths[column] ?? 0);
    const room = element.clientWidth - fixed;
    if (start < element.scrollLeft) element.scrollLeft = start;
    else if (end > element.scrollLeft + room) element.scrollLeft = end - room;
  }, []);

  return { box, size, scroll, left, scrollToRow, scrollToColumn };
}

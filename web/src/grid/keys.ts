/** Where a key moves the cell that has the focus, as the pattern for data grids has it. */

export interface Place {
  row: number;
  column: number;
}

export interface Shape {
  rows: number;
  columns: number;
  pageRows: number;
}

const STEPS: Record<string, (at: Place, shape: Shape) => Partial<Place>> = {
  ArrowUp: (at) => ({ row: at.row - 1 }),
  ArrowDown: (at) => ({ row: at.row + 1 }),
  ArrowLeft: (at) => ({ column: at.column - 1 }),
  ArrowRight: (at) => ({ column: at.column + 1 }),
  PageUp: (at, shape) => ({ row: at.row - shape.pageRows }),
  PageDown: (at, shape) => ({ row: at.row + shape.pageRows }),
  Home: () => ({ column: 0 }),
  End: (_, shape) => ({ column: shape.columns - 1 }),
};

/** The place after the key, or undefined where the key moves nothing. `row` -1 is the head. */
export function moved(at: Place, code: string, ctrl: boolean, shape: Shape): Place | undefined {
  if (ctrl && code === "Home") return { row: 0, column: 0 };
  if (ctrl && code === "End") return { row: Math.max(0, shape.rows - 1), column: shape.columns - 1 };
  const step = STEPS[code];
  if (!step || ctrl) return undefined;
  const to = { ...at, ...step(at, shape) };
  return {
    row: Math.min(Math.max(to.row, -1), Math.max(0, shape.rows - 1)),
    column: Math.min(Math.max(to.column, 0), shape.columns - 1),
  };
}

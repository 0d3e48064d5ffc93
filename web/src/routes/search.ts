/** What stands in the address, read with care: what is not understood is left out and named where it matters. */

export interface ListSearch {
  segment?: string;
  /** The filter, `1.` and base64url; whatever it is, the page judges it. */
  f?: string;
  q?: string;
  sort?: string;
  peek?: string;
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

export function validateList(search: Record<string, unknown>): ListSearch {
  const found: ListSearch = {};
  for (const key of ["segment", "f", "q", "sort", "peek"] as const) {
    const value = text(search[key]);
    if (value !== undefined) found[key] = value;
  }
  return found;
}

/** `-lastSeenAt,name` as the API takes it. */
export function readSort(sort: string | undefined): { key: string; order: "asc" | "desc" }[] {
  return (sort ?? "")
    .split(",")
    .filter((part) => part !== "" && part !== "-")
    .slice(0, 10)
    .map((part) => (part.startsWith("-") ? { key: part.slice(1), order: "desc" } : { key: part, order: "asc" }));
}

export function writeSort(sort: readonly { key: string; order?: "asc" | "desc" }[]): string | undefined {
  return sort.length === 0 ? undefined : sort.map((each) => (each.order === "desc" ? `-${each.key}` : each.key)).join(",");
}

/** Search parameters are plain texts: a number is no other thing than its digits. */
export function parseSearch(search: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(search));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(search))
    if (value !== undefined && value !== null) parameters.set(key, String(value));
  const written = parameters.toString();
  return written === "" ? "" : `?${written}`;
}

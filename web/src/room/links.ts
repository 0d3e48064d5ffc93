/** Where a message's link leads within the console; nothing for a link to another host. */

export type Target = { kind: "export"; id: string } | { kind: "segment"; id: string } | { kind: "other"; path: string };

const ID = "[0-9a-f-]{36}";

export function targetOf(link: string | null, origin: string): Target | undefined {
  if (link === null) return undefined;
  let url: URL;
  try {
    url = new URL(link, origin);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
  const exported = new RegExp(`^/exports/(${ID})$`).exec(url.pathname);
  if (exported?.[1]) return { kind: "export", id: exported[1] };
  const segment = new RegExp(`^/(?:v1/)?segments/(${ID})$`).exec(url.pathname);
  if (segment?.[1]) return { kind: "segment", id: segment[1] };
  return url.origin === origin ? { kind: "other", path: url.pathname + url.search } : undefined;
}

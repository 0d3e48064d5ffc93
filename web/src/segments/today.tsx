/** Thirty days of a segment as one line, and who entered and left today. */

import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "../api/client";
import type { Segment, SegmentCount } from "../api/types";
import { useText } from "../text/language";

const DAYS = 30;
const DAY = 86_400_000;

export function Today({ segment }: { segment: Segment }) {
  const text = useText();
  const counts = useQuery({
    queryKey: ["counts", segment.id, segment.definitionVersion],
    staleTime: 60_000,
    retry: false,
    enabled: segment.status === "live",
    queryFn: async ({ signal }) => {
      const to = new Date();
      const from = new Date(to.getTime() - DAYS * DAY);
      const query = { from: from.toISOString(), to: to.toISOString(), step: "day" as const };
      return (
        await unwrap(api.GET("/v1/segments/{segment_id}/counts", { params: { path: { segment_id: segment.id }, query }, signal }))
      ).items;
    },
  });
  const items = counts.data ?? [];
  const today = items.at(-1);
  return (
    <span className="today figures">
      <Sparkline items={items} />
      <span className="today-moves">
        {today && today.entered > 0 && (
          <span className="entered">
            <span className="unseen">{text.segments.entered(today.entered)}</span>
            <span aria-hidden="true">+{text.number(today.entered)}</span>
          </span>
        )}
        {today && today.left > 0 && (
          <span className="quiet">
            <span className="unseen">{text.segments.left(today.left)}</span>
            <span aria-hidden="true">−{text.number(today.left)}</span>
          </span>
        )}
      </span>
    </span>
  );
}

const WIDE = 96;
const TALL = 24;

export function pathOf(sizes: readonly number[]): string {
  if (sizes.length < 2) return "";
  const low = Math.min(...sizes);
  const high = Math.max(...sizes);
  const room = high === low ? 1 : high - low;
  return sizes
    .map(
      (size, at) =>
        `${at === 0 ? "M" : "L"}${((at / (sizes.length - 1)) * WIDE).toFixed(1)} ${(TALL - 2 - ((size - low) / room) * (TALL - 4)).toFixed(1)}`,
    )
    .join("");
}

function Sparkline({ items }: { items: readonly SegmentCount[] }) {
  const text = useText();
  return (
    <svg className="spark" width={WIDE} height={TALL} viewBox={`0 0 ${WIDE} ${TALL}`} role="img" aria-label={text.segments.trend}>
      <path d={pathOf(items.map((item) => item.size))} />
    </svg>
  );
}

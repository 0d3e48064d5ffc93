/** Conditions that managers ask for every day; those whose field the channel has. */

import type { Fields } from "../contacts/fields";
import type { Condition } from "./types";

const EVERYDAY: readonly Condition[] = [
  { key: "member", operator: "eq", values: [true] },
  { key: "lastSeenAt", operator: "withinLast", values: [{ n: 30, unit: "days" }] },
  { key: "profile.lastCheckoutCompletedAt", operator: "withinLast", values: [{ n: 30, unit: "days" }] },
  { key: "profile.purchaseCount", operator: "gte", values: [3] },
  { key: "sessionsCount", operator: "gte", values: [5] },
  { key: "createdAt", operator: "calendar", values: ["thisWeek"] },
];

export function everyday(fields: Fields | undefined): readonly Condition[] {
  return EVERYDAY.filter((one) => fields?.byKey.get(one.key)?.archived === false);
}

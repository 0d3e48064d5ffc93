/** Refusals in English, by the API's `code` and the figures that stand beside it. */

import { formatNumber } from "./format";
import type { problemsKo, Told } from "./problems.ko";

const n = (value: unknown): string => (typeof value === "number" ? formatNumber(value, "en") : "");

export const problemsEn: typeof problemsKo = {
  codes: {
    unavailable: () => "The service is away for a moment. Try again soon.",
    unauthorized: () => "You are logged out. Log in again.",
    noSession: () => "You are logged out. Log in again.",
    forbidden: () => "You are not allowed to do this.",
    notFound: () => "There is no such thing. It was deleted, or the address is another.",
    erased: () => "This contact was erased.",
    archivedField: () => "This field is archived. Restore it, or take it out of the filter.",
    unknownField: () => "There is no such field.",
    staleValue: () => "This value has changed meanwhile.",
    staleVersion: () => "It has changed meanwhile. Look again.",
    notCaughtUp: () => "What you just changed is not here yet. Try again in a moment.",
    cursorExpired: () => "The list was too old and is loaded again.",
    weakPassword: () => "A password needs letters, digits and symbols, 6 characters or more.",
    fingerprintMismatch: () => "An hour has passed, or the filter means something else by now. Count again.",
    audienceChanged: (told: Told) => `There are ${n(told.total)} contacts by now. Look again.`,
    tooManyRows: (told: Told) => `${n(told.total)} contacts are too many for one file. Split them by a filter.`,
    exportWindow: () => "One file at a time: wait until the interval is over.",
    tooLarge: () => "This is too large. Send it in parts.",
    wrongType: () => "This value does not fit the field.",
    badCharacter: () => "The text holds a character that is not allowed. Remove it.",
    offline: () => "You are offline. Try again when you are connected.",
  },
  byStatus: (told: Told): string => {
    if (told.status >= 500) return "The service has a problem. Try again in a moment.";
    if (told.status === 429) return "Too many requests. Try again in a moment.";
    return told.detail;
  },
  requestId: "Request id",
};

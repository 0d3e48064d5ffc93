/** A refusal of the API as an error of ours, and its words. */

import type { Texts } from "../text/ko";
import type { Told } from "../text/problems.ko";

export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(
    readonly told: Told,
    /** Seconds until one may ask again, where the server said so. */
    readonly retryAfter: number | undefined = undefined,
    readonly requestId: string | undefined = undefined,
  ) {
    super(`${told.status} ${told.code}`);
    this.status = told.status;
    this.code = told.code;
  }

  get pointer(): string | undefined {
    return typeof this.told.pointer === "string" ? this.told.pointer : undefined;
  }
}

/** The network did not carry it: no answer came. */
export const OFFLINE: Told = { code: "offline", status: 0, detail: "" };

export function problemOf(response: Response, body: unknown): ApiProblem {
  const told: Record<string, unknown> = typeof body === "object" && body !== null ? { ...body } : {};
  const after = Number(response.headers.get("Retry-After"));
  return new ApiProblem(
    {
      ...told,
      status: response.status,
      code: typeof told.code === "string" ? told.code : response.status === 503 ? "unavailable" : "unknown",
      detail: typeof told.detail === "string" ? told.detail : "",
    },
    Number.isFinite(after) && after > 0 ? after : undefined,
    response.headers.get("Request-Id") ?? undefined,
  );
}

export function wordsOf(error: unknown, texts: Texts): string {
  if (!(error instanceof ApiProblem)) return texts.state.unforeseen;
  const words = texts.problems.codes[error.code];
  return words ? words(error.told) : texts.problems.byStatus(error.told);
}

export const isAway = (error: unknown): boolean => error instanceof ApiProblem && (error.status === 503 || error.status === 0);
export const isForbidden = (error: unknown): boolean => error instanceof ApiProblem && error.status === 403;

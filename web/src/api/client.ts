/** The one door to the API: the cookie goes by itself, positions are carried on, refusals become errors. */

import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./api.gen";
import { ApiProblem, OFFLINE, problemOf } from "./problems";

/** The newest position that an answer told: later requests see every write of ours by it. */
let position: string | undefined;
const sessionEnded = new EventTarget();

/** Tells whenever an answer says that nobody is logged in any more. */
export function onSessionEnded(listener: () => void): () => void {
  sessionEnded.addEventListener("ended", listener);
  return () => sessionEnded.removeEventListener("ended", listener);
}

/** Forget what was written: another person logs in. */
export function forgetPosition(): void {
  position = undefined;
}

export function headersOf(language: string): Record<string, string> {
  return {
    "Dangol-Console": "1",
    "Accept-Language": language,
    ...(position === undefined ? {} : { "Dangol-Position": position }),
  };
}

const carried: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(headersOf(document.documentElement.lang))) request.headers.set(name, value);
    return request;
  },
  onResponse({ response }) {
    observe(response);
    return undefined;
  },
};

export function observe(response: Response): void {
  position = response.headers.get("Dangol-Position") ?? position;
  if (response.status === 401) sessionEnded.dispatchEvent(new Event("ended"));
}

export const api = createClient<paths>({ baseUrl: "", credentials: "same-origin", fetch: (request) => fetch(request) });
api.use(carried);

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's body. Raises ApiProblem for a refusal and where no answer came. */
export async function unwrap<T>(asked: Promise<Answered<T>>): Promise<T> {
  let answered: Answered<T>;
  try {
    answered = await asked;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    if (error instanceof TypeError) throw new ApiProblem(OFFLINE);
    throw error;
  }
  if (answered.error !== undefined || !answered.response.ok) throw problemOf(answered.response, answered.error);
  return answered.data as T;
}

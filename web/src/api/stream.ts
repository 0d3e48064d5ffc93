/** Server-sent events by fetch: with our headers, an end by signal, and a way on from the last event after a break. */

import { createParser } from "eventsource-parser";
import { headersOf, observe } from "./client";

export interface StreamEvent {
  id: string | undefined;
  event: string | undefined;
  data: string;
}

const SHORTEST = 1_000;
const LONGEST = 30_000;

/** Listens until the signal ends it. A break is mended with growing pauses and jitter; a refusal that stays ends it. */
export async function listen(path: string, onEvent: (event: StreamEvent) => void, signal: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  let pause = SHORTEST;
  while (!signal.aborted) {
    try {
      const headers = { ...headersOf(document.documentElement.lang), Accept: "text/event-stream" };
      const response = await fetch(path, {
        headers: lastId === undefined ? headers : { ...headers, "Last-Event-ID": lastId },
        signal,
        credentials: "same-origin",
      });
      observe(response);
      if (response.status >= 400 && response.status < 500 && response.status !== 429) return;
      if (!response.ok || !response.body) throw new TypeError("no stream");
      await read(response.body, (event) => {
        lastId = event.id ?? lastId;
        pause = SHORTEST;
        onEvent(event);
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TypeError)) throw error;
    }
    await rest(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(LONGEST, pause * 2);
  }
}

async function read(body: ReadableStream<Uint8Array>, onEvent: (event: StreamEvent) => void): Promise<void> {
  const parser = createParser({ onEvent: (event) => onEvent({ id: event.id, event: event.event, data: event.data }) });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(decoder.decode(value, { stream: true }));
  }
}

function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

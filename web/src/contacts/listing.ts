/** One list as somebody asked for it: its pages come by need, it is of one instant, and it does not shift. */

import { api, unwrap } from "../api/client";
import { ApiProblem } from "../api/problems";
import type { Contact, FoundPage, Sort } from "../api/types";
import type { Filter } from "../filter/types";
import { changed, missingPage, noPages, PAGE, type Pages, reachOf, received, rowAt } from "../grid/pages";

export interface ListRequest {
  filter?: Filter | undefined;
  segment?: string | undefined;
  query?: string | undefined;
  sort: Sort[];
}

export interface ListState {
  pages: Pages<Contact>;
  total: number;
  fingerprint: string | undefined;
  /** When its first page came. */
  at: Date | undefined;
  loading: boolean;
  error: ApiProblem | undefined;
}

export type Ask = (request: ListRequest, cursor: string | null, signal: AbortSignal) => Promise<FoundPage>;

export const askServer: Ask = (request, cursor, signal) =>
  unwrap(api.POST("/v1/search", { body: { ...bodyOf(request), limit: PAGE, ...(cursor === null ? {} : { cursor }) }, signal }));

/** What a request is on the wire; what it does not ask for is left out. */
export function bodyOf(request: ListRequest): { filter?: Filter; segment?: string; query?: string; sort?: Sort[] } {
  return {
    ...(request.filter === undefined ? {} : { filter: request.filter }),
    ...(request.segment === undefined ? {} : { segment: request.segment }),
    ...(request.query === undefined ? {} : { query: request.query }),
    ...(request.sort.length === 0 ? {} : { sort: request.sort }),
  };
}

const EMPTY: ListState = { pages: noPages(), total: 0, fingerprint: undefined, at: undefined, loading: false, error: undefined };
/** Rows that are drawn as skeletons until the first page is there. */
const SKELETONS = 24;
const PAUSES = [500, 1_000, 2_000, 4_000, 8_000];

export class Listing {
  private state: ListState = EMPTY;
  private readonly listeners = new Set<() => void>();
  private abort = new AbortController();
  private need = { first: 0, end: 1 };
  private failures = 0;

  constructor(
    readonly request: ListRequest,
    private readonly ask: Ask = askServer,
  ) {}

  readonly snapshot = (): ListState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.abort.signal.aborted) this.abort = new AbortController();
    void this.load();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.abort.abort();
    };
  };

  /** These rows are looked at: what is missing of them is asked for. */
  readonly want = (first: number, end: number): void => {
    this.need = { first, end };
    void this.load();
  };

  /** Show contacts as they are by now, wherever they stand. */
  readonly put = (contacts: readonly Contact[]): void => {
    const byId = new Map(contacts.map((contact) => [contact.id, contact]));
    this.set({ pages: changed(this.state.pages, (row) => byId.get(row.id) ?? row) });
  };

  readonly retry = (): void => {
    this.set({ error: undefined });
    void this.load();
  };

  row(index: number): Contact | undefined {
    return rowAt(this.state.pages, index);
  }

  get reach(): number {
    return this.state.at === undefined ? SKELETONS : reachOf(this.state.pages, this.state.total);
  }

  private set(change: Partial<ListState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  private async load(): Promise<void> {
    if (this.state.loading || this.state.error || this.listeners.size === 0) return;
    const index = this.state.at === undefined ? 0 : missingPage(this.state.pages, this.need.first, this.need.end);
    if (index === undefined) return;
    const { signal } = this.abort;
    this.set({ loading: true });
    try {
      const page = await this.ask(this.request, this.state.pages.cursors[index] ?? null, signal);
      this.failures = 0;
      this.set({
        loading: false,
        pages: received(this.state.pages, index, page),
        ...(index === 0 ? { total: page.total, fingerprint: page.fingerprint, at: new Date() } : {}),
      });
    } catch (error) {
      this.set({ loading: false });
      if (signal.aborted) return void this.load();
      if (!(error instanceof ApiProblem)) throw error;
      this.failed(error, signal);
      return;
    }
    void this.load();
  }

  /** An expired cursor begins the list anew; a part that is away is asked again, all else is told. */
  private failed(error: ApiProblem, signal: AbortSignal): void {
    if (error.status === 410 && this.state.at !== undefined) {
      this.set({ pages: noPages(), at: undefined });
      void this.load();
      return;
    }
    this.set({ error });
    const pause = PAUSES[this.failures];
    if ((error.status !== 503 && error.status !== 0) || pause === undefined) return;
    this.failures += 1;
    setTimeout(
      () => {
        if (!signal.aborted) this.retry();
      },
      Math.max(pause, (error.retryAfter ?? 0) * 1000) * (0.8 + Math.random() * 0.4),
    );
  }
}

/** What a sentence about a filter needs to know of the channel. */

import type { FieldKind } from "./types";

export interface Names {
  zone: string;
  field(key: string): string;
  kind(key: string): FieldKind;
  segment(id: string): string;
}

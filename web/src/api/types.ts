/** Names for the shapes of the API that the console uses; the shapes themselves are generated. */

import type { components } from "./api.gen";

type Schemas = components["schemas"];

export type Contact = Schemas["ShownContact"];
export type Field = Schemas["ShownField"] & { displayName: Record<string, string> };
export type FoundPage = Schemas["FoundPage"];
export type Segment = Schemas["Segment"];
export type Export = Schemas["ExportShown"];
export type Allowance = Schemas["Allowance"];
export type RoomMessage = Schemas["RoomMessage"];
export type RoomMessages = Schemas["RoomMessages"];
export type HistoryItem = Schemas["HistoryItem"];
export type Membership = Schemas["Membership"];
export type Scope = Schemas["Scope"];
export type Sort = Schemas["Sort"];
export type SegmentCount = Schemas["Count"];

export interface Session {
  sub: string;
  name: string;
  email: string | null;
  channel: { id: string; name: string };
  channels: { id: string; name: string }[];
  permissions: string[];
  idleAt: string;
  endsAt: string;
}

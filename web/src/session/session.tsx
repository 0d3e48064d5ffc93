/** Who is here and what they may do; read from the session once, and told to every part. */

import { createContext, useContext } from "react";
import type { Session } from "../api/types";

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("nobody is logged in");
  return session;
}

export function allowed(session: Session, permission: string): boolean {
  return session.permissions.includes("*") || session.permissions.includes(permission);
}

export function useAllowed(permission: string): boolean {
  return allowed(useSession(), permission);
}

/** Only a path of ours is gone to after logging in. */
export function safeNext(next: unknown): string {
  return typeof next === "string" && /^\/(?![/\\])[\x20-\x7e]*$/.test(next) ? next : "/contacts";
}

/** The frame around every page: where one can go, what is going on, and who one is. */

import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { Download, MessageCircle, PieChart, Users } from "lucide-react";
import { type ComponentType, useEffect } from "react";
import { channelQuery, roomQuery, segmentsQuery } from "../api/queries";
import { ProgressPanel } from "../exports/panel";
import { ExportsProvider } from "../exports/running";
import { allowed, useAllowed, useSession } from "../session/session";
import { useText } from "../text/language";
import { Toasts } from "../ui/toast";
import { AccountMenu } from "./account";
import { OfflineBand } from "./offline";

interface Entry {
  to: "/contacts" | "/segments" | "/downloads" | "/room";
  icon: ComponentType<{ size?: number; strokeWidth?: number; "aria-hidden"?: "true" }>;
  name: string;
  short: string;
  permission: string | null;
  count?: number | undefined;
  marked?: string | undefined;
}

export function Shell() {
  const text = useText();
  useQuery(channelQuery);
  return (
    <Toasts>
      <ExportsProvider>
        <a className="skip" href="#main">
          {text.nav.skip}
        </a>
        <div className="shell">
          <aside className="side">
            <div className="side-head">
              <AccountMenu />
            </div>
            <Navigation />
            <Pinned />
            <div className="side-foot">
              <ProgressPanel />
            </div>
          </aside>
          <div className="content" id="main">
            <OfflineBand />
            <Outlet />
          </div>
        </div>
      </ExportsProvider>
    </Toasts>
  );
}

function useEntries(): Entry[] {
  const text = useText();
  const session = useSession();
  const room = useQuery(roomQuery);
  const unread = room.data?.unread ?? 0;
  const entries: Entry[] = [
    { to: "/contacts", icon: Users, name: text.nav.contacts, short: text.nav.contactsShort, permission: "contacts.read" },
    { to: "/segments", icon: PieChart, name: text.nav.segments, short: text.nav.segments, permission: null },
    { to: "/downloads", icon: Download, name: text.nav.downloads, short: text.nav.downloads, permission: null },
    {
      to: "/room",
      icon: MessageCircle,
      name: text.nav.room,
      short: text.nav.roomShort,
      permission: null,
      count: unread || undefined,
      marked: unread ? text.nav.unread(unread) : undefined,
    },
  ];
  return entries.filter((entry) => entry.permission === null || allowed(session, entry.permission));
}

function Navigation() {
  const text = useText();
  const entries = useEntries();
  return (
    <nav aria-label={text.nav.label} className="nav">
      {entries.map(({ to, icon: Icon, name, short, count, marked }) => (
        <Link key={to} to={to} className="nav-entry" activeOptions={{ includeSearch: false }}>
          <Icon size={20} strokeWidth={1.75} aria-hidden="true" />
          <span className="nav-long">{name}</span>
          <span className="nav-short" aria-hidden="true">
            {short}
          </span>
          {count !== undefined && (
            <span className="nav-count figures" data-look="unread">
              <span aria-hidden="true">{count}</span>
              <span className="unseen">{marked}</span>
            </span>
          )}
        </Link>
      ))}
    </nav>
  );
}

const PINNED = 7;

/** The segments with their live counts, at hand on every page. */
function Pinned() {
  const text = useText();
  const readable = useAllowed("contacts.read");
  const segments = useQuery({ ...segmentsQuery, enabled: readable });
  useTitleFor();
  if (!segments.data?.length) return null;
  return (
    <nav aria-label={text.nav.pinned} className="pinned">
      <h3>{text.nav.pinned}</h3>
      {segments.data.slice(0, PINNED).map((segment) => (
        <Link
          key={segment.id}
          to="/contacts"
          search={{ segment: segment.id }}
          className="nav-entry small"
          activeOptions={{ exact: false }}
        >
          <span className="dot" data-status={segment.status} aria-hidden="true" />
          <span className="cut">{segment.name}</span>
          <span className="nav-count figures">{segment.status === "building" ? "…" : text.number(segment.count)}</span>
        </Link>
      ))}
    </nav>
  );
}

function useTitleFor(): void {
  const text = useText();
  useEffect(() => {
    document.title = text.product;
  }, [text]);
}

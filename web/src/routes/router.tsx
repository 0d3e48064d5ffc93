/** The addresses of the console; every page is loaded when it is gone to. */

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";
import { Gate } from "../app/gate";
import { NotFound, PageFell } from "../app/states";
import { parseSearch, stringifySearch, validateList } from "./search";

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: PageFell });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search: Record<string, unknown>): { next?: string } =>
    typeof search.next === "string" ? { next: search.next } : {},
  component: lazyRouteComponent(() => import("./login"), "LoginPage"),
});

const inside = createRoute({ getParentRoute: () => root, id: "inside", component: Gate, errorComponent: PageFell });

const home = createRoute({
  getParentRoute: () => inside,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/contacts" });
  },
});

const contacts = createRoute({
  getParentRoute: () => inside,
  path: "/contacts",
  validateSearch: validateList,
  component: lazyRouteComponent(() => import("../contacts/page"), "ContactsPage"),
});

const segments = createRoute({
  getParentRoute: () => inside,
  path: "/segments",
  component: lazyRouteComponent(() => import("../segments/page"), "SegmentsPage"),
});

const downloads = createRoute({
  getParentRoute: () => inside,
  path: "/downloads",
  component: lazyRouteComponent(() => import("../exports/page"), "DownloadsPage"),
});

const room = createRoute({
  getParentRoute: () => inside,
  path: "/room",
  component: lazyRouteComponent(() => import("../room/page"), "RoomPage"),
});

const tree = root.addChildren([login, inside.addChildren([home, contacts, segments, downloads, room])]);

export function makeRouter() {
  return createRouter({ routeTree: tree, parseSearch, stringifySearch, defaultPreload: "intent", scrollRestoration: false });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}

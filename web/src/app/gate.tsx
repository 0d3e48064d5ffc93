/** Lets in who has a session; tells the rest where to go. */

import { useQuery } from "@tanstack/react-query";
import { Navigate, useLocation } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { onSessionEnded } from "../api/client";
import { ApiProblem, wordsOf } from "../api/problems";
import { preferencesQuery, sessionQuery } from "../api/queries";
import { SessionContext } from "../session/session";
import { useText } from "../text/language";
import { Dialog } from "../ui/dialog";
import { Button, Empty } from "../ui/parts";
import { Shell } from "./shell";

export function Gate() {
  const text = useText();
  const location = useLocation();
  const session = useQuery(sessionQuery);
  const preferences = useQuery({ ...preferencesQuery, enabled: session.data !== undefined });
  if (session.data) {
    if (preferences.isPending) return null;
    return (
      <SessionContext value={session.data}>
        <Shell />
        <SessionOver />
      </SessionContext>
    );
  }
  if (session.isPending) return null;
  if (session.error instanceof ApiProblem && session.error.status === 401)
    return <Navigate to="/login" search={{ next: location.href }} replace />;
  return (
    <main className="page">
      <Empty
        title={wordsOf(session.error, text)}
        actions={<Button onPress={() => void session.refetch()}>{text.act.retry}</Button>}
      />
    </main>
  );
}

/** Over the page when the session ends: the page stays as it is, and goes on once somebody is logged in again. */
function SessionOver() {
  const text = useText();
  const [over, setOver] = useState(false);
  useEffect(() => onSessionEnded(() => setOver(true)), []);
  useEffect(() => {
    if (!over) return;
    const look = async () => {
      const answer = await fetch("/v1/session", { headers: { "Dangol-Console": "1" } }).catch(() => undefined);
      if (answer?.ok) setOver(false);
    };
    const timer = setInterval(look, 2_000);
    return () => clearInterval(timer);
  }, [over]);
  if (!over) return null;
  return (
    <Dialog title={text.state.sessionOver} onClose={undefined}>
      <p>{text.state.sessionOverText}</p>
      <footer>
        <a className="button" data-look="primary" href="/auth/login?next=/contacts" target="_blank" rel="noreferrer">
          {text.state.logInAgain}
        </a>
      </footer>
    </Dialog>
  );
}

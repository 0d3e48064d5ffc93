/** Where one logs in: the button leads to the session service, which knows the company's accounts or the local page. */

import { useQuery } from "@tanstack/react-query";
import { Navigate, useSearch } from "@tanstack/react-router";
import { isAway } from "../api/problems";
import { sessionQuery } from "../api/queries";
import { safeNext } from "../session/session";
import { useText } from "../text/language";
import { Button } from "../ui/parts";

export function LoginPage() {
  const text = useText();
  const next = safeNext(useSearch({ from: "/login" }).next);
  const session = useQuery(sessionQuery);
  if (session.data) return <Navigate to={next} replace />;
  return (
    <main className="login">
      <img src="/icon.svg" alt="" width={48} height={48} />
      <h1>{text.login.title}</h1>
      <p className="quiet">{text.login.text}</p>
      <a className="button" data-look="primary" href={`/auth/login?next=${encodeURIComponent(next)}`}>
        {text.login.button}
      </a>
      {isAway(session.error) && (
        <div className="band" data-look="warn" role="alert">
          <span>{text.login.away}</span>
          <Button small onPress={() => void session.refetch()}>
            {text.act.retry}
          </Button>
        </div>
      )}
    </main>
  );
}

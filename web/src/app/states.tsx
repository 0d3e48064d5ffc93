/** The pages that stand where no page can: not found, not allowed, fallen. */

import { CatchBoundary, type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ApiProblem, wordsOf } from "../api/problems";
import { useText } from "../text/language";
import { Button, Empty } from "../ui/parts";

export function NotFound() {
  const text = useText();
  return (
    <main className="page">
      <Empty
        title={text.state.notFound}
        actions={
          <Link to="/contacts" className="button">
            {text.state.toContacts}
          </Link>
        }
      />
    </main>
  );
}

export function Forbidden({ permission }: { permission: string }) {
  const text = useText();
  return (
    <main className="page">
      <Empty title={text.state.noPermissionPage}>
        <p>{text.state.noPermission(permission)}</p>
        <p>{text.state.askOwner}</p>
      </Empty>
    </main>
  );
}

/** An area that fell: it alone, with a way to try again and what to tell the operators. */
export function PageFell({ error, reset }: { error: unknown; reset?: () => void }) {
  const text = useText();
  const router = useRouter();
  const again = () => {
    reset?.();
    void router.invalidate();
  };
  return (
    <main className="page">
      <Empty title={text.state.unforeseen} actions={<Button onPress={again}>{text.act.retry}</Button>}>
        {error instanceof ApiProblem && <p>{wordsOf(error, text)}</p>}
        {error instanceof ApiProblem && error.requestId && (
          <p className="hint">
            {text.problems.requestId} {error.requestId}
          </p>
        )}
      </Empty>
    </main>
  );
}

/** A part of a page that may fall alone: the rest goes on. */
export function Part({ children }: { children: ReactNode }) {
  return (
    <CatchBoundary getResetKey={() => "part"} errorComponent={PartFell}>
      {children}
    </CatchBoundary>
  );
}

function PartFell({ error, reset }: ErrorComponentProps) {
  return (
    <div className="part-fell">
      <AreaFell error={error} onRetry={reset} />
    </div>
  );
}

/** A part that is away or that refused, in the place of its content. */
export function AreaFell({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const text = useText();
  return (
    <div className="band" data-look="warn" role="alert">
      <span>{wordsOf(error, text)}</span>
      <Button small onPress={onRetry}>
        {text.act.retry}
      </Button>
    </div>
  );
}

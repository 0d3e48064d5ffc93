/** What goes on, at the bottom left of every page. */

import { Check, ChevronDown, ChevronUp, X } from "lucide-react";
import { useState } from "react";
import { Button as AriaButton } from "react-aria-components";
import { api, unwrap } from "../api/client";
import type { Export } from "../api/types";
import { useChannelZone } from "../contacts/fields";
import { formatInstant } from "../text/format";
import { useText } from "../text/language";
import { Bar, IconButton } from "../ui/parts";
import { DownloadButton } from "./download";
import { isActive, useRunning } from "./running";

export function ProgressPanel() {
  const text = useText();
  const { shown } = useRunning();
  const [open, setOpen] = useState(true);
  if (shown.length === 0) return null;
  const going = shown.filter(isActive).length;
  return (
    <section className="progress" aria-label={text.exports.progress}>
      <AriaButton className="progress-head" aria-expanded={open} onPress={() => setOpen(!open)}>
        <span>{going > 0 ? text.exports.running(going) : text.exports.progress}</span>
        {open ? <ChevronDown size={14} aria-hidden="true" /> : <ChevronUp size={14} aria-hidden="true" />}
      </AriaButton>
      {open && shown.map((one) => <Item key={one.id} one={one} />)}
    </section>
  );
}

/** Counting, writing and checking as one bar. */
export function partOf(one: Export): number | null {
  const total = one.rowsTotal ?? 0;
  switch (one.status) {
    case "awaitingApproval":
    case "waiting":
    case "counting":
      return null;
    case "writing":
      return total === 0 ? null : 0.9 * (one.rowsDone / total);
    case "verifying":
      return 0.95;
    default:
      return 1;
  }
}

function Item({ one }: { one: Export }) {
  const text = useText();
  const zone = useChannelZone();
  const { dismiss } = useRunning();
  const bad = one.status === "failed" || one.status === "cancelled" || one.status === "declined" || one.status === "withdrawn";
  const ready = one.status === "ready";
  const cancel = () =>
    void unwrap(api.POST("/v1/exports/{export_id}/cancel", { params: { path: { export_id: one.id } } })).catch(() => undefined);
  return (
    <div className="progress-item">
      <div className="progress-line">
        <b className="cut">{one.reason}</b>
        {isActive(one) ? (
          <IconButton small name={text.exports.cancel} onPress={cancel}>
            <X size={14} />
          </IconButton>
        ) : (
          <IconButton small name={text.exports.dismiss} onPress={() => dismiss(one.id)}>
            <X size={14} />
          </IconButton>
        )}
      </div>
      <Bar part={partOf(one)} label={one.reason} look={bad ? "danger" : ready ? "ok" : undefined} />
      <div className="progress-line figures" role="status">
        <span className={bad ? "error" : "hint"}>
          {ready && one.manifest ? (
            <>
              <Check size={13} aria-hidden="true" className="inline-icon" /> {text.exports.verified(one.manifest.rows)}
            </>
          ) : (
            text.exports.steps[one.status]
          )}
        </span>
        {one.rowsTotal !== null && isActive(one) && <span className="hint">{text.exports.of(one.rowsDone, one.rowsTotal)}</span>}
      </div>
      {ready && (
        <>
          <p className="hint">
            {text.exports.sent}
            {one.expiresAt && ` · ${text.exports.until(formatInstant(one.expiresAt, zone, text.language, new Date()))}`}
          </p>
          <DownloadButton id={one.id} small />
        </>
      )}
      {one.status === "failed" && one.problem && <p className="error">{one.problem}</p>}
    </div>
  );
}

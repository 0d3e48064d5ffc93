/** Files that were asked for, and what became of them. */

import { useQuery } from "@tanstack/react-query";
import { Check } from "lucide-react";
import { isForbidden } from "../api/problems";
import { exportsQuery } from "../api/queries";
import type { Export } from "../api/types";
import { AreaFell, Forbidden } from "../app/states";
import { useChannelZone } from "../contacts/fields";
import { exactInstant, formatInstant } from "../text/format";
import { useText } from "../text/language";
import { Bar, Empty, Loading } from "../ui/parts";
import { DownloadButton } from "./download";
import { partOf } from "./panel";
import { isActive, useRunning } from "./running";

export function DownloadsPage() {
  const text = useText();
  const list = useQuery(exportsQuery);
  const { shown } = useRunning();
  if (isForbidden(list.error)) return <Forbidden permission="exports.create" />;
  const fresh = new Map(shown.map((one) => [one.id, one]));
  return (
    <main className="page narrow-page">
      <h1>{text.exports.title}</h1>
      {list.isPending && <Loading />}
      {list.error && <AreaFell error={list.error} onRetry={() => void list.refetch()} />}
      {list.data?.length === 0 && (
        <Empty title={text.exports.emptyTitle}>
          <p>{text.exports.emptyText}</p>
        </Empty>
      )}
      <ul className="cards">
        {list.data?.map((one) => (
          <Item key={one.id} one={fresh.get(one.id) ?? one} />
        ))}
      </ul>
    </main>
  );
}

const LOOKS: Partial<Record<Export["status"], string>> = {
  ready: "ok",
  failed: "danger",
  withdrawn: "danger",
  declined: "danger",
  awaitingApproval: "warn",
};

function Item({ one }: { one: Export }) {
  const text = useText();
  const zone = useChannelZone();
  const rows = one.manifest?.rows ?? one.rowsTotal;
  return (
    <li className="export">
      <div className="export-line">
        <div className="export-what">
          <b className="cut">{one.reason}</b>
          <span className="hint figures">
            <time dateTime={one.requestedAt} title={exactInstant(one.requestedAt, zone, text.language)}>
              {formatInstant(one.requestedAt, zone, text.language, new Date())}
            </time>
            {rows !== null && ` · ${text.people(rows)}`}
          </span>
        </div>
        <span className="tag" {...(LOOKS[one.status] ? { "data-look": LOOKS[one.status] } : {})}>
          {text.exports.steps[one.status]}
        </span>
        {one.status === "ready" && <DownloadButton id={one.id} small />}
      </div>
      {isActive(one) && <Bar part={partOf(one)} label={one.reason} />}
      {one.status === "ready" && one.manifest && (
        <p className="hint figures export-proof">
          <Check size={13} aria-hidden="true" className="inline-icon" />
          {text.exports.verified(one.manifest.rows)} · SHA-256 {one.manifest.fileSha256.slice(0, 8)}…
          {one.expiresAt && ` · ${text.exports.until(formatInstant(one.expiresAt, zone, text.language, new Date()))}`}
        </p>
      )}
      {one.problem && <p className="error">{one.problem}</p>}
    </li>
  );
}

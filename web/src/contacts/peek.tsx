/** One contact beside the list: facts, profile, segments, visits and changes; the arrow keys go on through the list. */

import { useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronUp, X } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { api, unwrap } from "../api/client";
import { ApiProblem } from "../api/problems";
import { contactQuery } from "../api/queries";
import type { Contact, HistoryItem } from "../api/types";
import { AreaFell } from "../app/states";
import { kindOf } from "../filter/operators";
import { useLooks } from "../session/speaking";
import { exactInstant, formatInstant, nationalPhone, phoneToCopy } from "../text/format";
import { useText } from "../text/language";
import { Avatar, Bone, Button, IconButton } from "../ui/parts";
import { useSay } from "../ui/toast";
import { cellText, contactValue } from "./columns";
import { type Fields, useChannelZone } from "./fields";

interface Props {
  id: string;
  fields: Fields | undefined;
  onClose(): void;
  onStep: ((step: 1 | -1) => void) | undefined;
}

export function Peek({ id, fields, onClose, onStep }: Props) {
  const text = useText();
  const contact = useQuery(contactQuery(id));
  const panel = useRef<HTMLElement>(null);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.code === "Escape" && !event.defaultPrevented && !document.querySelector("[role=dialog]")) onClose();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [onClose]);

  const gone = contact.error instanceof ApiProblem && (contact.error.status === 410 || contact.error.status === 404);
  return (
    <aside className="peek" aria-label={text.peek.label} ref={panel}>
      <header className="peek-bar">
        <IconButton name={text.peek.previous} isDisabled={!onStep} onPress={() => onStep?.(-1)}>
          <ChevronUp size={16} />
        </IconButton>
        <IconButton name={text.peek.next} isDisabled={!onStep} onPress={() => onStep?.(1)}>
          <ChevronDown size={16} />
        </IconButton>
        <span className="spring" />
        <IconButton name={text.peek.close} onPress={onClose}>
          <X size={16} />
        </IconButton>
      </header>
      <div className="peek-body">
        {contact.data ? (
          <Card contact={contact.data} fields={fields} />
        ) : gone ? (
          <p className="quiet">
            {contact.error instanceof ApiProblem && contact.error.status === 410 ? text.peek.gone : text.peek.missing}
          </p>
        ) : contact.error ? (
          <AreaFell error={contact.error} onRetry={() => void contact.refetch()} />
        ) : (
          <Bone width={160} />
        )}
      </div>
    </aside>
  );
}

const BASICS = ["memberId", "country", "city", "language", "firstSeenAt", "lastSeenAt", "sessionsCount", "createdAt"];
const CONSENTS = ["unsubscribeEmail", "unsubscribeTexting", "unsubscribeAppPush"] as const;

function Card({ contact, fields }: { contact: Contact; fields: Fields | undefined }) {
  const text = useText();
  const profile = fields?.all.filter((field) => field.key.startsWith("profile.") && !field.archived) ?? [];
  const filled = profile.filter((field) => contactValue(contact, field.key) !== null);
  return (
    <>
      <div className="peek-head">
        <Avatar name={contact.name} large />
        <div className="peek-names">
          <h2 className={contact.name === null ? "quiet cut" : "cut"}>{contact.name ?? text.list.noName}</h2>
          <div className="peek-tags">
            <span className="tag" data-look={contact.member ? "tint" : undefined}>
              {contact.member ? text.peek.member : text.peek.lead}
            </span>
            {contact.blocked && (
              <span className="tag" data-look="danger">
                {text.peek.blocked}
              </span>
            )}
            {contact.tags.map((tag) => (
              <span key={tag} className="tag">
                {tag}
              </span>
            ))}
          </div>
        </div>
      </div>
      <dl className="facts">
        <CopyRow name={fields?.name("mobileNumber") ?? ""} value={contact.mobileNumber} phone />
        <CopyRow name={fields?.name("landlineNumber") ?? ""} value={contact.landlineNumber} phone />
        <CopyRow name={fields?.name("email") ?? ""} value={contact.email} />
        {BASICS.map((key) => (
          <Fact key={key} contact={contact} fields={fields} factKey={key} />
        ))}
      </dl>
      <Part title={text.peek.profile}>
        {filled.length === 0 ? (
          <p className="hint">{text.peek.noProfile}</p>
        ) : (
          <dl className="facts">
            {filled.map((field) => (
              <Fact key={field.key} contact={contact} fields={fields} factKey={field.key} />
            ))}
          </dl>
        )}
      </Part>
      <Part title={text.peek.consent}>
        <dl className="facts">
          {CONSENTS.map((key) => (
            <div key={key} className="fact">
              <dt>{text.peek.consents[key]}</dt>
              <dd>{contact[key] ? text.peek.noConsent : text.peek.yesConsent}</dd>
            </div>
          ))}
        </dl>
      </Part>
      <Memberships id={contact.id} />
      <Visits id={contact.id} />
      <History id={contact.id} fields={fields} />
    </>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Fact({ contact, fields, factKey }: { contact: Contact; fields: Fields | undefined; factKey: string }) {
  const text = useText();
  const zone = useChannelZone();
  const value = contactValue(contact, factKey);
  if (value === null || value === "") return null;
  const kind = kindOf(factKey, fields?.byKey.get(factKey)?.type ?? "String");
  const exact = kind === "date" && typeof value === "string" ? exactInstant(value, zone, text.language) : undefined;
  return (
    <div className="fact">
      <dt>{fields?.name(factKey) ?? factKey}</dt>
      <dd className="figures" title={exact}>
        {cellText(value, { key: factKey, kind }, { texts: text, zone, now: new Date() })}
      </dd>
    </div>
  );
}

function CopyRow({ name, value, phone = false }: { name: string; value: string | null; phone?: boolean }) {
  const text = useText();
  const say = useSay();
  const { copyCountryCode } = useLooks();
  if (value === null) return null;
  const copy = () =>
    void navigator.clipboard.writeText(phone ? phoneToCopy(value, copyCountryCode) : value).then(() => say(text.act.copied));
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd className="figures fact-copy">
        <span className="cut">{phone ? nationalPhone(value) : value}</span>
        <Button small look="bare" onPress={copy} aria-label={`${name} ${text.act.copy}`}>
          {text.act.copy}
        </Button>
      </dd>
    </div>
  );
}

function Memberships({ id }: { id: string }) {
  const text = useText();
  const zone = useChannelZone();
  const { data, error, refetch } = useQuery({
    queryKey: ["memberships", id],
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET("/v1/segments/memberships", { params: { query: { contact: id } }, signal }))).items,
  });
  return (
    <Part title={text.peek.segments}>
      {error && <AreaFell error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 && <p className="hint">{text.peek.noSegments}</p>}
      <ul className="lines">
        {data?.map((each) => (
          <li key={each.id} className="line">
            <span className="cut">{each.name}</span>
            <span className="hint figures">{text.peek.since(formatInstant(each.since, zone, text.language, new Date()))}</span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Visits({ id }: { id: string }) {
  const text = useText();
  const zone = useChannelZone();
  const { data, error, refetch } = useQuery({
    queryKey: ["visits", id],
    queryFn: async ({ signal }) =>
      (
        await unwrap(
          api.GET("/v1/contacts/{contact_id}/visits", { params: { path: { contact_id: id }, query: { limit: 5 } }, signal }),
        )
      ).items,
  });
  return (
    <Part title={text.peek.activity}>
      {error && <AreaFell error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 && <p className="hint">{text.peek.noVisits}</p>}
      <ul className="lines">
        {data?.map((visit) => (
          <li key={visit.id} className="line">
            <span className="cut">{visit.url ? pathOf(visit.url) : visit.name}</span>
            <time className="hint figures" dateTime={visit.at} title={exactInstant(visit.at, zone, text.language)}>
              {formatInstant(visit.at, zone, text.language, new Date())}
            </time>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : url;
}

function History({ id, fields }: { id: string; fields: Fields | undefined }) {
  const text = useText();
  const zone = useChannelZone();
  const { data, error, refetch } = useQuery({
    queryKey: ["history", id],
    queryFn: async ({ signal }) =>
      (
        await unwrap(
          api.GET("/v1/contacts/{contact_id}/history", { params: { path: { contact_id: id }, query: { limit: 8 } }, signal }),
        )
      ).items,
  });
  return (
    <Part title={text.peek.history}>
      {error && <AreaFell error={error} onRetry={() => void refetch()} />}
      <ul className="lines">
        {data?.map((item) => (
          <li key={item.version} className="change">
            <div className="line">
              <span className="cut quiet">{item.by ?? item.cause}</span>
              <time className="hint figures" dateTime={item.at} title={exactInstant(item.at, zone, text.language)}>
                {formatInstant(item.at, zone, text.language, new Date())}
              </time>
            </div>
            {item.changes.slice(0, 4).map((change) => (
              <ChangeLine key={change.key} change={change} fields={fields} />
            ))}
          </li>
        ))}
      </ul>
    </Part>
  );
}

function ChangeLine({ change, fields }: { change: HistoryItem["changes"][number]; fields: Fields | undefined }) {
  const text = useText();
  const zone = useChannelZone();
  const kind = kindOf(change.key, fields?.byKey.get(change.key)?.type ?? "String");
  const words = (value: unknown) => cellText(value, { key: change.key, kind }, { texts: text, zone, now: new Date() });
  return (
    <p className="change-line">
      <span className="hint">{fields?.name(change.key) ?? change.key}</span> {change.from !== null && <s>{words(change.from)}</s>}{" "}
      {change.to === null ? <span className="hint">{text.peek.cleared}</span> : <span>{words(change.to)}</span>}
    </p>
  );
}

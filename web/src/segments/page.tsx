/** 세그먼트: each with its definition as a sentence and its live count. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { isForbidden } from "../api/problems";
import { segmentsQuery } from "../api/queries";
import type { Segment } from "../api/types";
import { AreaFell, Forbidden } from "../app/states";
import { useNames } from "../contacts/fields";
import { readable } from "../contacts/sentence-band";
import { matchesWord } from "../filter/initials";
import { useText } from "../text/language";
import { Bone, Empty } from "../ui/parts";
import { Today } from "./today";

export function SegmentsPage() {
  const text = useText();
  const list = useQuery(segmentsQuery);
  const [wanted, setWanted] = useState("");
  if (isForbidden(list.error)) return <Forbidden permission="contacts.read" />;
  const shown = list.data?.filter((segment) => matchesWord(segment.name, wanted));
  return (
    <main className="page">
      <header className="page-head">
        <h1>
          {text.segments.title} {list.data && <span className="quiet figures">{text.number(list.data.length)}</span>}
        </h1>
        <input
          className="input"
          aria-label={text.segments.find}
          placeholder={text.segments.find}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      </header>
      {list.error && <AreaFell error={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && <Bone width={240} />}
      {list.data?.length === 0 && (
        <Empty title={text.segments.emptyTitle}>
          <p>{text.segments.emptyText}</p>
        </Empty>
      )}
      {shown && shown.length > 0 && (
        <ul className="segments">
          {shown.map((segment) => (
            <Row key={segment.id} segment={segment} />
          ))}
        </ul>
      )}
    </main>
  );
}

const LOOKS = { live: "ok", building: "warn", broken: "danger" } as const;

function Row({ segment }: { segment: Segment }) {
  const text = useText();
  const names = useNames();
  const tree = readable(segment);
  return (
    <li>
      <Link to="/contacts" search={{ segment: segment.id }} className="segment">
        <span className="segment-what">
          <b className="cut">{segment.name}</b>
          <span className="quiet segment-words">{tree ? text.filter.sentence(tree, names) : ""}</span>
        </span>
        <Today segment={segment} />
        <span className="segment-count figures">{text.people(segment.count)}</span>
        <span className="tag" data-look={LOOKS[segment.status]}>
          {text.segments[segment.status]}
        </span>
      </Link>
    </li>
  );
}

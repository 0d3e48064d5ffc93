/** What narrows the list, as a sentence: the same words as in a dialog, a segment and a message. */

import { type UseQueryResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useState } from "react";
import { api, unwrap } from "../api/client";
import { ApiProblem, wordsOf } from "../api/problems";
import { segmentsQuery } from "../api/queries";
import type { Segment } from "../api/types";
import { type Group, newId } from "../filter/tree";
import { fromWire, toWire, Unreadable } from "../filter/wire";
import { useAllowed } from "../session/session";
import { useText } from "../text/language";
import { Dialog } from "../ui/dialog";
import { Button, IconButton } from "../ui/parts";
import { useSay } from "../ui/toast";
import { useNames } from "./fields";
import type { ListState } from "./listing";
import type { Go } from "./page";

interface Props {
  words: string | undefined;
  segment: UseQueryResult<Segment> | undefined;
  query: string | undefined;
  state: ListState;
  tree: Group;
  onClear: Go;
}

export function SentenceBand({ words, segment, query, state, tree, onClear }: Props) {
  const text = useText();
  const mayMake = useAllowed("segments.manage");
  const [saving, setSaving] = useState(false);
  if (!words && !segment) return null;
  return (
    <div className="bands">
      {segment && <SegmentLine segment={segment} onClear={() => onClear({ segment: undefined })} />}
      {words && (
        <div className="sentence">
          <p>
            {words}
            {state.at && !query && !segment && (
              <>
                {text.counts}
                <b className="figures">{text.people(state.total)}</b>
              </>
            )}
            {state.at && query && <span className="figures quiet"> · {text.list.within(state.total)}</span>}
          </p>
          <Button
            small
            onPress={() => setSaving(true)}
            refused={mayMake ? undefined : text.state.noPermission("segments.manage")}
          >
            {text.filter.saveSegment}
          </Button>
          <IconButton small name={text.list.clearFilter} onPress={() => onClear({ f: undefined })}>
            <X size={14} />
          </IconButton>
        </div>
      )}
      {saving && <SaveSegment tree={tree} words={words ?? ""} onClose={() => setSaving(false)} />}
    </div>
  );
}

function SegmentLine({ segment, onClear }: { segment: UseQueryResult<Segment>; onClear(): void }) {
  const text = useText();
  const names = useNames();
  const tree = segment.data ? readable(segment.data) : undefined;
  const status = segment.data?.status;
  return (
    <div className="sentence" data-look={status === "broken" ? "danger" : undefined}>
      {segment.data ? (
        <>
          <span className="dot" data-status={status} aria-hidden="true" />
          <p>
            {tree ? text.filter.sentence(tree, names) : segment.data.name}
            {text.counts}
            <b className="figures live-count" key={segment.data.count}>
              {text.people(segment.data.count)}
            </b>{" "}
            <span className="quiet">· {status && text.segments[status]}</span>
            {status === "broken" && <span> · {text.segments.brokenText}</span>}
          </p>
        </>
      ) : (
        <p>{segment.error instanceof ApiProblem ? wordsOf(segment.error, text) : text.state.loading}</p>
      )}
      <Link to="/segments" className="button small">
        {text.segments.title}
      </Link>
      <IconButton small name={text.segments.close} onPress={onClear}>
        <X size={14} />
      </IconButton>
    </div>
  );
}

/** A segment's filter as a tree; undefined for one that an older or newer console cannot read. */
export function readable(segment: Segment): Group | undefined {
  try {
    return fromWire(segment.filter, newId);
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

function SaveSegment({ tree, words, onClose }: { tree: Group; words: string; onClose(): void }) {
  const text = useText();
  const say = useSay();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const save = useMutation({
    mutationFn: () =>
      unwrap(api.POST("/v1/segments", { body: { name: name.trim(), filter: (toWire(tree) ?? { and: [] }) as never } })),
    onSuccess: (segment) => {
      void queries.invalidateQueries({ queryKey: segmentsQuery.queryKey });
      say(text.filter.segmentSaved(segment.name));
      onClose();
    },
  });
  return (
    <Dialog title={text.filter.saveSegment} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== "") save.mutate();
        }}
      >
        <p className="sentence-quote">{words}</p>
        <label className="field">
          <span className="label">{text.filter.segmentName}</span>
          <input className="input" maxLength={200} required onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        {save.error && <p className="error">{wordsOf(save.error, text)}</p>}
        <footer className="form-foot">
          <Button onPress={onClose}>{text.act.cancel}</Button>
          <button type="submit" className="button" data-look="primary" disabled={name.trim() === "" || save.isPending}>
            {text.act.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

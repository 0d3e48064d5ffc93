/** 고급 필터: conditions and groups, each with how many match it alone and how many are left after it. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { api, unwrap } from "../api/client";
import { ApiProblem, wordsOf } from "../api/problems";
import type { Fields } from "../contacts/fields";
import { useText } from "../text/language";
import { Bone, Button, IconButton } from "../ui/parts";
import { completed, isComplete } from "./complete";
import { everyday } from "./everyday";
import { GroupEditor, type NodeCounts } from "./group";
import type { Names } from "./names";
import { add, condition, conditionsOf, emptyTree, type Group, newId, ROOT } from "./tree";
import { nodeAt, pointersOf, toWire } from "./wire";

interface Props {
  tree: Group;
  everyone: number | undefined;
  fields: Fields | undefined;
  names: Names;
  onApply(tree: Group): void;
  onClose(): void;
}

const PAUSE = 250;

export function FilterPanel({ tree, everyone, fields, names, onApply, onClose }: Props) {
  const text = useText();
  const [draft, setDraft] = useState(tree);
  useEffect(() => setDraft(tree), [tree]);
  const whole = useMemo(() => completed(draft, names), [draft, names]);
  const counts = useCounts(whole);
  const problem =
    counts.error instanceof ApiProblem && counts.error.pointer ? nodeAt(whole, counts.error.pointer)?.id : undefined;
  const unfinished = conditionsOf(draft).some((node) => !isComplete(node, names));
  const same = JSON.stringify(toWire(whole)) === JSON.stringify(toWire(tree));

  const apply = () => {
    setDraft(whole);
    onApply(whole);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && event.code === "Enter") {
      event.preventDefault();
      if (!unfinished) apply();
    } else if (event.code === "Escape" && !event.defaultPrevented) {
      event.preventDefault();
      onClose();
    }
  };

  return (
    <section className="filter" aria-label={text.filter.title} onKeyDown={onKeyDown}>
      <header className="filter-head">
        <h2>{text.filter.title}</h2>
        <Total counts={counts} everyone={everyone} empty={toWire(whole) === undefined} />
        <span className="spring" />
        <IconButton name={text.filter.close} onPress={onClose}>
          <X size={16} />
        </IconButton>
      </header>
      {draft.children.length === 0 && <Everyday fields={fields} names={names} onPick={setDraft} />}
      <GroupEditor
        group={draft}
        numbers={numbersOf(draft)}
        root={draft}
        fields={fields}
        names={names}
        counts={counts.byId}
        base={everyone}
        dimmed={counts.dimmed}
        problem={problem}
        problemWords={counts.error ? wordsOf(counts.error, text) : undefined}
        onChange={setDraft}
      />
      {counts.error && problem === undefined && <p className="error">{wordsOf(counts.error, text)}</p>}
      <footer className="filter-foot">
        <Button look="bare" onPress={() => setDraft(emptyTree())} isDisabled={draft.children.length === 0}>
          {text.act.clear}
        </Button>
        {unfinished && <span className="hint">{text.filter.unfinished}</span>}
        <span className="spring" />
        <Button look="primary" onPress={apply} isDisabled={same || unfinished || counts.error !== null}>
          {text.act.apply} <span className="keys wide-only">Ctrl Enter</span>
        </Button>
      </footer>
    </section>
  );
}

/** Conditions are numbered in the order of reading. */
function numbersOf(tree: Group): ReadonlyMap<string, string> {
  return new Map(conditionsOf(tree).map((node, index) => [node.id, String(index + 1)]));
}

interface Counts {
  total: number | undefined;
  byId: ReadonlyMap<string, NodeCounts>;
  dimmed: boolean;
  error: Error | null;
}

function useCounts(tree: Group): Counts {
  const filter = toWire(tree);
  const asked = useSettled(JSON.stringify(filter), PAUSE);
  const counted = useQuery({
    queryKey: ["count", "nodes", asked],
    enabled: asked !== undefined,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      unwrap(api.POST("/v1/search/count", { body: { filter: JSON.parse(asked ?? "null"), nodes: true }, signal })),
  });
  const pointers = useRef<{ asked: string | undefined; ids: Map<string, string> }>({ asked: undefined, ids: new Map() });
  if (JSON.stringify(filter) === asked && pointers.current.asked !== asked) pointers.current = { asked, ids: pointersOf(tree) };
  const byId = new Map<string, NodeCounts>();
  for (const node of counted.data?.nodes ?? []) {
    const id = pointers.current.ids.get(node.pointer);
    if (id !== undefined) byId.set(id, node);
  }
  return {
    total: counted.data?.total,
    byId,
    dimmed: counted.isFetching || JSON.stringify(filter) !== asked,
    error: counted.error,
  };
}

/** A value once it has rested. */
function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

function Total({ counts, everyone, empty }: { counts: Counts; everyone: number | undefined; empty: boolean }) {
  const text = useText();
  if (everyone === undefined) return <Bone width={96} />;
  const part = empty ? everyone : counts.total;
  if (part === undefined) return <Bone width={96} />;
  return (
    <p className="figures quiet filter-total" data-dimmed={counts.dimmed} aria-live="polite">
      {text.filter.of(part, everyone)}
    </p>
  );
}

function Everyday({ fields, names, onPick }: { fields: Fields | undefined; names: Names; onPick(tree: Group): void }) {
  const text = useText();
  return (
    <div className="everyday">
      <p className="hint">{text.filter.start}</p>
      <div className="everyday-list">
        {everyday(fields).map((one) => {
          const node = condition(newId(), one);
          const tree = add(emptyTree(), ROOT, node);
          return (
            <Button key={one.key} small onPress={() => onPick(tree)}>
              {text.filter.sentence(tree, names)}
            </Button>
          );
        })}
      </div>
    </div>
  );
}

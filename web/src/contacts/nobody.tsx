/** Where the list shows no one: an address that cannot be read, a channel without contacts, or conditions that leave nobody. */

import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "../api/client";
import type { Names } from "../filter/names";
import { type ConditionNode, conditionsOf, type Group, group, ROOT } from "../filter/tree";
import { pointersOf, toWire } from "../filter/wire";
import { useText } from "../text/language";
import { Button, Empty } from "../ui/parts";

export function BadFilter({ onOpen }: { onOpen(): void }) {
  const text = useText();
  return (
    <main className="page">
      <Empty title={text.list.badFilter} actions={<Button onPress={onOpen}>{text.list.withoutFilter}</Button>}>
        <p>{text.list.badFilterText}</p>
      </Empty>
    </main>
  );
}

export function FirstRun() {
  const text = useText();
  return (
    <Empty title={text.list.emptyTitle}>
      <p>{text.list.emptyText}</p>
    </Empty>
  );
}

interface Props {
  tree: Group;
  query: string | undefined;
  names: Names;
  onClearQuery(): void;
  onWithout(id: string): void;
}

/** The sentence, nobody, and how many each condition leaves by itself: one sees where they were lost. */
export function Nobody({ tree, query, names, onClearQuery, onWithout }: Props) {
  const text = useText();
  const filter = toWire(tree);
  const conditions = conditionsOf(tree);
  const counts = useQuery({
    queryKey: ["count", "nodes", filter],
    enabled: filter !== undefined && conditions.length <= 20,
    queryFn: async ({ signal }) =>
      (await unwrap(api.POST("/v1/search/count", { body: { filter: filter as never, nodes: true }, signal }))).nodes ?? [],
  });
  const ids = pointersOf(tree);
  const alone = new Map(counts.data?.map((node) => [ids.get(node.pointer), node]));
  return (
    <Empty
      title={text.list.nobodyTitle}
      actions={query === undefined ? undefined : <Button onPress={onClearQuery}>{text.list.clearSearch}</Button>}
    >
      <p>{query === undefined ? text.list.nobodyFilter : text.list.nobodyQuery(query)}</p>
      {conditions.length > 0 && (
        <ul className="nobody-list">
          {conditions.map((node) => (
            <li key={node.id} className="nobody-line figures">
              <span>
                {text.list.alone(wordsOfOne(node, text, names), alone.get(node.id)?.alone ?? 0)}{" "}
                {alone.get(node.id)?.alone === 0 && <b className="error">{text.list.endsHere}</b>}
              </span>
              <Button small onPress={() => onWithout(node.id)}>
                {text.act.remove}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Empty>
  );
}

function wordsOfOne(node: ConditionNode, text: ReturnType<typeof useText>, names: Names): string {
  return text.filter.sentence(group(ROOT, "and", [node]), names);
}

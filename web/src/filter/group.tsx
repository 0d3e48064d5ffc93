/** A group of conditions, and the groups within it; a rule at the left shows how far it goes. */

import { MoreHorizontal, Plus } from "lucide-react";
import { Button as AriaButton, Menu, MenuItem, MenuTrigger, Popover, Separator } from "react-aria-components";
import type { Fields } from "../contacts/fields";
import { useText } from "../text/language";
import { Button } from "../ui/parts";
import { ConditionEditor } from "./condition";
import type { Names } from "./names";
import {
  add,
  condition,
  depth,
  find,
  type Group,
  indent,
  group as makeGroup,
  type Node,
  newId,
  outdent,
  parentOf,
  ROOT,
  rejoin,
  remove,
  shift,
  wrap,
} from "./tree";

export interface NodeCounts {
  alone: number;
  upTo: number;
}

export interface GroupProps {
  group: Group;
  root: Group;
  numbers: ReadonlyMap<string, string>;
  fields: Fields | undefined;
  names: Names;
  counts: ReadonlyMap<string, NodeCounts>;
  /** How many there are before the first condition. */
  base: number | undefined;
  dimmed: boolean;
  problem: string | undefined;
  problemWords: string | undefined;
  onChange(tree: Group): void;
}

const DEEPEST = 10;
const JOINS = {
  and: { join: "and", negated: false },
  or: { join: "or", negated: false },
  notOr: { join: "or", negated: true },
  notAnd: { join: "and", negated: true },
} as const;

type JoinName = keyof typeof JOINS;

export function GroupEditor(props: GroupProps) {
  const { group, root, onChange, counts, dimmed } = props;
  const text = useText();
  const name: JoinName = group.negated ? (group.join === "and" ? "notAnd" : "notOr") : group.join;
  const inner = group.id !== ROOT;
  const own = counts.get(group.id);
  const start = () => condition(newId(), { key: "", operator: "eq" });
  return (
    <div className={inner ? "group group-inner" : "group"} role="group" aria-label={text.filter.joins[name]}>
      {(inner || group.children.length > 1 || group.negated) && (
        <div className="group-head">
          {text.filter.match && <span className="quiet">{text.filter.match}</span>}
          <select
            className="input small-input"
            aria-label={text.filter.join}
            value={name}
            onChange={(event) => {
              const chosen = JOINS[event.currentTarget.value as JoinName];
              onChange(rejoin(root, group.id, chosen.join, chosen.negated));
            }}
          >
            {(Object.keys(JOINS) as JoinName[]).map((each) => (
              <option key={each} value={each}>
                {text.filter.joins[each]}
              </option>
            ))}
          </select>
          <span className="quiet">{text.filter.matchEnd}</span>
          <span className="spring" />
          {inner && own && (
            <span className="count figures" data-dimmed={dimmed}>
              {text.number(own.alone)}
            </span>
          )}
          {inner && <NodeMenu node={group} number={text.filter.addGroup} root={root} onChange={onChange} />}
        </div>
      )}
      {group.children.map((child, index) => (
        <div key={child.id}>
          {index > 0 && <p className="joint">{group.join === "and" ? text.filter.and : text.filter.or}</p>}
          {child.kind === "group" ? (
            <GroupEditor {...props} group={child} />
          ) : (
            <ConditionEditor
              node={child}
              number={props.numbers.get(child.id) ?? ""}
              fields={props.fields}
              names={props.names}
              counts={counts.get(child.id)}
              base={props.base}
              dimmed={dimmed}
              problem={props.problem === child.id ? props.problemWords : undefined}
              root={root}
              onChange={onChange}
            />
          )}
        </div>
      ))}
      <div className="group-foot">
        <Button small look="bare" onPress={() => onChange(add(root, group.id, start()))}>
          <Plus size={14} aria-hidden="true" />
          {text.filter.addCondition}
        </Button>
        <Button
          small
          look="bare"
          isDisabled={depth(root) >= DEEPEST}
          onPress={() => onChange(add(root, group.id, makeGroup(newId(), group.join === "and" ? "or" : "and", [start()])))}
        >
          <Plus size={14} aria-hidden="true" />
          {text.filter.addGroup}
        </Button>
      </div>
    </div>
  );
}

/** What can be done with a node, in words; the same by keys on its row. */
export function NodeMenu({
  node,
  number,
  root,
  onChange,
}: {
  node: Node;
  number: string;
  root: Group;
  onChange(tree: Group): void;
}) {
  const text = useText();
  const actions: Record<string, () => Group> = {
    up: () => shift(root, node.id, -1),
    down: () => shift(root, node.id, 1),
    indent: () => indent(root, node.id),
    outdent: () => outdent(root, node.id),
    wrap: () => wrap(root, node.id, newId(), "or"),
    duplicate: () => duplicated(root, node),
    delete: () => remove(root, node.id),
  };
  const vain = Object.entries(actions)
    .filter(([, action]) => action() === root)
    .map(([key]) => key);
  if (depth(root) >= DEEPEST) vain.push("wrap");
  return (
    <MenuTrigger>
      <AriaButton className="button small" data-look="icon" aria-label={text.filter.moreOf(number)}>
        <MoreHorizontal size={15} aria-hidden="true" />
      </AriaButton>
      <Popover className="popover" placement="bottom end">
        <Menu
          className="menu"
          aria-label={text.filter.moreOf(number)}
          disabledKeys={vain}
          onAction={(key) => onChange(actions[String(key)]?.() ?? root)}
        >
          <MenuItem id="up">{text.filter.up}</MenuItem>
          <MenuItem id="down">{text.filter.down}</MenuItem>
          <MenuItem id="indent">{text.filter.indent}</MenuItem>
          <MenuItem id="outdent">{text.filter.outdent}</MenuItem>
          <MenuItem id="wrap">{text.filter.wrap}</MenuItem>
          <Separator />
          <MenuItem id="duplicate">{text.filter.duplicate}</MenuItem>
          <MenuItem id="delete">{text.filter.delete}</MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

function duplicated(root: Group, node: Node): Group {
  const place = parentOf(root, node.id);
  return place && find(root, node.id) ? add(root, place.parent.id, renamed(node), place.index + 1) : root;
}

function renamed(node: Node): Node {
  return node.kind === "condition" ? { ...node, id: newId() } : { ...node, id: newId(), children: node.children.map(renamed) };
}

/** One condition: field, operator, value; then how many match it. */

import type { KeyboardEvent } from "react";
import type { Fields } from "../contacts/fields";
import { useText } from "../text/language";
import { startingValues } from "./complete";
import { FieldPicker } from "./field-picker";
import { type NodeCounts, NodeMenu } from "./group";
import type { Names } from "./names";
import { asksMissing, canonical, editorOf, operatorsOf } from "./operators";
import { amend, type ConditionNode, type Group, indent, outdent, shift } from "./tree";
import type { Operator } from "./types";
import { ValueEditor } from "./value-editor";

interface Props {
  node: ConditionNode;
  number: string;
  root: Group;
  fields: Fields | undefined;
  names: Names;
  counts: NodeCounts | undefined;
  base: number | undefined;
  dimmed: boolean;
  problem: string | undefined;
  onChange(tree: Group): void;
}

export function ConditionEditor({ node, number, root, fields, names, counts, base, dimmed, problem, onChange }: Props) {
  const text = useText();
  const kind = names.kind(node.key);
  const chosen = node.key !== "";
  const operator = canonical(kind, node.operator);
  const editor = editorOf(kind, operator);

  const pickField = (key: string) => {
    const operators = operatorsOf(names.kind(key));
    const next = operators.includes(node.operator) ? node.operator : (operators[0] ?? "eq");
    const nextEditor = editorOf(names.kind(key), next) ?? "none";
    const before = names.kind(key) === kind && chosen ? node.values : [];
    onChange(amend(root, node.id, { key, operator: next, values: startingValues(nextEditor, before) }));
  };
  const pickOperator = (next: Operator) =>
    onChange(amend(root, node.id, { operator: next, values: startingValues(editorOf(kind, next) ?? "none", node.values) }));

  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.nativeEvent.isComposing) return;
    if (event.target instanceof HTMLInputElement) return;
    const after = movedBy(event.code, root, node.id);
    if (!after) return;
    event.preventDefault();
    onChange(after);
  };

  return (
    <div className="condition" data-problem={problem !== undefined} onKeyDown={onKeyDown} role="group" aria-label={number}>
      <span className="condition-number figures">{number}</span>
      <FieldPicker chosen={chosen ? names.field(node.key) : undefined} fields={fields} onPick={pickField} />
      {chosen && (
        <select
          className="input small-input"
          aria-label={text.filter.operator}
          value={operator}
          onChange={(event) => pickOperator(event.currentTarget.value as Operator)}
        >
          {operatorsOf(kind).map((each) => (
            <option key={each} value={each}>
              {text.filter.operators[each]}
            </option>
          ))}
        </select>
      )}
      {chosen && editor && (
        <ValueEditor
          key={`${node.key} ${operator}`}
          node={node}
          editor={editor}
          names={names}
          onValues={(values) => onChange(amend(root, node.id, { values }))}
        />
      )}
      {chosen && asksMissing(operator) && node.missing !== undefined && (
        <span className="tag">
          {text.filter.missing} {node.missing === "include" ? text.filter.missingInclude : text.filter.missingExclude}
        </span>
      )}
      <span className="spring" />
      <Numbers counts={counts} base={base} dimmed={dimmed} />
      <NodeMenu node={node} number={number} root={root} onChange={onChange} />
      {problem !== undefined && (
        <p className="error condition-problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

function Numbers({ counts, base, dimmed }: { counts: NodeCounts | undefined; base: number | undefined; dimmed: boolean }) {
  const text = useText();
  if (!counts) return <span className="count">—</span>;
  const part = base ? counts.upTo / base : 0;
  return (
    <span
      className="count figures"
      data-dimmed={dimmed}
      title={`${text.filter.alone} ${text.number(counts.alone)} · ${text.filter.left} ${text.number(counts.upTo)}`}
    >
      <span className="unseen">{text.filter.alone} </span>
      {text.number(counts.alone)}
      <span className="left-bar" aria-hidden="true">
        <span style={{ transform: `scaleX(${Math.max(counts.upTo > 0 ? 0.02 : 0, part)})` }} />
      </span>
    </span>
  );
}

/** The tree after a condition was moved by a key, which does nothing where it is none of these. */
function movedBy(code: string, root: Group, id: string): Group | undefined {
  switch (code) {
    case "ArrowUp":
      return shift(root, id, -1);
    case "ArrowDown":
      return shift(root, id, 1);
    case "ArrowRight":
      return indent(root, id);
    case "ArrowLeft":
      return outdent(root, id);
    default:
      return undefined;
  }
}

/** Of whom a file can be asked for, from what one sees: the checked ones, the result, everyone. */

import type { Choice } from "../exports/dialog";
import { type Selection, selectedCount } from "../grid/selection";
import { bodyOf, type ListRequest, type ListState } from "./listing";

export function exportChoices(
  request: ListRequest,
  state: ListState,
  selection: Selection,
  everyone: number | undefined,
  words: string | undefined,
): Choice[] {
  const { sort: _, ...asked } = bodyOf(request);
  const whole = Object.keys(asked).length === 0;
  const seen = state.fingerprint === undefined ? asked : { ...asked, fingerprint: state.fingerprint };
  const choices: Choice[] = [];
  const selected = selectedCount(selection, state.total);
  if (selection.kind === "all")
    choices.push({ name: "selected", count: selected, scope: { ...seen, except: [...selection.except] }, words });
  else if (selected > 0) choices.push({ name: "selected", count: selected, scope: { contactIds: [...selection.ids] } });
  if (!whole) choices.push({ name: "result", count: state.total, scope: seen, words });
  const all = whole ? state.total : everyone;
  if (all !== undefined) choices.push({ name: "all", count: all, scope: { all: true } });
  return choices;
}

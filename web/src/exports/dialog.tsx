/** Asking for a file: of whom, why, and with which password. The password lives in this dialog alone. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Check, Eye, EyeOff } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useId, useRef, useState } from "react";
import { api, unwrap } from "../api/client";
import { ApiProblem, wordsOf } from "../api/problems";
import { allowanceQuery, exportsQuery } from "../api/queries";
import type { Scope } from "../api/types";
import { useChannelZone } from "../contacts/fields";
import { formatClock } from "../text/format";
import { useText } from "../text/language";
import { Dialog } from "../ui/dialog";
import { Button } from "../ui/parts";
import { useSay } from "../ui/toast";
import { isStrong, rulesOf } from "./password";
import { useRunning } from "./running";

export interface Choice {
  name: "selected" | "result" | "all";
  count: number;
  scope: Scope;
  /** Who it is, in words. */
  words?: string | undefined;
}

interface Props {
  choices: readonly Choice[];
  columns: readonly string[];
  reason: string;
  onReason(reason: string): void;
  onClose(): void;
}

export function ExportDialog({ choices, columns, reason, onReason, onClose }: Props) {
  const text = useText();
  const say = useSay();
  const zone = useChannelZone();
  const queries = useQueryClient();
  const running = useRunning();
  const form = useRef<HTMLFormElement>(null);
  const [chosen, setChosen] = useState(choices[0]?.name);
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ApiProblem>();
  const allowance = useQuery(allowanceQuery);
  const choice = choices.find((each) => each.name === chosen) ?? choices[0];
  const limit = allowance.data?.limit ?? 1_000_000;
  const openAt = allowance.data?.openAt ? new Date(allowance.data.openAt) : undefined;
  const waits = openAt !== undefined && openAt > new Date();
  const tooMany = (choice?.count ?? 0) > limit;
  const ready = choice && choice.count > 0 && !tooMany && !waits && reason.trim() !== "" && isStrong(password) && !busy;

  const ask = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    try {
      const body = { reason: reason.trim(), password, scope: choice.scope, columns: [...columns] };
      const one = await unwrap(api.POST("/v1/exports", { body, headers: { "Idempotency-Key": crypto.randomUUID() } }));
      running.follow(one);
      void queries.invalidateQueries({ queryKey: exportsQuery.queryKey });
      say(text.exports.begun);
      onReason("");
      onClose();
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      setRefusal(error);
      setBusy(false);
      if (error.code === "exportWindow") void allowance.refetch();
    }
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.code === "Enter" && !event.nativeEvent.isComposing)
      form.current?.requestSubmit();
  };

  return (
    <Dialog title={text.exports.dialog} onClose={onClose}>
      <form ref={form} className="form" onSubmit={(event) => void ask(event)} onKeyDown={onKeyDown}>
        <fieldset className="choices">
          <legend className="label">{text.exports.scope}</legend>
          {choices.map((each) => (
            <label key={each.name} className="choice">
              <input type="radio" name="scope" checked={each.name === choice?.name} onChange={() => setChosen(each.name)} />
              <span className="figures">{scopeWords(each, text.exports)}</span>
              {each.words && <span className="hint choice-words">{each.words}</span>}
            </label>
          ))}
          {choice?.count === 0 && <p className="error">{text.exports.empty}</p>}
          {tooMany && choice && <p className="error">{text.exports.tooMany(choice.count, limit)}</p>}
          <p className="hint">{text.exports.columns(columns.length)}</p>
        </fieldset>
        <Reason value={reason} onChange={onReason} />
        <Password value={password} onChange={setPassword} />
        {waits && openAt && (
          <div className="band" data-look="warn" role="status">
            {text.exports.opensAt(formatClock(openAt, zone), allowance.data?.minutes ?? 30)}
          </div>
        )}
        {refusal && (
          <div className="band" data-look="danger" role="alert">
            {wordsOf(refusal, text)}
          </div>
        )}
        <footer className="form-foot">
          <Button onPress={onClose}>{text.act.cancel}</Button>
          <button type="submit" className="button" data-look="primary" disabled={!ready}>
            {text.act.download}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function scopeWords(choice: Choice, words: ReturnType<typeof useText>["exports"]): string {
  switch (choice.name) {
    case "selected":
      return words.scopeSelected(choice.count);
    case "result":
      return words.scopeResult(choice.count);
    case "all":
      return words.scopeAll(choice.count);
  }
}

function Reason({ value, onChange }: { value: string; onChange(value: string): void }) {
  const text = useText();
  const id = useId();
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {text.exports.reason} <span aria-hidden="true">*</span>
      </label>
      <input
        id={id}
        className="input"
        required
        maxLength={1000}
        placeholder={text.exports.reasonHint}
        defaultValue={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </div>
  );
}

function Password({ value, onChange }: { value: string; onChange(value: string): void }) {
  const text = useText();
  const id = useId();
  const [visible, setVisible] = useState(false);
  const rules = rulesOf(value);
  const names = ["length", "letter", "digit", "symbol"] as const;
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {text.exports.password} <span aria-hidden="true">*</span>
      </label>
      <div className="password">
        <input
          id={id}
          className="input"
          type={visible ? "text" : "password"}
          autoComplete="new-password"
          required
          aria-describedby={`${id}-rules`}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
        <Button onPress={() => setVisible(!visible)}>
          {visible ? <EyeOff size={14} aria-hidden="true" /> : <Eye size={14} aria-hidden="true" />}
          {visible ? text.exports.hide : text.exports.show}
        </Button>
      </div>
      <ul id={`${id}-rules`} className="rules">
        {names.map((name) => (
          <li key={name} data-met={rules[name]}>
            {rules[name] ? <Check size={13} aria-hidden="true" /> : <span aria-hidden="true">·</span>} {text.exports.rules[name]}
          </li>
        ))}
      </ul>
      <p className="hint">{text.exports.never}</p>
    </div>
  );
}

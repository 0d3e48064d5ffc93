/** The search box: it asks a moment after the last letter, also within a composition, and is never written to while one types. */

import { Search, X } from "lucide-react";
import { useEffect, useRef } from "react";
import { useText } from "../text/language";
import { IconButton } from "../ui/parts";

interface Props {
  query: string;
  hint: string;
  onQuery(query: string): void;
}

const PAUSE = 120;

export function SearchBox({ query, hint, onQuery }: Props) {
  const text = useText();
  const box = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const asked = useRef(query);

  useEffect(() => {
    if (query === asked.current) return;
    asked.current = query;
    if (box.current) box.current.value = query;
  }, [query]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.code !== "Slash" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      box.current?.focus();
      box.current?.select();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  const ask = (now: string) => {
    asked.current = now.trim();
    onQuery(asked.current);
  };

  const clear = () => {
    clearTimeout(timer.current);
    if (box.current) {
      box.current.value = "";
      box.current.focus();
    }
    ask("");
  };

  return (
    <div className="search" role="search">
      <Search size={16} aria-hidden="true" />
      <input
        ref={box}
        type="text"
        aria-label={text.list.searchLabel}
        placeholder={hint}
        defaultValue={query}
        autoComplete="off"
        spellCheck={false}
        enterKeyHint="search"
        onInput={(event) => {
          const typed = event.currentTarget.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => ask(typed), PAUSE);
        }}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing || event.keyCode === 229) return;
          if (event.code === "Escape" && event.currentTarget.value !== "") {
            event.preventDefault();
            clear();
          }
        }}
      />
      {query !== "" && (
        <IconButton small name={text.list.clearSearch} onPress={clear}>
          <X size={14} />
        </IconButton>
      )}
      {query === "" && <Slash />}
    </div>
  );
}

/** Single keys are ours only where nobody types. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Which key leads here. */
function Slash() {
  return (
    <span className="key" aria-hidden="true">
      /
    </span>
  );
}

/** The language and the theme: the person's own where they are known, else the browser's. */

import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { I18nProvider } from "react-aria-components";
import { api, unwrap } from "../api/client";
import { preferencesQuery } from "../api/queries";
import type { Language } from "../text/format";
import type { Texts } from "../text/ko";
import { browserLanguage, loadTexts, TextProvider } from "../text/language";

export type Theme = "system" | "light" | "dark";

export interface Looks {
  language: Language;
  theme: Theme;
  /** Numbers are copied with their country code. */
  copyCountryCode: boolean;
}

interface Choices extends Looks {
  /** Changes what is named, here at once and on the server. */
  choose(change: Partial<Looks>): void;
}

const Context = createContext<Choices | null>(null);

export function useLooks(): Choices {
  const choices = useContext(Context);
  if (!choices) throw new Error("outside of the console");
  return choices;
}

/** What the server keeps of somebody, as far as the console understands it. */
export function looksOf(kept: Record<string, unknown>, asked: readonly string[]): Looks {
  return {
    language: kept.language === "ko" || kept.language === "en" ? kept.language : browserLanguage(asked),
    theme: kept.theme === "light" || kept.theme === "dark" ? kept.theme : "system",
    copyCountryCode: kept.copyCountryCode === true,
  };
}

export function Speaking({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [looks, setLooks] = useState<Looks>(() => looksOf({}, navigator.languages));
  const [texts, setTexts] = useState<Texts>();

  useEffect(() => {
    let gone = false;
    void loadTexts(looks.language).then((loaded) => {
      if (gone) return;
      document.documentElement.lang = looks.language;
      setTexts(loaded);
    });
    return () => {
      gone = true;
    };
  }, [looks.language]);

  useEffect(() => {
    if (looks.theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = looks.theme;
  }, [looks.theme]);

  useEffect(
    () =>
      queries.getQueryCache().subscribe((event) => {
        if (event.type !== "updated" || event.action.type !== "success" || event.query.queryKey[0] !== "preferences") return;
        setLooks(looksOf(event.query.state.data as Record<string, unknown>, navigator.languages));
      }),
    [queries],
  );

  const choose = useCallback(
    (change: Partial<Looks>) => {
      setLooks((before) => ({ ...before, ...change }));
      void unwrap(api.PATCH("/v1/me/preferences", { body: change })).then(
        (kept) => queries.setQueryData(preferencesQuery.queryKey, kept),
        () => undefined,
      );
    },
    [queries],
  );

  const choices = useMemo(() => ({ ...looks, choose }), [looks, choose]);
  if (!texts) return null;
  return (
    <Context value={choices}>
      <I18nProvider locale={texts.language === "ko" ? "ko-KR" : "en-US"}>
        <TextProvider texts={texts}>{children}</TextProvider>
      </I18nProvider>
    </Context>
  );
}

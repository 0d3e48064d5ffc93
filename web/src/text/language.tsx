/** One language is loaded; every component reads its words from here. */

import { createContext, type ReactNode, useContext } from "react";
import type { Language } from "./format";
import type { Texts } from "./ko";

const Context = createContext<Texts | null>(null);

export function loadTexts(language: Language): Promise<Texts> {
  return language === "ko" ? import("./ko").then((module) => module.ko) : import("./en").then((module) => module.en);
}

/** The language that the browser asks for; Korean where it asks for neither. */
export function browserLanguage(asked: readonly string[]): Language {
  for (const tag of asked) {
    if (tag.startsWith("ko")) return "ko";
    if (tag.startsWith("en")) return "en";
  }
  return "ko";
}

export function TextProvider({ texts, children }: { texts: Texts; children: ReactNode }) {
  return <Context.Provider value={texts}>{children}</Context.Provider>;
}

export function useText(): Texts {
  const texts = useContext(Context);
  if (!texts) throw new Error("no language is loaded");
  return texts;
}

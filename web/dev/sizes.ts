/** Holds a build to its sizes: what a first visit to the list loads, and each part that is loaded later. */

import { gzipSync } from "node:zlib";
import type { Plugin, Rollup } from "vite";

/** kB of gzip: the first load with the list and one language; any one part that is loaded when it is needed. */
const FIRST = 220;
const LATER = 40;
const FIRST_ENTRIES = [/main\.tsx$|index\.html$/, /contacts\/page\.tsx$/, /text\/ko\.ts$/];

export function sizes(): Plugin {
  return {
    name: "dangol-sizes",
    apply: "build",
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((each): each is Rollup.OutputChunk => each.type === "chunk");
      const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
      const first = new Set<string>();
      const walk = (name: string): void => {
        if (first.has(name)) return;
        first.add(name);
        for (const next of byName.get(name)?.imports ?? []) walk(next);
      };
      for (const entry of FIRST_ENTRIES) {
        const chunk = chunks.find((each) => entry.test(each.facadeModuleId ?? ""));
        if (!chunk) this.error(`no part of the build is made of ${entry}: its size cannot be told`);
        else walk(chunk.fileName);
      }
      const styles = Object.values(bundle).filter((each) => each.fileName.endsWith(".css"));
      const kB = (text: string | Uint8Array): number => gzipSync(text, { level: 9 }).length / 1000;
      const code = [...first].reduce((sum, name) => sum + kB(byName.get(name)?.code ?? ""), 0);
      const looks = styles.reduce((sum, each) => sum + (each.type === "asset" ? kB(each.source) : 0), 0);
      this.info(`first load ${(code + looks).toFixed(1)} kB of gzip, of ${FIRST}`);
      if (code + looks > FIRST) this.error(`the first load is ${(code + looks).toFixed(1)} kB of gzip, more than ${FIRST}`);
      for (const chunk of chunks) {
        const size = kB(chunk.code);
        if (!first.has(chunk.fileName) && size > LATER)
          this.error(`${chunk.fileName} is ${size.toFixed(1)} kB of gzip, more than ${LATER}`);
      }
    },
  };
}

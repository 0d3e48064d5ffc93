// node check.js FILE...: reads AsyncAPI documents with AsyncAPI's own parser; says what is wrong with them and ends with 1.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const ERROR = 0, WARNING = 1; // others are advice
const parser = new Parser();
let faults = 0;
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(await readFile(file, "utf8"));
  const serious = diagnostics.filter(({ severity }) => severity === ERROR || severity === WARNING);
  for (const { path, message } of serious) console.error(`${file}: ${path.join("/")}: ${message}`);
  if (serious.length === 0 && (!document || document.operations().isEmpty())) console.error(`${file}: it tells of no operation`);
  else if (serious.length === 0) continue;
  faults += 1;
}
process.exit(faults > 0 ? 1 : 0);

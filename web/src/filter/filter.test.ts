import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { completed, isComplete } from "./complete";
import type { Names } from "./names";
import { editorOf, operatorsOf } from "./operators";
import {
  add,
  amend,
  condition,
  conditionsOf,
  emptyTree,
  find,
  type Group,
  group,
  indent,
  type Node,
  outdent,
  parentOf,
  ROOT,
  remove,
  shift,
  wrap,
} from "./tree";
import type { Condition, FieldKind, Operator, Value } from "./types";
import { decodeFilter, encodeFilter } from "./url";
import { fromWire, nodeAt, pointersOf, toWire, Unreadable } from "./wire";
import { sentenceEn } from "./words.en";
import { sentenceKo } from "./words.ko";

const KINDS: Record<string, FieldKind> = {
  name: "text",
  mobileNumber: "phone",
  email: "email",
  sessionsCount: "number",
  member: "boolean",
  lastSeenAt: "date",
  tags: "list",
  segment: "segment",
};

const NAMES: Names = {
  zone: "Asia/Seoul",
  field: (key) => ({ name: "이름", mobileNumber: "휴대폰 번호", lastSeenAt: "최근 접속 시간", tags: "고객 태그" })[key] ?? key,
  kind: (key) => KINDS[key] ?? "text",
  segment: (id) => id,
};

const instants = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000).toISOString());
const texts = fc.array(
  fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((text) => text.trim() !== ""),
  { minLength: 1, maxLength: 3 },
);
const numbers = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).map((value) => value + 0);
const spans = fc.record({ n: fc.integer({ min: 1, max: 100_000 }), unit: fc.constantFrom("minutes", "hours", "days", "weeks") });

/** Whatever values a condition of this key and operator takes. */
function valuesOf(key: string, operator: Operator): fc.Arbitrary<Value[]> {
  switch (editorOf(KINDS[key] ?? "text", operator)) {
    case "texts":
    case "segments":
      return texts;
    case "number":
      return fc.tuple(numbers);
    case "numbers":
      return fc.array(numbers, { minLength: 1, maxLength: 3 });
    case "numberPair":
      return fc.tuple(numbers, numbers).map((pair) => [...pair].sort((a, b) => a - b));
    case "boolean":
      return fc.tuple(fc.boolean());
    case "instant":
      return fc.tuple(instants);
    case "instantPair":
      return fc.uniqueArray(instants, { minLength: 2, maxLength: 2 }).map((pair) => [...pair].sort());
    case "day":
      return fc.tuple(instants.map((instant) => instant.slice(0, 10)));
    case "span":
      return fc.tuple(spans) as fc.Arbitrary<Value[]>;
    case "days":
      return fc.tuple(fc.record({ n: fc.integer({ min: 0, max: 400 }), unit: fc.constant("days" as const) }));
    case "calendar":
      return fc.tuple(fc.constantFrom("today", "thisWeek", "lastMonth"));
    case "size":
      return fc.tuple(
        fc.record({ op: fc.constantFrom("eq" as const, "gte" as const, "lt" as const), n: fc.integer({ min: 0, max: 100 }) }),
      );
    default:
      return fc.constant([]);
  }
}

const conditions: fc.Arbitrary<Condition> = fc
  .constantFrom(...Object.keys(KINDS))
  .chain((key) => fc.constantFrom(...operatorsOf(KINDS[key] ?? "text")).map((operator) => ({ key, operator })))
  .chain(({ key, operator }) =>
    fc
      .tuple(valuesOf(key, operator), fc.constantFrom(undefined, "include" as const, "exclude" as const))
      .map(([values, missing]) => ({
        key,
        operator,
        ...(values.length > 0 ? { values } : {}),
        ...(missing === undefined || operator === "exists" || operator === "notExists" ? {} : { missing }),
      })),
  );

let count = 0;
const id = () => {
  count += 1;
  return `n${count}`;
};

const { node: nodes } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    conditions.map((content) => condition(id(), content)),
    fc
      .tuple(fc.constantFrom("and" as const, "or" as const), fc.boolean(), fc.array(tie("node"), { minLength: 1, maxLength: 3 }))
      .map(([join, negated, children]) => group(id(), join, children, negated)),
  ),
}));

const trees: fc.Arbitrary<Group> = fc
  .tuple(fc.constantFrom("and" as const, "or" as const), fc.boolean(), fc.array(nodes, { maxLength: 4 }))
  .map(([join, negated, children]) => group(ROOT, join, children, negated));

/** A tree by its meaning: without ids, and without a group around one alone. */
function meaning(node: Node): unknown {
  if (node.kind === "condition") return { ...node, id: undefined, termSet: undefined, missing: node.missing ?? null };
  const only = node.children.length === 1 ? node.children[0] : undefined;
  if (only && !node.negated) return meaning(only);
  return { join: only ? "and" : node.join, negated: node.negated, children: node.children.map(meaning) };
}

describe("a filter in the address", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const written = encodeFilter(tree);
        const back = written === undefined ? emptyTree() : decodeFilter(written, id);
        const read = "ok" in back ? (back.ok ? back.tree : undefined) : back;
        expect(read && meaning(read)).toEqual(meaning(tree));
      }),
      { numRuns: 500 },
    );
  });

  it("is the wire filter itself", () => {
    const tree = fromWire({ key: "name", operator: "chosung", values: ["ㅎㄱㄷ"] }, id);
    expect(encodeFilter(tree)).toMatch(/^1\.[A-Za-z0-9_-]+$/);
    expect(toWire(tree)).toEqual({ and: [{ key: "name", operator: "chosung", values: ["ㅎㄱㄷ"] }] });
  });

  it("is refused where it cannot be read, never taken for everyone", () => {
    for (const f of [
      "",
      "1.",
      "2.e30",
      "1.!!!",
      "1.bnVsbA",
      `1.${btoa('{"and":[{}]}')}`,
      `1.${btoa('{"and":[],"or":[]}')}`,
      "l.x",
    ])
      expect(decodeFilter(f, id)).toEqual({ ok: false });
  });
});

describe("a filter of the wire", () => {
  it("is read as Channel Talk writes it", () => {
    const tree = fromWire({ and: [{ or: [{ key: "user.profile.x", type: "boolean", operator: "$eq", values: [true] }] }] }, id);
    expect(toWire(tree)).toEqual({ and: [{ or: [{ key: "profile.x", operator: "eq", values: [true] }] }] });
  });

  it.each([
    [null, ""],
    [{ and: [{ key: "name", operator: "equals" }] }, "/and/0/operator"],
    [{ or: [{ key: "", operator: "eq" }] }, "/or/0/key"],
    [{ not: [] }, "/not"],
    [{ key: "name", operator: "eq", values: [null] }, "/values/0"],
    [{ key: "name", operator: "eq", value: "x" }, "/value"],
  ])("tells where %j is wrong", (filter, pointer) => {
    expect(() => fromWire(filter, id)).toThrow(expect.objectContaining({ pointer }));
    expect(() => fromWire(filter, id)).toThrow(Unreadable);
  });

  it("has a pointer for every node, and the pointer leads back to it", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const pointers = pointersOf(tree);
        for (const node of conditionsOf(tree)) {
          const pointer = [...pointers].find(([, found]) => found === node.id)?.[0];
          expect(pointer && nodeAt(tree, `${pointer}/values/0`)?.id).toBe(node.id);
        }
      }),
    );
  });
});

describe("the tree", () => {
  it("loses no condition by moving one, and touches no other", () => {
    fc.assert(
      fc.property(trees, fc.nat(), fc.constantFrom("up", "down", "in", "out", "wrap"), (tree, pick, move) => {
        const all = conditionsOf(tree);
        const chosen = all[pick % Math.max(1, all.length)];
        if (!chosen) return;
        const after = {
          up: () => shift(tree, chosen.id, -1),
          down: () => shift(tree, chosen.id, 1),
          in: () => indent(tree, chosen.id),
          out: () => outdent(tree, chosen.id),
          wrap: () => wrap(tree, chosen.id, "g", "or"),
        }[move]();
        expect(new Set(conditionsOf(after))).toEqual(new Set(all));
        for (const node of all) expect(find(after, node.id)).toBe(node);
      }),
    );
  });

  it("keeps the others as they are where one is removed or changed", () => {
    fc.assert(
      fc.property(trees, fc.nat(), (tree, pick) => {
        const all = conditionsOf(tree);
        const chosen = all[pick % Math.max(1, all.length)];
        if (!chosen) return;
        const rest = all.filter((node) => node !== chosen);
        expect(conditionsOf(remove(tree, chosen.id))).toEqual(rest);
        expect(conditionsOf(amend(tree, chosen.id, { values: ["x"] })).filter((node) => node.id !== chosen.id)).toEqual(rest);
      }),
    );
  });

  it("moves down and up again to where it was", () => {
    const tree = add(
      add(emptyTree(), ROOT, condition("a", { key: "name", operator: "exists" })),
      ROOT,
      condition("b", { key: "email", operator: "exists" }),
    );
    expect(shift(shift(tree, "a", 1), "a", -1)).toEqual(tree);
    expect(parentOf(shift(tree, "a", 1), "a")?.index).toBe(1);
    expect(shift(tree, "a", -1)).toBe(tree);
  });

  it("leaves out what is not finished", () => {
    const half = add(emptyTree(), ROOT, group("g", "or", [condition("a", { key: "name", operator: "eq" })]));
    expect(completed(half, NAMES)).toEqual(emptyTree());
    fc.assert(fc.property(conditions, (content) => isComplete(condition("a", content), NAMES)));
  });
});

describe("a filter as a sentence", () => {
  const words = (filter: unknown) => sentenceKo(fromWire(filter, id), NAMES);

  it.each([
    [{ and: [] }, "모든 고객"],
    [{ key: "member", operator: "eq", values: [true] }, "회원인 고객"],
    [
      {
        and: [
          { key: "member", operator: "eq", values: [true] },
          { key: "lastSeenAt", operator: "withinLast", values: [{ n: 30, unit: "days" }] },
          {
            or: [
              { key: "profile.grade", operator: "eq", values: ["VIP", "GOLD"] },
              { key: "sessionsCount", operator: "gte", values: [1_000_000] },
            ],
          },
        ],
      },
      "회원이고, 최근 30일 안에 접속했고, (profile.grade가 VIP 또는 GOLD이거나, sessionsCount가 1,000,000 이상인) 고객",
    ],
    [{ not: { key: "tags", operator: "hasAny", values: ["VIP"] } }, "(고객 태그에 VIP가 있는) 고객이 아닌 고객"],
    [{ key: "mobileNumber", operator: "lastDigits", values: ["5678"] }, "휴대폰 번호의 뒷자리가 5678인 고객"],
    [{ key: "name", operator: "notExists" }, "이름이 없는 고객"],
    [{ key: "name", operator: "contains", values: ["홍길동"] }, "이름이 홍길동을 포함하는 고객"],
  ])("says %j", (filter, sentence) => expect(words(filter)).toBe(sentence));

  it.each([
    ["ko", sentenceKo],
    ["en", sentenceEn],
  ] as const)("has no two trees with one sentence (%s)", (_, say) => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(trees, (tree) => {
        const sentence = say(tree, NAMES);
        const meant = JSON.stringify(meaning(tree));
        expect(sentence).not.toMatch(/undefined|NaN|\[object/);
        expect(seen.get(sentence) ?? meant).toBe(meant);
        seen.set(sentence, meant);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** A filter as a Korean sentence: each condition in the form that fits its place (…이고, …이거나, …인). */

import { exactInstant, formatNumber } from "../text/format";
import { josa } from "../text/josa";
import type { Names } from "./names";
import { canonical } from "./operators";
import { quoted } from "./quoted";
import type { ConditionNode, Group, Node } from "./tree";
import type { CalendarWord, Size, Span, Value } from "./types";

type Form = "and" | "or" | "end";
type Forms = Record<Form, string>;

const be = (noun: string): Forms => ({ and: `${noun}이고`, or: `${noun}이거나`, end: `${noun}인` });
const notBe = (noun: string): Forms => {
  const subject = josa(noun, "이/가");
  return { and: `${subject} 아니고`, or: `${subject} 아니거나`, end: `${subject} 아닌` };
};
const present = (stem: string): Forms => ({ and: `${stem}고`, or: `${stem}거나`, end: `${stem}는` });
const past = (stem: string, end: string): Forms => ({ and: `${stem}고`, or: `${stem}거나`, end });

const UNITS = { minutes: "분", hours: "시간", days: "일", weeks: "주" } as const;
const SIZES = { eq: "개", gt: "개 초과", gte: "개 이상", lt: "개 미만", lte: "개 이하" } as const;
export const CALENDAR_KO: Record<CalendarWord, string> = {
  today: "오늘",
  yesterday: "어제",
  tomorrow: "내일",
  thisWeek: "이번 주",
  lastWeek: "지난주",
  nextWeek: "다음 주",
  thisMonth: "이번 달",
  lastMonth: "지난달",
  nextMonth: "다음 달",
  thisYear: "올해",
};

const YES_NO: Record<string, [yes: Forms, no: Forms]> = {
  member: [be("회원"), be("비회원")],
  blocked: [past("차단했", "차단한"), past("차단하지 않았", "차단하지 않은")],
};

const HAPPENED: Record<string, string> = { lastSeenAt: "접속", "profile.lastCheckoutCompletedAt": "주문", createdAt: "등록" };

export function sentenceKo(tree: Group, names: Names): string {
  if (tree.children.length === 0 && !tree.negated) return tree.join === "and" ? "모든 고객" : "아무 고객도 아님";
  return `${joined(tree, names, "end", true)} 고객`;
}

function joined(node: Group, names: Names, form: Form, outermost: boolean): string {
  const inner =
    node.children.length === 0
      ? node.join === "and"
        ? "모든"
        : "아무도 아닌"
      : node.children.map((child, i) => phrase(child, names, i === node.children.length - 1 ? "end" : node.join)).join(", ");
  if (node.negated)
    return { and: `(${inner}) 고객이 아니고`, or: `(${inner}) 고객이 아니거나`, end: `(${inner}) 고객이 아닌` }[form];
  if (outermost) return inner;
  return { and: `(${inner}) 고객이고`, or: `(${inner}) 고객이거나`, end: `(${inner})` }[form];
}

function phrase(node: Node, names: Names, form: Form): string {
  if (node.kind === "group") return joined(node, names, form, false);
  const text = conditionForms(node, names)[form];
  if (node.missing === undefined) return text;
  return `${text}${node.missing === "include" ? "(값이 없는 고객 포함)" : "(값이 없는 고객 제외)"}`;
}

const valueText = (value: Value): string => {
  if (typeof value === "number") return formatNumber(value, "ko");
  if (typeof value === "boolean") return value ? "예" : "아니요";
  if (typeof value === "string") return quoted(value);
  return "unit" in value ? spanText(value) : sizeText(value);
};
const spanText = (span: Span): string => `${formatNumber(span.n, "ko")}${UNITS[span.unit] ?? quoted(span.unit)}`;
const sizeText = (size: Size): string => `${formatNumber(size.n, "ko")}${SIZES[size.op] ?? quoted(size.op)}`;

/** Of a condition, its forms. It is total: whatever a filter may hold has its words. */
function conditionForms(node: ConditionNode, names: Names): Forms {
  const kind = names.kind(node.key);
  const operator = canonical(kind, node.operator);
  const field = names.field(node.key);
  const subject = josa(field, "이/가");
  const object = josa(field, "을/를");
  const at = (form: Forms): Forms => prefixed(`${subject} `, form);
  const values = node.termSet === undefined ? node.values : [`붙여 넣은 목록 ${node.termSet.slice(0, 8)}`];
  const any = values.map(valueText).join(" 또는 ") || "빈 목록";
  const all = values.map(valueText).join(" 그리고 ") || "빈 목록";
  const first = values[0];
  const instant = (value: Value | undefined) =>
    typeof value === "string" ? (Number.isNaN(Date.parse(value)) ? quoted(value) : exactInstant(value, names.zone, "ko")) : any;
  switch (operator) {
    case "eq": {
      const yesNo = YES_NO[node.key];
      if (yesNo && values.length === 1 && typeof first === "boolean") return yesNo[first ? 0 : 1];
      return at(be(any));
    }
    case "ne":
      return at(notBe(any));
    case "contains":
      return prefixed(`${josa(field, "이/가")} `, present2(josa(any, "을/를"), "포함하"));
    case "notContains":
      return at(past(`${josa(any, "을/를")} 포함하지 않`, `${josa(any, "을/를")} 포함하지 않는`));
    case "startsWith":
      return at(present2(josa(any, "으로/로"), "시작하"));
    case "endsWith":
      return at(present2(josa(any, "으로/로"), "끝나"));
    case "chosung":
      return prefixed(`${field}의 초성에 `, present2(josa(any, "이/가"), "있"));
    case "domain":
      return prefixed(`${field}의 도메인이 `, be(any));
    case "lastDigits":
      return prefixed(`${field}의 뒷자리가 `, be(any));
    case "countryCode":
      return prefixed(`${field}의 국가번호가 `, be(any));
    case "gt":
      return at(be(`${any} 초과`));
    case "gte":
      return at(be(`${any} 이상`));
    case "lt":
      return at(be(`${any} 미만`));
    case "lte":
      return at(be(`${any} 이하`));
    case "between":
      return kind === "date"
        ? at(be(`${instant(first)}부터 ${instant(values[1])} 전까지`))
        : at(be(`${values.map(valueText).join("에서 ")} 사이`));
    case "notBetween":
      return at(notBe(`${values.map(valueText).join("에서 ")} 사이`));
    case "before":
      return at(be(`${instant(first)} 이전`));
    case "after":
      return at(be(`${instant(first)} 이후`));
    case "on":
      return at(be(`${any} 당일`));
    case "withinLast": {
      const done = HAPPENED[node.key];
      return done ? prefixed(`최근 ${any} 안에 `, past(`${done}했`, `${done}한`)) : at(be(`최근 ${any} 이내`));
    }
    case "notWithinLast": {
      return at(past(`${any} 넘게 지났`, `${any} 넘게 지난`));
    }
    case "withinNext":
      return at(be(`앞으로 ${any} 이내`));
    case "calendar":
      return at(be(values.map((each) => CALENDAR_KO[each as CalendarWord] ?? valueText(each)).join(" 또는 ") || "빈 목록"));
    case "anniversary":
      return prefixed(`${field}의 기념일이 `, be(typeof first === "object" && first.n === 0 ? "오늘" : `오늘부터 ${any} 이내`));
    case "hasAny":
      return prefixed(`${field}에 `, present2(`${josa(any, "이/가")}`, "있"));
    case "hasAll":
      return prefixed(`${field}에 `, present2(`${josa(all, "이/가")} 모두`, "있"));
    case "hasNone":
      return prefixed(`${field}에 `, present2(`${josa(any, "이/가")}`, "없"));
    case "isExactly":
      return at(be(`정확히 ${all}`));
    case "hasPrefix":
      return prefixed(`${field}에 ${any} 아래 태그가 `, present2("", "있"));
    case "size":
      return prefixed(`${josa(field, "이/가")} 모두 `, be(any));
    case "in":
      return prefixed(
        "세그먼트 ",
        present2(`${values.map((each) => quoted(names.segment(String(each)))).join(" 또는 ")}에`, "있"),
      );
    case "notIn":
      return prefixed(
        "세그먼트 ",
        present2(`${values.map((each) => quoted(names.segment(String(each)))).join(" 또는 ")}에`, "없"),
      );
    case "exists":
      return present2(subject, "있");
    case "notExists":
      return present2(subject, "없");
    default:
      return prefixed(`${object} `, be(operator satisfies never));
  }
}

const prefixed = (before: string, forms: Forms): Forms => ({
  and: before + forms.and,
  or: before + forms.or,
  end: before + forms.end,
});

const present2 = (before: string, stem: string): Forms => prefixed(before === "" ? "" : `${before} `, present(stem));

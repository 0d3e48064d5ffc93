import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromTyped, splitTerms, toTyped } from "../contacts/values";
import { isStrong, rulesOf } from "../exports/password";
import { initialsOf, matchesWord } from "../filter/initials";
import { targetOf } from "../room/links";
import { parseSearch, readSort, stringifySearch, validateList, writeSort } from "../routes/search";
import { safeNext } from "../session/session";
import { looksOf } from "../session/speaking";
import { exactInstant, formatInstant, formatNumber, fromLocal, nationalPhone, phoneToCopy, readNumber, toLocal } from "./format";
import { josa } from "./josa";

const SEOUL = "Asia/Seoul";

describe("particles", () => {
  it.each([
    ["등급", "이/가", "등급이"],
    ["이름", "을/를", "이름을"],
    ["휴대폰 번호", "은/는", "휴대폰 번호는"],
    ["VIP", "이/가", "VIP가"],
    ["‘홍길동’", "을/를", "‘홍길동’을"],
    ["3", "이/가", "3이"],
    ["2", "이/가", "2가"],
    ["서울", "으로/로", "서울로"],
    ["부산", "으로/로", "부산으로"],
  ] as const)("%s with %s", (word, pair, written) => expect(josa(word, pair)).toBe(written));
});

describe("instants", () => {
  const now = new Date("2026-12-01T03:00:00Z");
  it.each([
    ["2026-12-01T00:12:00Z", "오늘 9:12", "Today 9:12"],
    ["2026-11-30T09:40:00Z", "어제 18:40", "Yesterday 18:40"],
    ["2026-11-30T15:01:00Z", "오늘 0:01", "Today 0:01"],
    ["2026-11-28T03:00:00Z", "3일 전", "3 days ago"],
    ["2026-11-12T00:00:00Z", "11월 12일 9:00", "Nov 12, 9:00"],
    ["2025-08-23T03:00:00Z", "2025년 8월 23일", "Aug 23, 2025"],
    ["2026-12-08T03:00:00Z", "12월 8일 12:00", "Dec 8, 12:00"],
  ])("%s", (instant, ko, en) => {
    expect(formatInstant(instant, SEOUL, "ko", now)).toBe(ko);
    expect(formatInstant(instant, SEOUL, "en", now)).toBe(en);
  });

  it("are told exactly where one points at them", () => {
    expect(exactInstant("2026-11-30T00:12:00.000Z", SEOUL, "ko")).toBe("2026년 11월 30일 (월) 9:12");
    expect(exactInstant("2026-11-30T00:12:05.250Z", SEOUL, "en")).toBe("Mon, Nov 30, 2026, 9:12:05.250");
  });

  it("go into an input and back in every zone", () => {
    const minutes = fc.integer({ min: 0, max: 60_000_000 }).map((minute) => new Date(minute * 60_000).toISOString());
    fc.assert(
      fc.property(
        minutes,
        fc.constantFrom(SEOUL, "UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"),
        (instant, zone) => {
          const back = fromLocal(toLocal(instant, zone), zone);
          expect(back && toLocal(back, zone)).toBe(toLocal(instant, zone));
        },
      ),
    );
    expect(fromLocal("2026-11-12T09:00", SEOUL)).toBe("2026-11-12T00:00:00.000Z");
    expect(fromLocal("tomorrow", SEOUL)).toBeUndefined();
  });
});

describe("numbers", () => {
  it.each([
    ["1,240,000", 1_240_000],
    ["100만", 1_000_000],
    ["１２３", 123],
    ["3.5천", 3_500],
    ["-2", -2],
    ["1.5억", 150_000_000],
    ["abc", undefined],
    ["", undefined],
    ["1e400", undefined],
  ])("%s is read", (typed, value) => expect(readNumber(typed)).toBe(value));

  it("stand in groups, and exactly", () => {
    expect(formatNumber(1_240_000, "ko")).toBe("1,240,000");
    expect(formatNumber(0.1, "ko")).toBe("0.1");
    expect(formatNumber(5e-324, "ko")).toBe("5e-324");
  });
});

describe("telephone numbers", () => {
  it.each([
    ["+821012345678", "010-1234-5678"],
    ["+8221234567", "02-123-4567"],
    ["+82212345678", "02-1234-5678"],
    ["+82311234567", "031-123-4567"],
    ["+15551234567", "+15551234567"],
  ])("%s", (e164, national) => expect(nationalPhone(e164)).toBe(national));
  it("are copied as one wishes", () => {
    expect(phoneToCopy("+821012345678", false)).toBe("010-1234-5678");
    expect(phoneToCopy("+821012345678", true)).toBe("+821012345678");
  });
});

describe("a cell", () => {
  it("is typed and read", () => {
    expect(fromTyped("  ", "text", SEOUL)).toEqual({ ok: true, value: null });
    expect(fromTyped("100만", "number", SEOUL)).toEqual({ ok: true, value: 1_000_000 });
    expect(fromTyped("abc", "number", SEOUL)).toEqual({ ok: false, why: "number" });
    expect(fromTyped("false", "boolean", SEOUL)).toEqual({ ok: true, value: false });
  });

  it("keeps the elements of a list, whatever they hold", () => {
    const elements = fc.array(fc.string({ minLength: 1 }).filter((text) => text.trim() !== "" && text === text.trim()));
    fc.assert(
      fc.property(elements, (list) => {
        const back = fromTyped(toTyped(list, "list", SEOUL), "list", SEOUL);
        expect(back.ok && (back.value ?? [])).toEqual(list);
      }),
    );
  });

  it.each([
    ['010-1234-5678, 010 "9876 5432"\t a', ["010-1234-5678", "010", "9876 5432", "a"]],
    ['"a, b" c，d　e', ["a, b", "c", "d", "e"]],
    ['5" tall', ['5"', "tall"]],
    ["", []],
  ])("splits %j into its terms", (text, terms) => expect(splitTerms(text)).toEqual(terms));
});

describe("the address", () => {
  it("holds texts as they are", () => {
    expect(parseSearch("?q=7917&sort=-lastSeenAt%2Cname")).toEqual({ q: "7917", sort: "-lastSeenAt,name" });
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]+$/), fc.string({ unit: "grapheme" })), (search) => {
        expect(parseSearch(stringifySearch(search))).toEqual({ ...search });
      }),
    );
  });
  it("is read with care", () => {
    expect(validateList({ q: "7917", f: 3, peek: "", other: "x" })).toEqual({ q: "7917" });
    expect(readSort("-lastSeenAt,name,")).toEqual([
      { key: "lastSeenAt", order: "desc" },
      { key: "name", order: "asc" },
    ]);
    expect(writeSort(readSort("-lastSeenAt,name"))).toBe("-lastSeenAt,name");
  });
  it.each(["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", undefined, 3, "/\n/evil"])(
    "is never left after logging in: %j",
    (next) => expect(safeNext(next)).toBe("/contacts"),
  );
  it("comes back to where one was", () => expect(safeNext("/segments?q=1")).toBe("/segments?q=1"));
});

describe("small words", () => {
  it("finds fields by initials", () => {
    expect(initialsOf("최근 접속 시간")).toBe("ㅊㄱ ㅈㅅ ㅅㄱ");
    expect(matchesWord("최근 접속 시간 lastSeenAt", "ㅈㅅ")).toBe(true);
    expect(matchesWord("최근 접속 시간 lastSeenAt", "seen")).toBe(true);
    expect(matchesWord("이름", "번호")).toBe(false);
  });
  it("judges a password as the server does", () => {
    expect(isStrong("abc12!")).toBe(true);
    expect(rulesOf("abcdef")).toEqual({ length: true, letter: true, digit: false, symbol: false });
    expect(isStrong("a1!")).toBe(false);
  });
  it("knows where a message leads", () => {
    const id = "01a22fce-db21-7483-b5fb-ec7929351214";
    expect(targetOf(`http://other:8080/exports/${id}`, "http://here")).toEqual({ kind: "export", id });
    expect(targetOf("https://evil.example/x", "http://here")).toBeUndefined();
    expect(targetOf(null, "http://here")).toBeUndefined();
  });
  it("takes looks from what is kept, and from the browser where nothing is", () => {
    expect(looksOf({ language: "en", theme: "dark", copyCountryCode: true }, ["ko"])).toEqual({
      language: "en",
      theme: "dark",
      copyCountryCode: true,
    });
    expect(looksOf({ language: "fr", theme: "neon" }, ["fr", "en-GB"])).toEqual({
      language: "en",
      theme: "system",
      copyCountryCode: false,
    });
  });
});

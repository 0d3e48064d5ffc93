/** Numbers, instants and telephone numbers as people of a language write them. */

export type Language = "ko" | "en";

const locale = (language: Language): string => (language === "ko" ? "ko-KR" : "en-US");

const numbers = new Map<Language, Intl.NumberFormat>();

/** Exactly as it is: digits in groups; what would take more than twenty digits stands as programs write it. */
export function formatNumber(value: number, language: Language): string {
  const written = String(value);
  if (written.includes("e")) return written;
  let format = numbers.get(language);
  if (!format) {
    format = new Intl.NumberFormat(locale(language), { maximumFractionDigits: 20 });
    numbers.set(language, format);
  }
  return format.format(value);
}

export interface Parts {
  year: number;
  month: number;
  day: number;
  weekday: number;
  hour: number;
  minute: number;
  second: number;
}

const zones = new Map<string, Intl.DateTimeFormat>();

function zoneFormat(zone: string): Intl.DateTimeFormat {
  let format = zones.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      weekday: "short",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    zones.set(zone, format);
  }
  return format;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** The clock of a zone at an instant. */
export function partsOf(instant: Date, zone: string): Parts {
  const found = new Map(
    zoneFormat(zone)
      .formatToParts(instant)
      .map((part) => [part.type, part.value]),
  );
  const number = (type: Intl.DateTimeFormatPartTypes) => Number(found.get(type));
  return {
    year: number("year"),
    month: number("month"),
    day: number("day"),
    weekday: WEEKDAYS.indexOf(found.get("weekday") ?? "Sun"),
    hour: number("hour"),
    minute: number("minute"),
    second: number("second"),
  };
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Midnights between two days, counted by the calendar. */
function daysBetween(from: Parts, to: Parts): number {
  return Math.round((Date.UTC(to.year, to.month - 1, to.day) - Date.UTC(from.year, from.month - 1, from.day)) / 86_400_000);
}

const KO_WEEKDAYS = ["일", "월", "화", "수", "목", "금", "토"];
const EN_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Within seven days relative (오늘 9:12, 어제 18:40, 3일 전), else a date; another year is named. */
export function formatInstant(value: string, zone: string, language: Language, now: Date): string {
  const instant = new Date(value);
  const at = partsOf(instant, zone);
  const today = partsOf(now, zone);
  const days = daysBetween(at, today);
  const clock = `${at.hour}:${two(at.minute)}`;
  if (instant <= now && days >= 0 && days < 7) {
    if (days === 0) return language === "ko" ? `오늘 ${clock}` : `Today ${clock}`;
    if (days === 1) return language === "ko" ? `어제 ${clock}` : `Yesterday ${clock}`;
    return language === "ko" ? `${days}일 전` : `${days} days ago`;
  }
  if (language === "ko")
    return at.year === today.year ? `${at.month}월 ${at.day}일 ${clock}` : `${at.year}년 ${at.month}월 ${at.day}일`;
  const month = EN_MONTHS[at.month - 1];
  return at.year === today.year ? `${month} ${at.day}, ${clock}` : `${month} ${at.day}, ${at.year}`;
}

/** The whole instant, to the second where it has seconds and to the millisecond where it has those. */
export function exactInstant(value: string, zone: string, language: Language): string {
  const instant = new Date(value);
  const at = partsOf(instant, zone);
  const rest = instant.getUTCMilliseconds();
  const seconds = at.second || rest ? `:${two(at.second)}${rest ? `.${String(rest).padStart(3, "0")}` : ""}` : "";
  const clock = `${at.hour}:${two(at.minute)}${seconds}`;
  return language === "ko"
    ? `${at.year}년 ${at.month}월 ${at.day}일 (${KO_WEEKDAYS[at.weekday]}) ${clock}`
    : `${WEEKDAYS[at.weekday]}, ${EN_MONTHS[at.month - 1]} ${at.day}, ${at.year}, ${clock}`;
}

/** The clock alone: 9:12. */
export function formatClock(value: Date, zone: string): string {
  const at = partsOf(value, zone);
  return `${at.hour}:${two(at.minute)}`;
}

/** A date and time as `datetime-local` takes it, in a zone. */
export function toLocal(value: string, zone: string): string {
  const at = partsOf(new Date(value), zone);
  return `${String(at.year).padStart(4, "0")}-${two(at.month)}-${two(at.day)}T${two(at.hour)}:${two(at.minute)}`;
}

/** The instant of a `datetime-local` text in a zone; within a gap of daylight saving, the one after it. */
export function fromLocal(text: string, zone: string): string | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute] = match.slice(1).map(Number) as [number, number, number, number, number];
  const wanted = Date.UTC(year, month - 1, day, hour, minute);
  let guess = wanted;
  for (let round = 0; round < 3; round += 1) {
    const at = partsOf(new Date(guess), zone);
    const shown = Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute);
    if (shown === wanted) break;
    guess += wanted - shown;
  }
  return new Date(guess).toISOString();
}

/** A Korean number in its national form with hyphens; any other as it is. */
export function nationalPhone(e164: string): string {
  if (!e164.startsWith("+82")) return e164;
  const digits = `0${e164.slice(3)}`;
  const head = digits.startsWith("02") ? 2 : digits.startsWith("050") && digits.length > 11 ? 4 : 3;
  const rest = digits.slice(head);
  if (rest.length < 7 || rest.length > 8) return digits;
  return `${digits.slice(0, head)}-${rest.slice(0, -4)}-${rest.slice(-4)}`;
}

/** How a number is copied: in the national form, or with its country code. */
export function phoneToCopy(e164: string, withCountryCode: boolean): string {
  return withCountryCode ? e164 : nationalPhone(e164);
}

/** A number as typed: full-width digits, separators, 만 and 천 are understood; undefined for what is none. */
export function readNumber(text: string): number | undefined {
  const plain = text.normalize("NFKC").replace(/[,\s_]/g, "");
  const units: Record<string, number> = { 천: 1e3, 만: 1e4, 백만: 1e6, 천만: 1e7, 억: 1e8 };
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(천만|백만|천|만|억)?$/i.exec(plain);
  if (!match) return undefined;
  const value = Number(match[1]) * (match[2] ? (units[match[2]] ?? 1) : 1);
  return Number.isFinite(value) ? value : undefined;
}

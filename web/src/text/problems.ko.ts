/** Refusals in Korean, by the API's `code` and the figures that stand beside it. */

import { formatNumber } from "./format";

export interface Told {
  code: string;
  status: number;
  detail: string;
  [member: string]: unknown;
}

const n = (value: unknown): string => (typeof value === "number" ? formatNumber(value, "ko") : "");

/** The codes with words of their own; anything else is told by its status, with the server's own text. */
export const problemsKo = {
  codes: {
    unavailable: () => "서비스가 잠시 연결되지 않습니다. 곧 다시 시도해 주세요.",
    unauthorized: () => "로그인이 끝났습니다. 다시 로그인해 주세요.",
    noSession: () => "로그인이 끝났습니다. 다시 로그인해 주세요.",
    forbidden: () => "이 일을 할 권한이 없습니다.",
    notFound: () => "찾는 것이 없습니다. 지워졌거나 주소가 다릅니다.",
    erased: () => "영구 삭제된 고객입니다.",
    archivedField: () => "아카이빙된 항목입니다. 먼저 복구하거나 조건에서 빼 주세요.",
    unknownField: () => "그런 항목이 없습니다.",
    staleValue: () => "이 값이 그사이에 바뀌었습니다.",
    staleVersion: () => "그사이에 바뀌었습니다. 다시 확인해 주세요.",
    notCaughtUp: () => "방금 고친 내용이 아직 반영되지 않았습니다. 잠시 뒤 다시 시도해 주세요.",
    cursorExpired: () => "목록이 오래되어 다시 불러옵니다.",
    weakPassword: () => "비밀번호는 영문, 숫자, 기호를 모두 넣어 6자 이상이어야 합니다.",
    fingerprintMismatch: () => "한 시간이 지났거나 조건의 뜻이 바뀌었습니다. 다시 세어 주세요.",
    audienceChanged: (told: Told) => `그사이 대상이 ${n(told.total)}명으로 늘었습니다. 다시 확인해 주세요.`,
    tooManyRows: (told: Told) => `${n(told.total)}명은 한 번에 받을 수 있는 수보다 많습니다. 조건으로 나눠 주세요.`,
    exportWindow: () => "다운로드는 정해진 간격마다 할 수 있습니다. 조금 뒤에 다시 해 주세요.",
    tooLarge: () => "너무 큽니다. 나눠서 보내 주세요.",
    wrongType: () => "이 항목에 맞지 않는 값입니다.",
    badCharacter: () => "쓸 수 없는 글자가 들어 있습니다. 지우고 다시 해 주세요.",
    offline: () => "오프라인입니다. 연결되면 다시 해 주세요.",
  } satisfies Record<string, (told: Told) => string> as Record<string, (told: Told) => string>,
  byStatus: (told: Told): string => {
    if (told.status >= 500) return "서비스에 문제가 생겼습니다. 잠시 뒤 다시 시도해 주세요.";
    if (told.status === 429) return "너무 자주 요청했습니다. 조금 뒤에 다시 해 주세요.";
    return `받아들여지지 않았습니다. ${told.detail}`;
  },
  requestId: "요청 번호",
};

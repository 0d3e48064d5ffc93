/** Whether a file's password is strong enough, rule by rule, as the server judges it. */

export interface Rules {
  length: boolean;
  letter: boolean;
  digit: boolean;
  symbol: boolean;
}

const MOST = 255;

export function rulesOf(password: string): Rules {
  return {
    length: password.length >= 6 && password.length <= MOST,
    letter: /[A-Za-z]/.test(password),
    digit: /[0-9]/.test(password),
    symbol: /[!-/:-@[-`{-~]/.test(password),
  };
}

export const isStrong = (password: string): boolean => Object.values(rulesOf(password)).every(Boolean);

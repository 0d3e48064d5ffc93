/** A thing that was done says what, and how to take it back: one line at the bottom, read out politely. */

import { X } from "lucide-react";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";
import { useText } from "../text/language";
import { Button, IconButton } from "./parts";

interface Toast {
  id: number;
  words: string;
  action?: { words: string; run: () => void } | undefined;
}

type Say = (words: string, action?: { words: string; run: () => void }) => void;

const Context = createContext<Say>(() => undefined);

export const useSay = (): Say => useContext(Context);

const SHOWN = 6_000;

export function Toasts({ children }: { children: ReactNode }) {
  const text = useText();
  const [toasts, setToasts] = useState<Toast[]>([]);
  const last = useRef(0);
  const dismiss = useCallback((id: number) => setToasts((before) => before.filter((toast) => toast.id !== id)), []);
  const say = useCallback<Say>(
    (words, action) => {
      last.current += 1;
      const id = last.current;
      setToasts((before) => [...before.slice(-2), { id, words, action }]);
      setTimeout(() => dismiss(id), action ? SHOWN * 2 : SHOWN);
    },
    [dismiss],
  );
  const shown = useMemo(
    () =>
      toasts.map((toast) => (
        <div className="toast" key={toast.id}>
          <span>{toast.words}</span>
          {toast.action && (
            <Button
              small
              onPress={() => {
                toast.action?.run();
                dismiss(toast.id);
              }}
            >
              {toast.action.words}
            </Button>
          )}
          <IconButton small name={text.act.close} onPress={() => dismiss(toast.id)}>
            <X size={14} />
          </IconButton>
        </div>
      )),
    [toasts, dismiss, text],
  );
  return (
    <Context value={say}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {shown}
      </div>
    </Context>
  );
}

/** The small parts that every page is made of. */

import { Check, Minus } from "lucide-react";
import type { ReactNode } from "react";
import { Button as AriaButton, type ButtonProps, Tooltip, TooltipTrigger } from "react-aria-components";
import { useText } from "../text/language";

type Look = "plain" | "primary" | "bare" | "icon";

interface Props extends Omit<ButtonProps, "className" | "style"> {
  look?: Look;
  small?: boolean;
  on?: boolean;
  /** Why it cannot be pressed: shown when one points at it, and read out. */
  refused?: string | undefined;
  children: ReactNode;
}

export function Button({ look = "plain", small = false, on, refused, children, ...rest }: Props) {
  const className = small ? "button small" : "button";
  if (refused !== undefined) {
    return (
      <TooltipTrigger delay={200}>
        <AriaButton {...rest} className={className} data-look={look} aria-disabled="true" onPress={() => undefined}>
          {children}
          <span className="unseen">{refused}</span>
        </AriaButton>
        <Tooltip className="tooltip" offset={6}>
          {refused}
        </Tooltip>
      </TooltipTrigger>
    );
  }
  return (
    <AriaButton {...rest} className={className} data-look={look} {...(on === undefined ? {} : { "data-on": on })}>
      {children}
    </AriaButton>
  );
}

/** A button of one icon, with a name that is shown when one points at it. */
export function IconButton({ name, children, ...rest }: Omit<Props, "look" | "aria-label"> & { name: string }) {
  return (
    <TooltipTrigger delay={500}>
      <Button {...rest} look="icon" aria-label={name}>
        {children}
      </Button>
      <Tooltip className="tooltip" offset={6}>
        {name}
      </Tooltip>
    </TooltipTrigger>
  );
}

export function Empty({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
      {actions && <div className="actions">{actions}</div>}
    </div>
  );
}

export function Bone({ width }: { width: number | string }) {
  return <span className="bone" style={{ width }} />;
}

/** The box of a checkbox; who draws it says its state in words as well. */
export function CheckBox({ state }: { state: "on" | "off" | "some" }) {
  return (
    <span className="check" data-state={state} aria-hidden="true">
      {state === "some" ? <Minus size={12} strokeWidth={3} /> : <Check size={12} strokeWidth={3} />}
    </span>
  );
}

export function Avatar({ name, large = false }: { name: string | null; large?: boolean }) {
  const initial = [...(name ?? "").trim()][0] ?? "·";
  return (
    <span className="avatar" data-size={large ? "large" : "usual"} aria-hidden="true">
      {initial}
    </span>
  );
}

export function Bar({ part, label, look }: { part: number | null; label: string; look?: "ok" | "danger" | undefined }) {
  const scale = part === null ? 0.08 : Math.min(1, Math.max(0.02, part));
  return (
    <div
      className="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(part === null ? {} : { "aria-valuenow": Math.round(part * 100) })}
      {...(look ? { "data-look": look } : {})}
    >
      <span style={{ transform: `scaleX(${scale})` }} />
    </div>
  );
}

/** A row that says that nothing is known yet. */
export function Loading() {
  const text = useText();
  return (
    <output className="unseen" aria-live="polite">
      {text.state.loading}
    </output>
  );
}

/** The head of the list: whose it is, how many and of when, and what one can do with it. */

import { Check, ListFilter, MoreHorizontal, RefreshCw } from "lucide-react";
import { useEffect, useState } from "react";
import { Button as AriaButton, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { useAllowed } from "../session/session";
import { useLooks } from "../session/speaking";
import type { Texts } from "../text/ko";
import { useText } from "../text/language";
import { Bone, Button, IconButton } from "../ui/parts";
import type { ListState } from "./listing";

interface Props {
  title: string;
  state: ListState;
  fresh: number;
  filtering: boolean;
  conditions: number;
  onFilter(): void;
  onExport(): void;
  onRefresh(): void;
}

export function Toolbar({ title, state, fresh, filtering, conditions, onFilter, onExport, onRefresh }: Props) {
  const text = useText();
  return (
    <header className="toolbar">
      <h1 className="cut">{title}</h1>
      <p className="toolbar-count figures" aria-live="polite">
        {state.at === undefined ? <Bone width={88} /> : <Count state={state} />}
      </p>
      {fresh > 0 && (
        <Button small look="bare" onPress={onRefresh}>
          <span className="live">{text.list.fresh(fresh)}</span>
        </Button>
      )}
      <span className="spring" />
      <IconButton name={text.list.refresh} onPress={onRefresh}>
        <RefreshCw size={15} />
      </IconButton>
      <Button on={filtering} onPress={onFilter} aria-expanded={filtering}>
        <ListFilter size={15} aria-hidden="true" />
        <span className="wide-only">{text.list.filter}</span>
        {conditions > 0 && <span className="figures">{conditions}</span>}
      </Button>
      <More onExport={onExport} />
    </header>
  );
}

function Count({ state }: { state: ListState }) {
  const text = useText();
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((before) => before + 1), 30_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <b>{text.people(state.total)}</b> <span className="quiet wide-only">· {ageOf(state.at ?? new Date(), text)}</span>
    </>
  );
}

function ageOf(at: Date, text: Texts): string {
  const minutes = Math.floor((Date.now() - at.getTime()) / 60_000);
  return minutes < 1 ? text.state.now : text.state.minutesAgo(minutes);
}

function More({ onExport }: { onExport(): void }) {
  const text = useText();
  const looks = useLooks();
  const mayExport = useAllowed("exports.create");
  return (
    <MenuTrigger>
      <AriaButton className="button" aria-label={text.list.more}>
        <MoreHorizontal size={16} aria-hidden="true" />
        <span className="wide-only">{text.list.more}</span>
      </AriaButton>
      <Popover className="popover" placement="bottom end">
        <Menu className="menu" aria-label={text.list.more} {...(mayExport ? {} : { disabledKeys: ["export"] })}>
          <MenuItem id="export" onAction={onExport} textValue={text.list.exportResults}>
            {text.list.exportResults}
            <span className="sub">{mayExport ? "Excel" : text.state.noPermission("exports.create")}</span>
          </MenuItem>
          <MenuItem
            id="copy"
            textValue={text.list.copyWithout}
            aria-checked={!looks.copyCountryCode}
            onAction={() => looks.choose({ copyCountryCode: !looks.copyCountryCode })}
          >
            {text.list.copyWithout}
            <span className="sub">{!looks.copyCountryCode && <Check size={14} aria-hidden="true" />}</span>
          </MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

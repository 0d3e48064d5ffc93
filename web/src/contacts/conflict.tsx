/** Two values for one cell: what is there by now, and ours; nothing is overwritten without a word. */

import { Dialog, Popover } from "react-aria-components";
import type { Contact } from "../api/types";
import { formatClock } from "../text/format";
import { useText } from "../text/language";
import { Button } from "../ui/parts";
import { type Column, cellText, type Shown } from "./columns";
import type { Edit } from "./edits";

interface Props {
  contact: Contact;
  column: Column;
  edit: Edit & { state: "conflict" | "failed" };
  shown: Shown;
  anchor: { current: Element | null };
  onMine(): void;
  onTheirs(): void;
}

export function Conflict({ column, edit, shown, anchor, onMine, onTheirs }: Props) {
  const text = useText();
  return (
    <Popover
      className="popover conflict"
      triggerRef={anchor}
      isOpen
      onOpenChange={(open) => !open && onTheirs()}
      placement="bottom start"
      isNonModal={false}
    >
      <Dialog className="conflict-body" aria-label={column.name}>
        {edit.state === "conflict" ? <Both edit={edit} column={column} shown={shown} /> : <p className="error">{edit.why}</p>}
        <div className="conflict-foot">
          <Button small onPress={onTheirs}>
            {text.act.keepTheirs}
          </Button>
          <Button small look="primary" onPress={onMine}>
            {edit.state === "conflict" ? text.act.keepMine : text.act.retry}
          </Button>
        </div>
      </Dialog>
    </Popover>
  );
}

function Both({ edit, column, shown }: { edit: Edit & { state: "conflict" }; column: Column; shown: Shown }) {
  const text = useText();
  const words = (value: unknown) => cellText(value, column, shown) || text.cell.none;
  return (
    <>
      <p className="conflict-who">
        {edit.by !== null && edit.at !== null
          ? text.cell.conflict(edit.by, formatClock(new Date(edit.at), shown.zone))
          : text.cell.conflictUnknown}
      </p>
      <dl className="facts">
        <div className="fact">
          <dt>{text.cell.theirs}</dt>
          <dd className="figures">{words(edit.current)}</dd>
        </div>
        <div className="fact">
          <dt>{text.cell.mine}</dt>
          <dd className="figures">{words(edit.value)}</dd>
        </div>
      </dl>
    </>
  );
}

/** Choosing a field: by part of its name, its key or its initials; the common ones first. */

import { ChevronDown } from "lucide-react";
import { useMemo, useState } from "react";
import {
  Autocomplete,
  Button,
  Dialog,
  DialogTrigger,
  Header,
  Input,
  ListBox,
  ListBoxItem,
  ListBoxSection,
  Popover,
  TextField,
} from "react-aria-components";
import type { Fields } from "../contacts/fields";
import { useText } from "../text/language";
import { matchesWord } from "./initials";

const COMMON = ["member", "lastSeenAt", "profile.lastCheckoutCompletedAt", "sessionsCount"];

interface Choice {
  key: string;
  name: string;
}

interface Props {
  chosen: string | undefined;
  fields: Fields | undefined;
  onPick(key: string): void;
}

export function FieldPicker({ chosen, fields, onPick }: Props) {
  const text = useText();
  const [open, setOpen] = useState(chosen === undefined);
  const groups = useMemo(() => {
    const choices = (fields?.all ?? [])
      .filter((field) => !field.archived)
      .map((field): Choice => ({ key: field.key, name: fields?.name(field.key) ?? field.key }));
    const common = choices.filter(({ key }) => COMMON.includes(key));
    const rest = choices.filter(({ key }) => !COMMON.includes(key));
    return [
      { id: "common", name: text.filter.groups.common, choices: common },
      { id: "profile", name: text.filter.groups.profile, choices: rest.filter(({ key }) => key.startsWith("profile.")) },
      { id: "basic", name: text.filter.groups.basic, choices: rest.filter(({ key }) => !key.startsWith("profile.")) },
      { id: "segment", name: text.filter.groups.segment, choices: [{ key: "segment", name: text.filter.segmentField }] },
    ];
  }, [fields, text]);
  return (
    <DialogTrigger isOpen={open} onOpenChange={setOpen}>
      <Button className="button" aria-label={chosen === undefined ? text.filter.field : `${text.filter.field} ${chosen}`}>
        {chosen ?? text.filter.field}
        <ChevronDown size={14} aria-hidden="true" />
      </Button>
      <Popover className="popover picker" placement="bottom start">
        <Dialog aria-label={text.filter.searchField} className="picker-body">
          <Autocomplete filter={(words, typed) => matchesWord(words, typed)}>
            <TextField aria-label={text.filter.searchField} autoFocus className="picker-search">
              <Input className="input" placeholder={text.filter.searchField} />
            </TextField>
            <ListBox
              className="menu picker-list"
              aria-label={text.filter.field}
              selectionMode="single"
              onAction={(key) => {
                setOpen(false);
                onPick(String(key));
              }}
            >
              {groups.map((group) => (
                <ListBoxSection key={group.id} id={`group:${group.id}`}>
                  <Header>{group.name}</Header>
                  {group.choices.map((choice) => (
                    <ListBoxItem key={choice.key} id={choice.key} textValue={`${choice.name} ${choice.key}`}>
                      {choice.name}
                      <span className="sub">{choice.key.replace(/^profile\./, "")}</span>
                    </ListBoxItem>
                  ))}
                </ListBoxSection>
              ))}
            </ListBox>
          </Autocomplete>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

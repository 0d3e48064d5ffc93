/** Who one is, and how the console looks to one. */

import { useQueryClient } from "@tanstack/react-query";
import { ChevronDown } from "lucide-react";
import {
  Button as AriaButton,
  Header,
  Menu,
  MenuItem,
  MenuSection,
  MenuTrigger,
  Popover,
  Separator,
} from "react-aria-components";
import { forgetPosition } from "../api/client";
import { useSession } from "../session/session";
import { type Theme, useLooks } from "../session/speaking";
import type { Language } from "../text/format";
import { useText } from "../text/language";

const LANGUAGES: Record<Language, string> = { ko: "한국어", en: "English" };
const THEMES: readonly Theme[] = ["system", "light", "dark"];

export function AccountMenu() {
  const text = useText();
  const session = useSession();
  const looks = useLooks();
  const queries = useQueryClient();

  const logOut = async () => {
    await fetch("/auth/logout", { method: "POST", headers: { "Dangol-Console": "1" } });
    forgetPosition();
    queries.clear();
    location.assign("/login");
  };

  return (
    <MenuTrigger>
      <AriaButton className="account" aria-label={`${text.product} · ${session.channel.name} · ${session.name}`}>
        <img src="/icon.svg" alt="" width={24} height={24} />
        <span className="account-names">
          <b>{text.product}</b>
          <span className="cut">{session.channel.name}</span>
        </span>
        <ChevronDown size={14} aria-hidden="true" />
      </AriaButton>
      <Popover className="popover" placement="bottom start">
        <Menu className="menu" aria-label={text.nav.me}>
          <MenuSection
            selectionMode="single"
            selectedKeys={[looks.language]}
            onSelectionChange={(keys) => {
              const [key] = [...keys];
              if (key === "ko" || key === "en") looks.choose({ language: key });
            }}
          >
            <Header>
              {session.name} · {text.nav.language}
            </Header>
            {Object.entries(LANGUAGES).map(([key, name]) => (
              <MenuItem key={key} id={key}>
                {name}
                {looks.language === key && <span className="sub">✓</span>}
              </MenuItem>
            ))}
          </MenuSection>
          <Separator />
          <MenuSection
            selectionMode="single"
            selectedKeys={[looks.theme]}
            onSelectionChange={(keys) => {
              const theme = THEMES.find((each) => [...keys].includes(each));
              if (theme) looks.choose({ theme });
            }}
          >
            <Header>{text.nav.theme}</Header>
            {THEMES.map((theme) => (
              <MenuItem key={theme} id={theme}>
                {text.nav.themes[theme]}
                {looks.theme === theme && <span className="sub">✓</span>}
              </MenuItem>
            ))}
          </MenuSection>
          <Separator />
          <MenuItem id="logout" onAction={() => void logOut()}>
            {text.nav.logOut}
          </MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

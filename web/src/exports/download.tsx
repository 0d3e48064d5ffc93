/** The file itself: a form's POST, so that the browser streams it to the disk with the session's cookie. */

import { Download } from "lucide-react";
import { useText } from "../text/language";

export function DownloadButton({ id, small = false }: { id: string; small?: boolean }) {
  const text = useText();
  return (
    <form method="post" action={`/v1/exports/${encodeURIComponent(id)}/download`}>
      <button type="submit" className={small ? "button small" : "button"} data-look="primary">
        <Download size={14} aria-hidden="true" />
        {text.act.download}
      </button>
    </form>
  );
}

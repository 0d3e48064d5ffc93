/** A band while there is no network: what is loaded stays readable. */

import { useEffect, useState } from "react";
import { useChannelZone } from "../contacts/fields";
import { formatClock } from "../text/format";
import { useText } from "../text/language";

export function useOffline(): Date | undefined {
  const [since, setSince] = useState<Date | undefined>(() => (navigator.onLine ? undefined : new Date()));
  useEffect(() => {
    const gone = () => setSince(new Date());
    const back = () => setSince(undefined);
    addEventListener("offline", gone);
    addEventListener("online", back);
    return () => {
      removeEventListener("offline", gone);
      removeEventListener("online", back);
    };
  }, []);
  return since;
}

export function OfflineBand() {
  const text = useText();
  const zone = useChannelZone();
  const since = useOffline();
  if (!since) return null;
  return (
    <div className="band offline" data-look="warn" role="status">
      {text.state.offline(formatClock(since, zone))}
    </div>
  );
}

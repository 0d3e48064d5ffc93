/** 나와의 대화방: what the notice bot says to one alone, newest first. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Bell } from "lucide-react";
import { api, unwrap } from "../api/client";
import { roomQuery } from "../api/queries";
import type { RoomMessage } from "../api/types";
import { AreaFell } from "../app/states";
import { useChannelZone } from "../contacts/fields";
import { DownloadButton } from "../exports/download";
import { exactInstant, formatInstant } from "../text/format";
import { useText } from "../text/language";
import { Button, Empty, Loading } from "../ui/parts";
import { targetOf } from "./links";

export function RoomPage() {
  const text = useText();
  const queries = useQueryClient();
  const room = useQuery(roomQuery);
  const newest = room.data?.items[0]?.id;
  const read = useMutation({
    mutationFn: (until: string) => unwrap(api.POST("/v1/rooms/me/read", { body: { until } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: roomQuery.queryKey }),
  });
  return (
    <main className="page narrow-page">
      <header className="page-head">
        <h1>{text.room.title}</h1>
        {newest !== undefined && (room.data?.unread ?? 0) > 0 && (
          <Button onPress={() => read.mutate(newest)} isDisabled={read.isPending}>
            {text.room.readAll}
          </Button>
        )}
      </header>
      {room.isPending && <Loading />}
      {room.error && <AreaFell error={room.error} onRetry={() => void room.refetch()} />}
      {room.data?.items.length === 0 && (
        <Empty title={text.room.emptyTitle}>
          <p>{text.room.emptyText}</p>
        </Empty>
      )}
      <ol className="messages">
        {room.data?.items.map((message) => (
          <Message key={message.id} message={message} />
        ))}
      </ol>
    </main>
  );
}

function Message({ message }: { message: RoomMessage }) {
  const text = useText();
  const zone = useChannelZone();
  const target = targetOf(message.link, location.origin);
  return (
    <li className="message" data-unread={message.readAt === null}>
      <span className="avatar" data-size="large" aria-hidden="true">
        <Bell size={18} />
      </span>
      <div className="message-body">
        <p className="message-head">
          <b>{text.room.bot}</b>
          <time className="hint figures" dateTime={message.at} title={exactInstant(message.at, zone, text.language)}>
            {formatInstant(message.at, zone, text.language, new Date())}
          </time>
          {message.readAt === null && (
            <span className="unread-dot">
              <span className="unseen">{text.room.unread}</span>
            </span>
          )}
        </p>
        <p className="message-text">{message.text}</p>
        {target?.kind === "export" && <DownloadButton id={target.id} />}
        {target?.kind === "segment" && (
          <Link to="/contacts" search={{ segment: target.id }} className="button">
            {text.room.openSegment}
          </Link>
        )}
        {target?.kind === "other" && (
          <a className="button" href={target.path}>
            {text.room.open}
          </a>
        )}
      </div>
    </li>
  );
}

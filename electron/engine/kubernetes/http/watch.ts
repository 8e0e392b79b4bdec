import type { ListOptions, WatchEvent } from '../client.ts'
import { apiVersionOf } from '../kinds/kind.ts'
import { withDescriptions } from '../openapi/column-descriptions.ts'
import { NO_CACHE, warningHeaders } from './exchange.ts'
import { partial, tableDocument, typed } from './negotiate.ts'
import type { Call } from './objects.ts'

/** How long a watch lasts that does not say it, in s: between 30 and 60 minutes (--min-request-timeout). */
const DEFAULT_TIMEOUT = 2700

/** A stream of `{"type": …, "object": …}`, one a line: endpoints/handlers/watch.go. */
export function serveWatch(call: Call, options: ListOptions): () => void {
  const { client, sink, key, negotiated, info: { query, resource }, warnings } = call
  let header = true
  const frame = (type: string, object: object): void => sink.data(`${JSON.stringify({ type, object })}\n`)
  const send = (event: WatchEvent): void => {
    if (event.type === 'ERROR') return frame('ERROR', event.status)
    if (event.type === 'BOOKMARK') return frame('BOOKMARK', bookmark(call, event))
    const { object } = event
    if (negotiated.form === 'table') {
      frame(event.type, tableDocument(withDescriptions(client.tableOf(key, [object]), resource), query, header))
      header = false
    } else frame(event.type, negotiated.form === 'partial' ? partial(object) : typed(object))
  }
  const initial = query.get('sendInitialEvents')
  const stop = client.watch(
    key,
    {
      ...options,
      allowWatchBookmarks: query.flag('allowWatchBookmarks'),
      ...(initial === undefined ? {} : { sendInitialEvents: query.flag('sendInitialEvents') }),
      timeoutSeconds: query.number('timeoutSeconds') || DEFAULT_TIMEOUT,
      onEnd: () => sink.end(),
    },
    send,
  )
  sink.head(200, [NO_CACHE, ['Content-Type', 'application/json'], ...warningHeaders(warnings)])
  return stop
}

function bookmark({ info: { resource } }: Call, event: WatchEvent & { type: 'BOOKMARK' }): object {
  const { resourceVersion, annotations } = event
  return { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata: { resourceVersion, creationTimestamp: null, ...(annotations ? { annotations } : {}) } }
}

import { StatusError, type ListOptions, type WatchEvent } from '../client.ts'
import { apiVersionOf } from '../kinds/kind.ts'
import { warningHeaders, type Exchange } from './handler.ts'
import { partial, tableDocument } from './negotiate.ts'
import type { Call } from './objects.ts'

/** How long a watch lasts that does not say it, in s: between 30 and 60 minutes (--min-request-timeout). */
const DEFAULT_TIMEOUT = 2700

/** A stream of `{"type": …, "object": …}`, one a line: endpoints/handlers/watch.go. */
export function serveWatch(call: Call, options: ListOptions): () => void {
  const { client, clock, sink, key, negotiated, info: { query, resource }, warnings } = call
  let header = true
  const frame = (type: string, object: object): void => sink.data(`${JSON.stringify({ type, object })}\n`)
  const send = (event: WatchEvent): void => {
    if (event.type === 'ERROR') {
      frame('ERROR', event.status)
      return end()
    }
    if (event.type === 'BOOKMARK') return frame('BOOKMARK', bookmark(call, event))
    const { object } = event
    if (negotiated.form === 'table') {
      frame(event.type, tableDocument(client.tableOf(key, [object]), query, header))
      header = false
    } else frame(event.type, negotiated.form === 'partial' ? partial(object) : object)
  }
  let open = true
  const close = (): void => {
    open = false
    stop()
    clock.cancel(timer)
  }
  const end = (): void => {
    if (!open) return
    close()
    sink.end()
  }
  const bookmarks = query.flag('allowWatchBookmarks')
  const initial = query.get('sendInitialEvents')
  const watched = { ...options, ...(bookmarks ? { allowWatchBookmarks: true } : {}), ...(initial === undefined ? {} : { sendInitialEvents: query.flag('sendInitialEvents') }) }
  let stop: () => void
  try {
    stop = client.watch(key, watched, send)
  } catch (error) {
    // a watch that has begun is answered in the stream: the status of the answer is already out
    if (!(error instanceof StatusError) || error.status.code !== 410) throw error
    begin(call)
    frame('ERROR', error.status)
    sink.end()
    return () => undefined
  }
  begin(call, warnings)
  void resource
  const timer = clock.schedule(1000 * (query.number('timeoutSeconds') || DEFAULT_TIMEOUT), end, { background: true })
  return () => {
    if (open) close()
  }
}

function begin({ sink }: Exchange, warnings: readonly string[] = []): void {
  sink.head(200, [['Cache-Control', 'no-cache, private'], ['Content-Type', 'application/json'], ...warningHeaders(warnings)])
}

function bookmark({ info: { resource } }: Call, event: WatchEvent & { type: 'BOOKMARK' }): object {
  const annotations = (event as { annotations?: Record<string, string> }).annotations
  const metadata = { creationTimestamp: null, resourceVersion: event.resourceVersion, ...(annotations ? { annotations } : {}) }
  return { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata }
}

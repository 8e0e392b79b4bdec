import type { Clock, Timer } from '../clock.ts'
import type { WatchEvent, WatchOptions } from './client.ts'
import { FieldErrors } from './field-errors.ts'
import { asServed, type Kind, storeKey } from './kinds/kind.ts'
import { parseVersion, watchFilter } from './lists.ts'
import { expired, invalid, noSuchMethod, tooLargeVersion } from './status.ts'
import type { Store } from './store.ts'

/** Watches as kube-apiserver's watch cache serves them: storage/cacher of k8s.io/apiserver. */
const BOOKMARKS = 60_000
/** How long the server waits for a version that is yet to come (blockTimeout). */
const PATIENCE = 3_000
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

/** Returns what stops the watch. `watchList`: the feature gate of sendInitialEvents. */
export function watchObjects(
  server: { clock: Clock; store: Store; watchList: boolean },
  kind: Kind,
  options: WatchOptions,
  listener: (event: WatchEvent) => void,
): () => void {
  const { clock, store } = server
  if (!kind.resource.verbs.includes('watch')) throw noSuchMethod()
  validate(options, server.watchList)
  const filter = watchFilter(kind, options)
  const name = storeKey(kind)
  const version = parseVersion(options.resourceVersion, 'watch')
  let stop = (): void => {}
  const end = (): void => {
    stop()
    options.onEnd?.()
  }
  const timers: (Timer | undefined)[] = []
  const fail = (status: Parameters<typeof expired>[0] | undefined, delay: number): (() => void) => {
    const timer = clock.schedule(delay, () => {
      listener({ type: 'ERROR', status: (status === undefined ? tooLargeVersion(version, store.version) : expired(status)).status })
      options.onEnd?.()
    })
    return () => clock.cancel(timer)
  }
  if (options.sendInitialEvents && version > store.version) return fail(undefined, PATIENCE)
  const fromNow = options.sendInitialEvents === false && version === 0
  const everything = options.sendInitialEvents ?? version === 0
  const since = fromNow ? store.version : everything ? undefined : version
  const heard = served(kind, listener)
  const watching = store.watch(name, filter, since, since !== undefined && since > store.version ? newerThan(since, heard) : heard)
  if (!watching) return fail(`too old resource version: ${version} (${store.forgotten(name)})`, 0)
  if (options.allowWatchBookmarks) {
    if (options.sendInitialEvents) watching.push({ type: 'BOOKMARK', resourceVersion: String(store.version), annotations: { [INITIAL_EVENTS_END]: 'true' } })
    const mark = (): void => {
      if (store.version > version) watching.push({ type: 'BOOKMARK', resourceVersion: String(store.version) })
      timers[0] = clock.schedule(BOOKMARKS, mark, { background: true })
    }
    timers[0] = clock.schedule(BOOKMARKS, mark, { background: true })
  }
  if (options.timeoutSeconds) timers[1] = clock.schedule(options.timeoutSeconds * 1000, end, { background: true })
  return (stop = () => {
    for (const timer of timers) clock.cancel(timer)
    watching.stop()
  })
}

/** apis/meta/internalversion/validation: validateWatchOptions. */
function validate(options: WatchOptions, watchList: boolean): void {
  const { sendInitialEvents, resourceVersionMatch: match } = options
  if (sendInitialEvents === undefined && !match) return
  const errors = new FieldErrors()
  if (sendInitialEvents !== undefined) {
    if (match !== 'NotOlderThan') errors.forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
    if (!watchList) errors.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled')
  }
  if (match) {
    if (sendInitialEvents === undefined) errors.forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
    if (match !== 'NotOlderThan') errors.notSupported('resourceVersionMatch', match, ['NotOlderThan'])
    if (options.continue) errors.forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided')
  }
  if (!errors.empty) throw invalid({ kind: 'ListOptions', group: 'meta.k8s.io' }, '', errors)
}

/** A watch from a version that is yet to come hears nothing until then: storage/cacher/cache_watcher.go. */
function newerThan(version: number, listener: (event: WatchEvent) => void): (event: WatchEvent) => void {
  return (event) => {
    if (!('object' in event) || Number(event.object.metadata.resourceVersion) > version) listener(event)
  }
}

/** Events with their objects as this version of the kind shows them. */
function served(kind: Kind, listener: (event: WatchEvent) => void): (event: WatchEvent) => void {
  if (kind.storedVersion === undefined) return listener
  return (event) => listener('object' in event ? { ...event, object: asServed(kind, event.object) } : event)
}

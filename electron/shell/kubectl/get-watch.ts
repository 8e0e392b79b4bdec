import type { ListOptions } from '../../engine/kubernetes/client.ts'
import { WATCH_BROKE } from '../../engine/kubernetes/connection-watch.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Kubectl } from './command.ts'
import { KubectlError, throwAll } from './errors.ts'
import { getPrinter, humanReadable, tableOptions } from './get-printers.ts'
import { sortedGoJson } from './json.ts'
import type { JsonObject } from './objects.ts'
import { TablePrinter } from './printers/table.ts'
import { TABLE, TabWriter } from './printers/tabwriter.ts'
import { keyOf, listOptions, queryOf, resolve } from './resources.ts'
import { Watch } from './watching.ts'

/** `kubectl get -w`: the list first (unless --watch-only), then every change as a row, aligned with what came before. */
export function* watchResources(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const query = queryOf(k, { args, latest: true, everything: true, singleType: true })
  const { infos, errors, types } = yield* resolve(k, query)
  throwAll(errors)
  if (types.length !== 1) throw new KubectlError('you may only watch a single resource or type of resource at a time')
  const resource = types[0]!
  const named = args.some((a) => a.includes('/')) || args.length > 1 || (query.filenames?.length ?? 0) > 0
  const options: ListOptions & { resourceVersion?: string } = listOptions(k, query, resource)
  if (query.labelSelector) options.labelSelector = query.labelSelector
  if (query.fieldSelector) options.fieldSelector = query.fieldSelector
  if (named) {
    if (resource.namespaced) options.namespace = infos[0]!.namespace
    options.fieldSelector = `metadata.name=${infos[0]!.name}`
  }
  const key = keyOf(resource)
  // the server ends the request then, and so the watch
  const deadline = k.process.clock.now + k.requestTimeout
  const eventTypes = f.bool('output-watch-events')
  const tables = humanReadable(k) ? new TablePrinter({ ...tableOptions(k, resource, false), withNamespace: f.bool('all-namespaces') }) : undefined
  const printer = tables ? undefined : getPrinter(k)
  const writer = new TabWriter(TABLE)
  const show = (type: string, objects: readonly KubeObject[]): string => {
    if (tables) {
      tables.print(k.client.tableOf(key, objects), writer, eventTypes ? type : '')
      return writer.flush()
    }
    return objects.map((object) => {
      if (!eventTypes) return printer!.print(object as unknown as JsonObject)
      const event = { type, object: object as unknown as JsonObject }
      return f.string('output') === 'json' ? `${sortedGoJson(event)}\n` : printer!.print(event)
    }).join('')
  }
  if (named && infos.length > 1) {
    // it shows them, and then finds that it cannot watch them
    if (!f.bool('watch-only')) yield* k.out(show('ADDED', infos.map((i) => i.object as unknown as KubeObject)))
    if (args.length > 0) throw new KubectlError('you may only watch a single resource or type of resource at a time')
    throw new KubectlError(`watch is only supported on individual resources and resource collections - ${infos.length} resources were found`)
  }
  options.resourceVersion = k.client.list(key, options).resourceVersion
  if (!f.bool('watch-only')) yield* k.out(show('ADDED', infos.map((i) => i.object as unknown as KubeObject)))
  const events = new Watch(k, key, options)
  try {
    for (;;) {
      const event = yield* events.next(deadline)
      if (!event) return 0
      if (event.type === 'BOOKMARK') continue
      if (event.type === 'ERROR' && event.status.reason === WATCH_BROKE) return 0
      if (event.type === 'ERROR') throw new KubectlError(event.status.message)
      yield* k.out(show(event.type, [event.object]))
    }
  } finally {
    events.close()
  }
}

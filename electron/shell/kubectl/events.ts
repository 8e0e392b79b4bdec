import type { KubeObject } from '../../engine/kubernetes/types.ts'
import { humanDuration } from '../../engine/kubernetes/human-duration.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { sortEvents } from './describe/writer.ts'
import { KubectlError, NoSuchResourceError } from './errors.ts'
import { flags, PRINT_FLAGS } from './flags.ts'
import { inGoOrder } from './go-order.ts'
import { at, type JsonObject, parseTime, text } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { TABLE, TabWriter } from './printers/tabwriter.ts'
import { Watch } from './watching.ts'

export const events: Command = {
  name: 'events',
  short: 'List events',
  use: 'events [(-o|--output=)json|yaml|name|go-template|go-template-file|template|templatefile|jsonpath|jsonpath-as-json|jsonpath-file] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]',
  flags: flags(PRINT_FLAGS, `
    -A --all-namespaces bool
    --chunk-size int=500 -
    --for string
    --no-headers bool
    --types slice
    -w --watch bool
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  const types = f.list('types').map((t) => t.toLowerCase())
  if (types.some((t) => t !== 'normal' && t !== 'warning')) throw new KubectlError('valid --types are Normal or Warning')
  const all = f.bool('all-namespaces')
  const options: { namespace?: string; fieldSelector?: string } = all ? {} : { namespace: k.namespace.name }
  if (f.string('for')) {
    const parts = f.string('for').split('/')
    if (parts.length > 2) throw new KubectlError('arguments in resource/name form may not have more than one slash')
    if (parts.length !== 2) throw new KubectlError('--for must be in resource/name form')
    const resource = k.client.findResource(parts[0]!)
    if (!resource) {
      yield* k.err(`${new NoSuchResourceError(parts[0]!).message}\n`)
      return 1
    }
    const apiVersion = resource.group ? `${resource.group}/${resource.version}` : resource.version
    options.fieldSelector = `involvedObject.kind=${resource.kind},involvedObject.apiVersion=${apiVersion},involvedObject.name=${parts[1]!}`
  }
  const wanted = (e: KubeObject): boolean => types.length === 0 || types.includes(text(at(e, 'type')).toLowerCase())
  const writer = new TabWriter(TABLE)
  const row = (e: KubeObject): string => `${all ? `${e.metadata.namespace ?? ''}\t` : ''}${interval(k, e)}\t${text(at(e, 'type'))}\t${text(at(e, 'reason'))}\t${text(at(e, 'involvedObject', 'kind'))}/${text(at(e, 'involvedObject', 'name'))}\t${text(at(e, 'message')).trim()}\n`
  const headings = `${all ? 'NAMESPACE\t' : ''}LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n`
  if (f.bool('watch')) {
    const watch = new Watch(k, 'events', options)
    const deadline = k.process.clock.now + k.requestTimeout
    let headed = f.bool('no-headers')
    try {
      for (;;) {
        const event = yield* watch.next(deadline)
        if (!event) return 0
        if ((event.type !== 'ADDED' && event.type !== 'MODIFIED') || !wanted(event.object)) continue
        writer.write(`${headed ? '' : headings}${row(event.object)}`)
        headed = true
        yield* k.out(writer.flush())
      }
    } finally {
      watch.close()
    }
  }
  const found = sortEvents(k.client.list('events', options).items.filter(wanted))
  if (found.length === 0) {
    yield* k.err(all ? 'No events found.\n' : `No events found in ${k.namespace.name} namespace.\n`)
    return 0
  }
  // a typed list has no names to print
  if (f.string('output') === 'name') return 0
  if (f.string('output')) {
    yield* k.out(printerFor(k, { typed: true }).print({ kind: 'EventList', apiVersion: 'v1', metadata: {}, items: found.map((event) => inGoOrder(event as unknown as JsonObject)) } as JsonObject))
    return 0
  }
  writer.write(`${f.bool('no-headers') ? '' : headings}${found.map(row).join('')}`)
  yield* k.out(writer.flush())
  return 0
}

function interval(k: Kubectl, e: KubeObject): string {
  const since = (value: unknown): string => {
    const time = parseTime(text(value))
    return time === undefined ? '<unknown>' : humanDuration(k.now - time)
  }
  const first = since(at(e, 'eventTime') ?? at(e, 'firstTimestamp'))
  if (at(e, 'series')) return `${since(at(e, 'series', 'lastObservedTime'))} (x${text(at(e, 'series', 'count'))} over ${first})`
  const count = Number(at(e, 'count') ?? 0)
  return count > 1 ? `${since(at(e, 'lastTimestamp'))} (x${count} over ${first})` : first
}

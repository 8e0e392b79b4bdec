import { StatusError, type LogOptions } from '../../engine/kubernetes/client.ts'
import type { Pod } from '../../engine/kubernetes/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../engine/text.ts'
import { anyOf, Signal, sleep, type Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { isNotFound, KubectlError, messageOf, quote } from './errors.ts'
import { flags, SELECTOR_FLAG } from './flags.ts'
import { Interrupts } from './interrupts.ts'
import { parseTime } from './objects.ts'
import { allContainerNames, byLogging, containersOf, DEFAULT_CONTAINER, oneObject, podsOf } from './pods.ts'
import { resolveAll } from './resources.ts'

const USAGE = 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'

export const logs: Command = {
  name: 'logs',
  short: 'Print the logs for a container in a pod',
  use: USAGE,
  flags: flags(SELECTOR_FLAG, `
    --all-containers bool
    --all-pods bool
    -c --container string
    -f --follow bool
    --ignore-errors bool
    --insecure-skip-tls-verify-backend bool -
    --limit-bytes int
    --max-log-requests int=5
    --pod-running-timeout duration=20s
    --prefix bool
    -p --previous bool
    --since duration
    --since-time string
    --tail int=-1
    --timestamps bool
  `),
  run,
}

interface Source { pod: Pod; container: string }

function* run(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const selector = f.string('selector')
  const expected = `expected '${USAGE}'.\nPOD or TYPE/NAME is a required argument for the logs command`
  if ((args.length === 0 && !selector) || args.length > 2) throw k.usageError(expected)
  if (args.length === 1 && selector) throw k.usageError('only a selector (-l) or a POD name is allowed')
  const container = args.length === 2 ? args[1]! : f.string('container')
  const timeout = f.duration('pod-running-timeout')
  if (timeout <= 0) throw new KubectlError('--pod-running-timeout must be higher than zero')
  const options = logOptions(k, selector)
  const found = yield* sourcesFor(k, selector, timeout)
  if (f.string('since-time') && f.duration('since') !== 0) throw new KubectlError('at most one of `sinceTime` or `sinceSeconds` may be specified')
  if (f.bool('all-containers') && container) throw new KubectlError(`--all-containers=true should not be specified with container name ${container}`)
  if (f.changed('container') && args.length === 2) throw new KubectlError('only one of -c or an inline [CONTAINER] arg is allowed')
  if (f.int('limit-bytes') < 0) throw new KubectlError('--limit-bytes must be greater than 0')
  if (options.sinceSeconds !== undefined && options.sinceSeconds < 0) throw new KubectlError('--since must be greater than 0')
  if (f.int('tail') < -1) throw new KubectlError('--tail must be greater than or equal to -1')
  const sources: Source[] = []
  for (const pod of found) sources.push(...(yield* containersFor(k, pod, container)))
  if (options.follow && sources.length > 1 && sources.length > f.int('max-log-requests')) {
    throw new KubectlError(`you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${f.int('max-log-requests')}, use --max-log-requests to increase the limit`)
  }
  if (options.follow) yield* consume(k, sources, options)
  else for (const source of sources) yield* consume(k, [source], options)
  return 0
}

function logOptions(k: Kubectl, selector: string): LogOptions {
  const { flags: f } = k
  const options: LogOptions = { follow: f.bool('follow'), previous: f.bool('previous'), timestamps: f.bool('timestamps') }
  if (f.string('since-time')) {
    const since = parseTime(f.string('since-time'))
    if (since === undefined) throw new KubectlError(`parsing time ${quote(f.string('since-time'))} as "2006-01-02T15:04:05Z07:00": cannot parse ${quote(f.string('since-time'))} as "2006"`)
    options.sinceTime = since
  }
  if (f.duration('since') !== 0) options.sinceSeconds = Math.round(f.duration('since') / 1000)
  if (selector && f.int('tail') === -1 && !f.changed('tail')) options.tailLines = 10
  else if (f.int('tail') !== -1) options.tailLines = f.int('tail')
  return options
}

function* sourcesFor(k: Kubectl, selector: string, timeout: number): Task<Pod[]> {
  if (selector) {
    const pods = (yield* resolveAll(k, { args: ['pods'], labelSelector: selector })).map((info) => info.object as unknown as Pod)
    if (pods.length === 0) yield* k.err(`No resources found in ${k.namespace.name} namespace.\n`)
    return pods
  }
  let info
  try {
    info = yield* oneObject(k, [k.args[0]!])
  } catch (error) {
    if (isNotFound(error)) throw new KubectlError(`error from server (NotFound): ${messageOf(error)} in namespace ${quote(k.namespace.name)}`)
    throw error
  }
  if (info.resource.kind === 'Pod') return [info.object as unknown as Pod]
  const pods = yield* podsOf(k, info, timeout, 'cannot get the logs from', byLogging)
  if (k.flags.bool('all-pods')) return pods
  if (pods.length > 1) yield* k.err(`Found ${pods.length} pods, using pod/${pods[0]!.metadata.name}\n`)
  return [pods[0]!]
}

function* containersFor(k: Kubectl, pod: Pod, wanted: string): Task<Source[]> {
  const all = containersOf(pod)
  if (k.flags.bool('all-containers')) {
    const order = ['initContainers', 'containers', 'ephemeralContainers']
    return [...all].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)).map((c) => ({ pod, container: c.name }))
  }
  let name = wanted
  const annotated = pod.metadata.annotations?.[DEFAULT_CONTAINER]
  if (!name && annotated) {
    if (all.some((c) => c.name === annotated)) name = annotated
    else yield* k.err(`Default container name ${quote(annotated)} not found in pod ${pod.metadata.name}\n`)
  }
  if (!name) {
    name = all[0]!.name
    if (all.length > 1 && !k.flags.bool('all-pods')) yield* k.err(`Defaulted container ${quote(name)} out of: ${allContainerNames(pod)}\n`)
  }
  if (!all.some((c) => c.name === name)) throw new KubectlError(`container ${name} is not valid for pod ${pod.metadata.name}`)
  return [{ pod, container: name }]
}

/** The first so many bytes of a text. */
function cut(text: string, bytes: number): string {
  const all = encodeUtf8(text)
  return all.length <= bytes ? text : decodeUtf8(all.subarray(0, bytes))
}

/** Prints the lines of all sources as they come. */
function* consume(k: Kubectl, sources: readonly Source[], options: LogOptions): Task {
  const lines: string[] = []
  const changed = new Signal()
  const deadline = k.process.clock.now + k.requestTimeout
  let open = sources.length
  let broke: unknown
  const stops: (() => void)[] = []
  const interrupts = new Interrupts(k.process)
  const prefixed = k.flags.bool('prefix') || k.flags.bool('all-pods')
  try {
    for (const { pod, container } of sources) {
      let left = k.flags.int('limit-bytes') || Infinity
      const refused = (error: unknown): void => {
        if (k.flags.bool('ignore-errors')) lines.push(`error: ${messageOf(error)}\n`)
        else broke ??= error
        open--
        changed.notify()
      }
      const prefix = prefixed ? `[pod/${pod.metadata.name}/${container}] ` : ''
      try {
        stops.push(k.client.logs(pod.metadata.namespace, pod.metadata.name, { ...options, container }, {
          onLine: (line) => {
            if (left <= 0) return
            const part = cut(`${line}\n`, left)
            left -= encodeUtf8(part).length
            lines.push(`${prefix}${part}`)
            changed.notify()
          },
          onRefused: refused,
          onEnd: (error) => {
            open--
            if (error !== undefined) broke ??= new KubectlError(error)
            changed.notify()
          },
        }))
      } catch (error) {
        if (!k.flags.bool('ignore-errors')) throw error
        refused(error)
      }
    }
    for (;;) {
      if (lines.length > 0) yield* k.out(lines.splice(0).join(''))
      else if (broke !== undefined && (open === 0 || broke instanceof StatusError)) throw broke
      else if (open === 0) return
      else if (k.process.clock.now >= deadline) throw new KubectlError('net/http: request canceled (Client.Timeout or context cancellation while reading body)')
      else yield* interrupts.wait(deadline === Infinity ? changed.wait : anyOf(changed.wait, sleep(k.process.clock, deadline - k.process.clock.now)))
    }
  } finally {
    interrupts.close()
    for (const stop of stops) stop()
  }
}

import type { KubeObject } from '../../../engine/kubernetes/types.ts'
import { humanDuration } from '../../../engine/kubernetes/human-duration.ts'
import type { Kubectl } from '../command.ts'
import { goSort } from '../go-sort.ts'
import { at, list, map, parseTime, text } from '../objects.ts'
import { DESCRIBE, TabWriter } from '../printers/tabwriter.ts'

/** What all of describe's kinds share: kubectl's pkg/describe. */
export class Description {
  readonly k: Kubectl
  readonly #writer = new TabWriter(DESCRIBE)
  #done = ''

  constructor(k: Kubectl) {
    this.k = k
  }

  /** Indented by two blanks a level. */
  write(level: number, text: string): void {
    this.#writer.write('  '.repeat(level) + text)
  }
  line(level: number, text: string): void {
    this.write(level, `${text}\n`)
  }
  /** "Name:\tvalue" */
  field(name: string, value: unknown, level = 0): void {
    this.line(level, `${name}:\t${text(value)}`)
  }
  /** Later columns are not aligned with what is above. */
  flush(): void {
    this.#done += this.#writer.flush()
  }
  toString(): string {
    this.flush()
    return this.#done
  }

  /** As it was written, tabs and all (rollout history prints templates so). */
  plain(): string {
    return this.#writer.raw()
  }

  labels(title: string, labels: unknown): void {
    this.multiline(title, Object.entries(map(labels)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${text(value)}`))
  }

  multiline(title: string, lines: readonly string[]): void {
    this.write(0, `${title}:\t`)
    if (lines.length === 0) this.line(0, '<none>')
    else this.line(0, lines.join('\n\t'))
  }

  annotations(title: string, annotations: unknown): void {
    const shown = Object.entries(map(annotations)).filter(([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration').sort(([a], [b]) => (a < b ? -1 : 1))
    this.write(0, `${title}:\t`)
    if (shown.length === 0) return this.line(0, '<none>')
    shown.forEach(([key, raw], i) => {
      if (i > 0) this.write(0, '\t')
      const value = text(raw).replace(/\n$/, '')
      if (value.length + key.length + 2 > MAX_ANNOTATION || value.includes('\n')) {
        this.line(0, `${key}:`)
        for (const line of value.split('\n')) this.line(0, `\t  ${shorten(line, MAX_ANNOTATION - 2)}`)
      } else this.line(0, `${key}: ${value}`)
    })
  }

  tolerations(title: string, tolerations: unknown): void {
    const sorted = [...list(tolerations)].sort((a, b) => (text(at(a, 'key')) < text(at(b, 'key')) ? -1 : text(at(a, 'key')) > text(at(b, 'key')) ? 1 : 0))
    this.multiline(title, sorted.map((t) => {
      const key = text(at(t, 'key'))
      const value = text(at(t, 'value'))
      const effect = text(at(t, 'effect'))
      const exists = at(t, 'operator') === 'Exists' && value === '' ? (key || effect ? ' op=Exists' : 'op=Exists') : ''
      const seconds = at(t, 'tolerationSeconds') === undefined ? '' : ` for ${text(at(t, 'tolerationSeconds'))}s`
      return `${key}${value ? `=${value}` : ''}${effect ? `:${effect}` : ''}${exists}${seconds}`
    }))
  }

  head(object: unknown): void {
    this.field('Name', at(object, 'metadata', 'name'))
    this.field('Namespace', at(object, 'metadata', 'namespace'))
  }

  age(timestamp: unknown): string {
    const at = parseTime(text(timestamp))
    return at === undefined ? '<unknown>' : humanDuration(this.k.now - at)
  }

  /** The events about an object, at the end. */
  events(object: KubeObject, options: { kind?: string; alsoUid?: string; uid?: string } = {}): void {
    if (!this.k.flags.bool('show-events')) return
    const found = searchEvents(this.k, object, options)
    if (found.length === 0) return this.line(0, 'Events:\t<none>')
    this.flush()
    this.line(0, 'Events:')
    this.line(1, 'Type\tReason\tAge\tFrom\tMessage')
    this.line(1, '----\t------\t----\t----\t-------')
    for (const e of found) {
      const first = this.age(at(e, 'eventTime') ?? at(e, 'firstTimestamp'))
      const count = Number(at(e, 'count') ?? 0)
      const series = at(e, 'series')
      let interval = first
      if (series) interval = `${this.age(at(series, 'lastObservedTime'))} (x${text(at(series, 'count'))} over ${first})`
      else if (count > 1) interval = `${this.age(at(e, 'lastTimestamp'))} (x${count} over ${first})`
      const source = text(at(e, 'source', 'component')) || text(at(e, 'reportingComponent'))
      this.line(1, `${text(at(e, 'type'))}\t${text(at(e, 'reason'))}\t${interval}\t${source}\t${text(at(e, 'message')).trim()}`)
    }
  }
}

const MAX_ANNOTATION = 140

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}...` : text
}

function searchEvents(k: Kubectl, object: KubeObject, options: { kind?: string; alsoUid?: string; uid?: string }): KubeObject[] {
  const { name, namespace } = object.metadata
  const search = (uid: string): KubeObject[] => {
    const terms = [`involvedObject.name=${name}`]
    if (namespace) terms.push(`involvedObject.namespace=${namespace}`)
    const kind = options.kind ?? object.kind
    if (kind) terms.push(`involvedObject.kind=${kind}`)
    terms.push(`involvedObject.uid=${uid}`)
    try {
      return [...k.client.list('events', { ...(namespace ? { namespace } : {}), fieldSelector: terms.join(',') }).items]
    } catch {
      return []
    }
  }
  const found = search(options.uid ?? object.metadata.uid)
  if (options.alsoUid) found.push(...search(options.alsoUid))
  // util/event SortableEvents knows no eventTime: the scheduler's events come first.
  const last = (e: KubeObject): number => parseTime(text(at(e, 'lastTimestamp'))) ?? 0
  return found.sort((a, b) => last(a) - last(b))
}

/** event.SortableEvents: by the time of the last occurrence. */
export function sortEvents(events: readonly KubeObject[]): KubeObject[] {
  const time = (e: KubeObject): number => {
    for (const path of [['series', 'lastObservedTime'], ['lastTimestamp'], ['eventTime']]) {
      const value = parseTime(text(at(e, ...path)))
      if (value !== undefined) return value
    }
    return 0
  }
  return goSort(events, (a, b) => time(a) < time(b))
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Go's time.RFC1123Z of a timestamp. */
export function rfc1123(timestamp: unknown): string {
  const ms = parseTime(text(timestamp))
  if (ms === undefined) return 'Mon, 01 Jan 0001 00:00:00 +0000'
  const d = new Date(ms)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${DAYS[d.getUTCDay()]}, ${two(d.getUTCDate())} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`
}

/** "ReplicaSet/web-5d4", the controller of an object. */
export function controlledBy(object: KubeObject): string {
  const owner = object.metadata.ownerReferences?.find((o) => o.controller)
  return owner ? `${owner.kind}/${owner.name}` : ''
}

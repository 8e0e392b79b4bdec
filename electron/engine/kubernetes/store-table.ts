import type { Timer } from '../clock.ts'
import type { WatchEvent } from './client.ts'
import { compareStrings } from './json.ts'
import type { KubeObject } from './types.ts'

/** What the store keeps of one resource: its objects by namespace and name, its past, and who watches it. */
export interface Change {
  version: number
  /** Virtual time. */
  at: number
  object: KubeObject | undefined
  previous: KubeObject | undefined
  /** Of the object, or when it is gone of the one before. */
  life: Life
}

/** What etcd counts of a key: the version at which it was made, and how often it was written since. */
export interface Life {
  created: number
  writes: number
}

export interface WatchFilter {
  namespace?: string | undefined
  /** Whether an object is of the watch's selection; absent: all are. */
  matches?: ((object: KubeObject) => boolean) | undefined
  /** The value that the resource's index must have, when the selection asks for one (pods: spec.nodeName). */
  indexed?: string | undefined
  /** A single object's name. */
  name?: string | undefined
}

export type Index = (object: KubeObject) => string

export interface Watcher {
  filter: WatchFilter
  listener: (event: WatchEvent) => void
  /** What was there at the start, then changes; delivered in one event of the clock. */
  initial: readonly KubeObject[]
  queue: WatchEvent[]
  timer: Timer | undefined
  stopped: boolean
}

export interface Bucket {
  byName: Map<string, KubeObject>
  /** Absent of what was there before history begins. */
  lives: Map<string, Life>
  names: string[] | undefined
  list: readonly KubeObject[] | undefined
}

/** What nobody has looked at yet: its version and its time. */
export interface LateWrite {
  version: number
  readonly at: number
}

export class Table {
  readonly resource: string
  readonly buckets = new Map<string, Bucket>()
  all: readonly KubeObject[] | undefined
  history: Change[] = []
  /** Versions up to this one have left the window. */
  forgotten = 0
  count = 0
  /** Of later versions than all that is there. */
  late: LateWrite[] = []
  made: ((write: LateWrite) => void) | undefined
  readonly watchers = new Set<Watcher>()
  readonly indexedWatchers = new Map<string, Set<Watcher>>()
  /** Those of a single object each, by its name: every node's agents watch their own Node. */
  readonly namedWatchers = new Map<string, Set<Watcher>>()
  index: Index | undefined

  constructor(resource: string) {
    this.resource = resource
  }
}

export function selects(filter: WatchFilter, object: KubeObject): boolean {
  if (filter.namespace !== undefined && object.metadata.namespace !== filter.namespace) return false
  if (filter.name !== undefined && object.metadata.name !== filter.name) return false
  return filter.matches?.(object) ?? true
}

export function lifeIn({ lives }: Bucket, { metadata: { name, resourceVersion } }: KubeObject): Life {
  return lives.get(name) ?? { created: Number(resourceVersion), writes: 1 }
}

export function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

export function listOf(bucket: Bucket): readonly KubeObject[] {
  if (bucket.list) return bucket.list
  bucket.names ??= [...bucket.byName.keys()].sort(compareStrings)
  const { byName, names } = bucket
  return (bucket.list = names.map((name) => byName.get(name)!))
}

/** The index of the first change after a version. */
export function firstAfter(history: readonly Change[], version: number): number {
  let low = 0
  let high = history.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (history[middle]!.version <= version) low = middle + 1
    else high = middle
  }
  return low
}

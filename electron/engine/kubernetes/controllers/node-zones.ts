import type { Node } from '../types.ts'

/**
 * How fast Pods may be driven from silent nodes: pkg/controller/nodelifecycle handleDisruption. In a zone of which most
 * is down it is likelier the network than the nodes; and when nothing is ready anywhere it is us.
 */
const RATE = { normal: 0.1, secondary: 0.01 }
const UNHEALTHY = { share: 0.55, nodes: 2 }
const LARGE = 50
/** Nodes with this label do not count when it is asked how much is down. */
const EXCLUDED = 'node.kubernetes.io/exclude-disruption'

interface Zone {
  /** Nodes a second. */
  rate: number
  tokens: number
  refilled: number
}

export class Zones {
  readonly #zones = new Map<string, Zone>()
  readonly #zoneOf = new Map<string, string>()
  #down = false
  /** As they were seen last. */
  counts: ReadonlyMap<string, { ready: number; total: number }> = new Map()

  /** Looks at all nodes; `isDown`: none of them is ready. */
  observe(nodes: readonly Node[], isReady: (node: Node) => boolean, now: number): { wasDown: boolean; isDown: boolean } {
    const counts = new Map<string, { ready: number; total: number }>()
    for (const node of nodes) {
      const zone = zoneOf(node)
      this.#zoneOf.set(node.metadata.name, zone)
      if (node.metadata.labels?.[EXCLUDED] !== undefined) {
        // a zone of which nothing counts is as it was at first
        if (!this.#zones.has(zone)) this.#setRate(zone, RATE.normal, now)
        continue
      }
      const count = counts.get(zone) ?? { ready: 0, total: 0 }
      count.total++
      if (isReady(node)) count.ready++
      counts.set(zone, count)
    }
    this.counts = counts
    const wasDown = this.#down
    this.#down = counts.size > 0 && [...counts.values()].every((c) => c.ready === 0)
    for (const [name, { ready, total }] of counts) {
      const bad = total - ready
      const partial = ready > 0 && bad > UNHEALTHY.nodes && bad / total >= UNHEALTHY.share
      this.#setRate(name, !partial ? RATE.normal : total > LARGE ? RATE.secondary : 0, now)
    }
    return { wasDown, isDown: this.#down }
  }

  /** Takes one of the zone's tokens, if it has one. */
  mayTaint(node: Node, now: number): boolean {
    const zone = this.#zones.get(this.#zoneOf.get(node.metadata.name) ?? '')
    if (!zone || zone.rate === 0) return false
    zone.tokens = Math.min(1, zone.tokens + ((now - zone.refilled) / 1000) * zone.rate)
    zone.refilled = now
    if (zone.tokens < 1) return false
    zone.tokens--
    return true
  }

  forget(node: string): void {
    this.#zoneOf.delete(node)
  }

  #setRate(name: string, rate: number, now: number): void {
    const zone = this.#zones.get(name)
    if (zone?.rate === rate) return
    this.#zones.set(name, { rate, tokens: 1, refilled: now })
  }
}

/** k8s.io/component-helpers/node/topology GetZoneKey. */
export function zoneOf({ metadata: { labels = {} } }: Node): string {
  const { 'topology.kubernetes.io/region': region = '', 'topology.kubernetes.io/zone': zone = '' } = labels
  return region === '' && zone === '' ? '' : `${region}:\0:${zone}`
}

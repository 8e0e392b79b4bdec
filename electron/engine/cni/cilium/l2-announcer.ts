import type { Timer } from '../../clock.ts'
import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { ifReached } from '../../kubernetes/controllers/reach.ts'
import { LeaderElection, type ElectionTiming } from '../../kubernetes/leader-election.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { ConfigMap, KubeObject, LabelSelector, Node, Service } from '../../kubernetes/types.ts'
import type { Ip } from '../../network/types.ts'
import type { NodeContext } from '../types.ts'
import type { AgentLog } from './config.ts'
import type { Datapath } from './datapath.ts'
import { L2_CLASS, labelsOfService } from './lb-ipam.ts'

/** L2 announcements: of the nodes that a policy names one at a time answers ARP requests for a Service's addresses; a lease says which (pkg/l2announcer of cilium/cilium v1.17). */
export const L2_POLICIES = 'ciliuml2announcementpolicies.cilium.io'
const LEASE_PREFIX = 'cilium-l2announce'
/** How far apart the nodes ask for a lease at the earliest, ms: who comes first is chance. */
const SPREAD = 50
/** Leases that nobody holds are looked for, ms. */
const COLLECT = 60_000

export interface L2Policy extends KubeObject { spec?: { serviceSelector?: LabelSelector; nodeSelector?: LabelSelector; interfaces?: string[]; externalIPs?: boolean; loadBalancerIPs?: boolean } }

/** enable-l2-announcements and the leases' times of cilium-config; undefined: the feature is off. */
export function l2Settings(client: Pick<KubernetesClient, 'get'>): ElectionTiming | undefined {
  let data: Readonly<Record<string, string>>
  try {
    data = client.get<ConfigMap>('configmaps', 'kube-system', 'cilium-config').data ?? {}
  } catch {
    return undefined
  }
  if (data['enable-l2-announcements'] !== 'true') return undefined
  const time = (key: string, otherwise: number): number => goDuration(data[`l2-announcements-${key}`] ?? '') ?? otherwise
  const lease = Math.max(time('lease-duration', 15_000), 1_000)
  const asked = time('renew-deadline', 5_000)
  const renew = lease <= asked ? lease / 2 : asked
  const retry = time('retry-period', 2_000)
  return { lease, renew, retry: renew <= 1.2 * retry ? renew / 2 : retry }
}

/** "3s", "200ms", "1m30s" in ms. */
function goDuration(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text) return undefined
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit as 'ms' | 's' | 'm' | 'h'], 0)
}

interface Candidacy { election: LeaderElection | undefined; timer: Timer | undefined; leading: boolean; service: Service; policies: readonly L2Policy[] }

export class L2Announcer {
  readonly #context: NodeContext
  readonly #dp: Datapath
  readonly #client: KubernetesClient
  readonly #timing: ElectionTiming
  readonly #log: AgentLog
  readonly #services = new Map<string, Service>()
  readonly #policies = new Map<string, L2Policy>()
  readonly #candidacies = new Map<string, Candidacy>()
  readonly #stops: (() => void)[] = []
  #collecting: Timer | undefined
  #labels: Readonly<Record<string, string>> | undefined
  #due = false
  #stopped = false

  constructor(context: NodeContext, dp: Datapath, client: KubernetesClient, timing: ElectionTiming, log: AgentLog) {
    this.#context = context
    this.#dp = dp
    this.#client = client
    this.#timing = timing
    this.#log = log
    dp.l2.alive(true, timing.lease)
    this.#watch<Node>('nodes', ({ metadata: { labels = {} } }, gone) => {
      if (gone || (this.#labels !== undefined && JSON.stringify(labels) === JSON.stringify(this.#labels))) return false
      this.#labels = labels
      return true
    }, `metadata.name=${context.name}`)
    this.#watch<L2Policy>(L2_POLICIES, (policy, gone) => put(this.#policies, policy.metadata.name, policy, gone))
    this.#watch<Service>('services', (service, gone) => put(this.#services, `${service.metadata.namespace}/${service.metadata.name}`, service, gone))
    this.#collect()
  }

  /** leaseGC */
  #collect(): void {
    this.#collecting = this.#context.clock.schedule(COLLECT, () => {
      this.#collect()
      ifReached(() => this.#collectNow())
    }, { background: true })
  }

  #collectNow(): void {
    for (const { metadata, spec } of this.#client.list<KubeObject & { spec: { holderIdentity?: string } }>('leases', { namespace: 'kube-system' }).items) {
      if (!metadata.name.startsWith(LEASE_PREFIX) || spec.holderIdentity) continue
      try {
        this.#client.delete('leases', 'kube-system', metadata.name)
      } catch (error) {
        // another agent was faster
        if (!(error instanceof StatusError)) throw error
      }
    }
  }

  /** The leases are given back; the map stays as it is, and is believed for a while. */
  stop(): void {
    this.#stopped = true
    this.#context.clock.cancel(this.#collecting)
    for (const stop of this.#stops) stop()
    for (const candidacy of this.#candidacies.values()) this.#withdraw(candidacy)
  }

  /** `seen`: whether the change matters. */
  #watch<T extends KubeObject>(resource: string, seen: (object: T, gone: boolean) => boolean, fieldSelector?: string): void {
    this.#stops.push(this.#client.watch<T>(resource, fieldSelector === undefined ? {} : { fieldSelector }, (event) => {
      if (this.#stopped || (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED')) return
      if (!seen(event.object, event.type === 'DELETED') || this.#due) return
      this.#due = true
      this.#context.clock.schedule(1, () => {
        this.#due = false
        if (!this.#stopped) this.#sync()
      })
    }))
  }

  #sync(): void {
    const policies = [...this.#policies.values()].filter((policy) => this.#isHere(policy))
    for (const [key, service] of this.#services) {
      const chosen = policies.filter(({ spec }) => isAnnounced(service) && (spec?.serviceSelector === undefined || compileLabelSelector(spec.serviceSelector).matches(labelsOfService(service))))
      const known = this.#candidacies.get(key)
      if (chosen.length === 0) this.#end(key)
      else if (known) Object.assign(known, { service, policies: chosen })
      else this.#stand(key, service, chosen)
    }
    for (const key of this.#candidacies.keys()) if (!this.#services.has(key)) this.#end(key)
    this.#write()
  }

  #isHere({ metadata, spec }: L2Policy): boolean {
    if (this.#labels === undefined || (spec?.nodeSelector && !compileLabelSelector(spec.nodeSelector).matches(this.#labels))) return false
    const { interfaces = [] } = spec ?? {}
    try {
      return interfaces.length === 0 || interfaces.some((text) => new RegExp(text).test(this.#dp.device.name))
    } catch {
      this.#log('warning', 'Error processing policy event', 'l2-announcer', `error="upsert policy: policy compile interface regex: error parsing regexp" policy=${metadata.name}`)
      return false
    }
  }

  // ---- leases ----------------------------------------------------------------------------------------------------

  #stand(key: string, service: Service, policies: readonly L2Policy[]): void {
    const { clock, name } = this.#context
    const candidacy: Candidacy = { election: undefined, leading: false, service, policies, timer: undefined }
    this.#candidacies.set(key, candidacy)
    const lease = `${LEASE_PREFIX}-${service.metadata.namespace}-${service.metadata.name}`
    const ask = (): void => {
      candidacy.election = new LeaderElection(clock, this.#client, {
        lease, identity: name, timing: this.#timing, release: true,
        onLeading: () => {
          candidacy.leading = true
          this.#log('info', `successfully acquired lease kube-system/${lease}`, 'klog')
          this.#write()
        },
        onLost: () => {
          candidacy.leading = false
          this.#log('info', `failed to renew lease kube-system/${lease}: timed out waiting for the condition`, 'klog')
          this.#write()
          candidacy.timer = clock.schedule(this.#timing.retry, ask, { background: true })
        },
      })
    }
    candidacy.timer = clock.schedule(clock.random.fork(`cilium ${lease} ${name}`).below(SPREAD), ask)
  }

  #end(key: string): void {
    const candidacy = this.#candidacies.get(key)
    if (!candidacy) return
    this.#candidacies.delete(key)
    this.#withdraw(candidacy)
  }

  #withdraw({ election, timer }: Candidacy): void {
    this.#context.clock.cancel(timer)
    election?.stop()
  }

  #write(): void {
    const ips = new Set<Ip>()
    for (const { leading, service, policies } of this.#candidacies.values()) {
      if (!leading) continue
      if (policies.some((p) => p.spec?.loadBalancerIPs)) for (const { ip } of service.status.loadBalancer?.ingress ?? []) if (ip !== undefined) ips.add(ip)
      if (policies.some((p) => p.spec?.externalIPs)) for (const ip of service.spec.externalIPs ?? []) ips.add(ip)
    }
    this.#dp.l2.set(ips)
  }
}

function put<T>(into: Map<string, T>, key: string, object: T, gone: boolean): true {
  if (gone) into.delete(key)
  else into.set(key, object)
  return true
}

/** It has addresses of these kinds, and its class is nobody else's. */
function isAnnounced({ spec, status }: Service): boolean {
  if (spec.loadBalancerClass !== undefined && spec.loadBalancerClass !== L2_CLASS) return false
  return (spec.externalIPs?.length ?? 0) > 0 || (status.loadBalancer?.ingress ?? []).some((i) => i.ip !== undefined)
}

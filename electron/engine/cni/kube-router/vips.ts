import type { KubeObject, Service } from '../../kubernetes/types.ts'
import type { Cidr } from '../../network/types.ts'
import { mirror } from '../mirror.ts'
import type { NodeContext } from '../types.ts'
import type { Settings } from './flags.ts'

interface Endpoints extends KubeObject { subsets?: { addresses?: { nodeName?: string }[] }[] }

/** The Services' addresses that kube-router tells routers outside (v2.6, pkg/controllers/routing/ecmp_vip.go): of all Services, or of those that their annotations name. */
const ANNOTATION = { cluster: 'kube-router.io/service.advertise.clusterip', external: 'kube-router.io/service.advertise.externalip', balancer: 'kube-router.io/service.advertise.loadbalancerip', skip: 'kube-router.io/service.skiplbips', local: 'kube-router.io/service.local' }

export class ServiceAddresses {
  readonly #node: string
  readonly #settings: Pick<Settings, 'advertise'>
  readonly #services = new Map<string, Service>()
  readonly #endpoints = new Map<string, Endpoints>()
  readonly #stops: readonly (() => void)[]

  constructor({ client, name }: NodeContext, settings: Pick<Settings, 'advertise'>, changed: () => void) {
    this.#node = name
    this.#settings = settings
    this.#stops = [mirror(client, 'services', this.#services, changed), mirror(client, 'endpoints', this.#endpoints, changed)]
  }

  stop(): void {
    for (const stop of this.#stops) stop()
  }

  get announced(): Cidr[] {
    const ips = [...this.#services].flatMap(([key, service]) => (this.#isElsewhere(key, service) ? [] : this.#addresses(service)))
    return [...new Set(ips)].map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`)
  }

  #addresses({ spec, status, metadata: { annotations = {} } }: Service): string[] {
    if (spec.type === 'ExternalName' || !spec.clusterIP || spec.clusterIP === 'None') return []
    const wants = (annotation: string, otherwise: boolean): boolean => (annotations[annotation] === undefined ? otherwise : /^(1|t|true)$/i.test(annotations[annotation]))
    const { cluster, external, balancer } = this.#settings.advertise
    return [
      ...(wants(ANNOTATION.cluster, cluster) ? [spec.clusterIP] : []),
      ...(wants(ANNOTATION.external, external) ? (spec.externalIPs ?? []) : []),
      ...(wants(ANNOTATION.balancer, balancer) && annotations[ANNOTATION.skip] === undefined && spec.type === 'LoadBalancer' ? (status.loadBalancer?.ingress ?? []).flatMap((i) => i.ip ?? []) : []),
    ]
  }

  /** A Local policy, and none of its endpoints here. */
  #isElsewhere(key: string, { spec, metadata: { annotations = {} } }: Service): boolean {
    if (annotations[ANNOTATION.local] === undefined && spec.externalTrafficPolicy !== 'Local') return false
    return !(this.#endpoints.get(key)?.subsets ?? []).some((s) => (s.addresses ?? []).some((a) => a.nodeName === this.#node))
  }
}

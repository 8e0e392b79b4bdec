import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import type { Event, Node, Pod } from '../types.ts'
import { Scheduler } from './scheduler.ts'

/** A scheduler over an API server with nodes and Pods, and nothing else: no kubelet, so deleted Pods go when told to. */
export class SmallCluster {
  readonly clock: Clock
  readonly api: ApiServer
  readonly scheduler: Scheduler

  constructor(seed = 1) {
    this.clock = new Clock({ seed })
    this.api = new ApiServer(this.clock, { freeze: true })
    this.scheduler = new Scheduler(this.clock, this.api, 'control-plane')
  }

  node(name: string, options: { labels?: object; taints?: object[]; unschedulable?: boolean; allocatable?: object; images?: object[] } = {}): this {
    const resources = { cpu: '4', memory: '8Gi', 'ephemeral-storage': '20Gi', pods: '110', ...options.allocatable }
    this.api.create('nodes', undefined, {
      metadata: { name, labels: { 'kubernetes.io/hostname': name, ...options.labels } },
      spec: { ...(options.taints ? { taints: options.taints } : {}), ...(options.unschedulable ? { unschedulable: true } : {}) },
      status: { capacity: resources, allocatable: resources, conditions: [{ type: 'Ready', status: 'True' }], ...(options.images ? { images: options.images } : {}) },
    })
    return this
  }

  /** `cpu` is a shorthand for the only container's request. */
  pod(name: string, spec: object = {}, metadata: { labels?: object; namespace?: string } = {}): this {
    const { requests, ports, ...rest } = spec as { requests?: object; ports?: object[] }
    this.api.create('pods', metadata.namespace ?? 'default', {
      metadata: { name, ...metadata },
      spec: { containers: [{ name: 'c', image: 'nginx', ...(requests ? { resources: { requests, ...(Object.keys(requests).some((r) => r.includes('/')) ? { limits: requests } : {}) } } : {}), ...(ports ? { ports } : {}) }], ...rest },
    })
    return this
  }

  /** The node that a Pod was bound to, or the newest thing that was said about it. */
  where(name: string, namespace = 'default'): string {
    this.clock.settle()
    const pod = this.get(name, namespace)
    if (pod.spec.nodeName) return pod.spec.nodeName
    return this.events(name).filter((e) => e.reason === 'FailedScheduling').at(-1)?.message ?? 'nothing'
  }

  get(name: string, namespace = 'default'): Pod {
    return this.api.get<Pod>('pods', namespace, name)
  }

  pods(): readonly Pod[] {
    return this.api.list<Pod>('pods').items
  }

  nodes(): readonly Node[] {
    return this.api.list<Node>('nodes').items
  }

  events(name: string): Event[] {
    return this.api.list<Event>('events').items.filter((e) => e.involvedObject.name === name)
  }

  /** The Pod's containers have ended. */
  gone(name: string, namespace = 'default'): this {
    this.api.delete('pods', namespace, name, { gracePeriodSeconds: 0 })
    return this
  }
}

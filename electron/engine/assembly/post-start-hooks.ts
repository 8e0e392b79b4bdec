import type { Clock, Timer } from '../clock.ts'
import type { ApiServer } from '../kubernetes/api-server.ts'
import { keepAuthorities, keepService, keepSystemNamespaces, reconcileDefaults } from '../kubernetes/post-start.ts'
import { publishedAuthorities } from './kubeadm.ts'

/** ms: pkg/controlplane's systemnamespaces and clusterauthenticationtrust, and --endpoint-reconciler's interval. */
const NAMESPACES_EVERY = 60_000
const SERVICE_EVERY = 10_000
const AUTHORITIES_EVERY = 60_000
/** A hook that fails is tried again so long after. */
const AGAIN = 1_000

export interface Hooks {
  server: ApiServer
  /** Whether etcd is there, without which nothing can be done. */
  works(): boolean
  serviceCIDR: readonly string[]
  /** It was there when the cluster was born, with all that it makes. */
  first: boolean
}

/** What an API server does for its own objects from its start to its end. */
export function runPostStartHooks(clock: Clock, { server, works, serviceCIDR, first }: Hooks): { stop(): void } {
  const timers = new Set<Timer>()
  const after = (ms: number, act: () => void): void => {
    const timer = clock.schedule(ms, () => {
      timers.delete(timer)
      act()
    }, { background: true })
    timers.add(timer)
  }
  const every = (ms: number, act: () => void): void => after(ms, () => {
    if (works()) act()
    every(ms, act)
  })
  const once = (act: () => void): void => {
    if (works()) act()
    else after(AGAIN, () => once(act))
  }
  const namespaces = (): void => keepSystemNamespaces(server)
  const service = (): void => keepService(server, serviceCIDR)
  const authorities = (): void => keepAuthorities(server, publishedAuthorities())
  if (!first) {
    once(() => {
      namespaces()
      service()
      authorities()
      reconcileDefaults(server)
    })
  }
  every(NAMESPACES_EVERY, namespaces)
  every(SERVICE_EVERY, service)
  every(AUTHORITIES_EVERY, authorities)
  return {
    stop: () => {
      for (const timer of timers) clock.cancel(timer)
    },
  }
}

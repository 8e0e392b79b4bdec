import type { Clock, Timer } from '../clock.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import { AGENT_WRITE } from '../kubernetes/controllers/context.ts'
import { ifReached } from '../kubernetes/controllers/reach.ts'
import { microTimestamp } from '../kubernetes/human-duration.ts'
import type { Draft } from '../kubernetes/rbac/default-objects.ts'
import type { KubeObject } from '../kubernetes/types.ts'
import { tried } from '../kubernetes/post-start.ts'
import { base32, sha256 } from '../sha256.ts'
import { encodeUtf8 } from '../text.ts'

/**
 * The Lease by which an API server says that it is there (pkg/controlplane, feature gate APIServerIdentity): named by a
 * hash of its host, held by each process under another identity, renewed every ten seconds.
 */
const RENEWED_EVERY = 10_000

type LeaseSpec = { holderIdentity: string; leaseDurationSeconds: number; renewTime: string }
type Lease = KubeObject & { spec: LeaseSpec }

function leaseName(host: string): string {
  return `apiserver-${base32(sha256(encodeUtf8(host)).slice(0, 16)).replace(/=+$/, '').toLowerCase()}`
}

/** Of the nth process since the cluster's birth. */
export function apiServerIdentity(clock: Clock, n: number): string {
  return clock.random.fork(`kube-apiserver identity ${n}`).uuid()
}

/** The Lease that a process makes. */
export function apiServerLease(host: string, wall: number, identity: string): Draft & { spec: LeaseSpec } {
  const name = leaseName(host)
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-system', labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver', 'kubernetes.io/hostname': host } },
    spec: { holderIdentity: `${name}_${identity}`, leaseDurationSeconds: 3600, renewTime: microTimestamp(wall) },
  }
}

/** Keeps the Lease of a process up until it ends; the first one's is there when the cluster is born. */
export function renewApiServerLease(clock: Clock, client: KubernetesClient, host: string, n: number): { stop(): void } {
  const identity = apiServerIdentity(clock, n)
  const name = leaseName(host)
  let timer: Timer | undefined
  const renew = (): void => {
    timer = clock.schedule(RENEWED_EVERY, renew, { background: true })
    ifReached(() => {
      const made = apiServerLease(host, clock.wall(), identity)
      const present = client.list<Lease>('leases', { namespace: 'kube-system' }).items.find((lease) => lease.metadata.name === name)
      if (present) client.update('leases', 'kube-system', name, { ...present, spec: { ...present.spec, ...made.spec } }, AGENT_WRITE)
      else tried(() => client.create('leases', 'kube-system', made, AGENT_WRITE))
    })
  }
  if (n > 0) renew()
  else timer = clock.schedule(RENEWED_EVERY, renew, { background: true })
  return { stop: () => clock.cancel(timer) }
}

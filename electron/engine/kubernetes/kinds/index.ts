import { configMap, secret, serviceAccount } from './config.ts'
import { daemonSet } from './daemon-set.ts'
import { deployment } from './deployment.ts'
import { endpoints, endpointSlice } from './endpoints.ts'
import { event, lease } from './event.ts'
import type { Kind } from './kind.ts'
import { namespace } from './namespace.ts'
import { node } from './node.ts'
import { pod } from './pod.ts'
import { replicaSet } from './replica-set.ts'
import { service } from './service.ts'

/** Every kind that is simulated, in the order of kubectl api-resources: core first, then groups by name. */
export const KINDS: readonly Kind[] = [
  configMap,
  endpoints,
  event,
  namespace,
  node,
  pod,
  secret,
  serviceAccount,
  service,
  daemonSet,
  deployment,
  replicaSet,
  lease,
  endpointSlice,
]

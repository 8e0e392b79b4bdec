import type { Ingress, IngressClass, Secret } from '../../kubernetes/types.ts'
import type { CustomObject } from './model.ts'
import type { Surroundings } from './servers.ts'

/** pkg/provider/kubernetes/ingress and …/crd: objects become routers, services, middlewares and certificates. */
export interface Picture extends Surroundings {
  /** providers.kubernetesCRD.allowCrossNamespace */
  crossNamespace?: boolean
  ingresses: readonly Ingress[]
  classes: readonly IngressClass[]
  routes: readonly CustomObject[]
  middlewares: readonly CustomObject[]
  tcpRoutes: readonly CustomObject[]
  tcpMiddlewares: readonly CustomObject[]
  tlsStores?: readonly CustomObject[]
  tlsOptions?: readonly CustomObject[]
  /** Whether a certificate has expired is asked when it is shown. */
  wall?(): number
  transport(namespace: string, name: string): CustomObject | undefined
  udpRoutes: readonly CustomObject[]
  traefikService(namespace: string, name: string): CustomObject | undefined
  secret(namespace: string, name: string): Secret | undefined
}

import type { Clock } from '../../clock.ts'
import type { ClusterConfig } from '../../config.ts'
import type { KubernetesClient } from '../client.ts'
import { AdmissionPolicyStatusController } from './admission-policy-status.ts'
import { BootstrapTokensController } from './bootstrap-tokens.ts'
import { CertificatesController } from './certificates.ts'
import { ClusterRoleAggregationController } from './cluster-role-aggregation.ts'
import type { Controller, ControllerContext, ManagerOptions } from './context.ts'
import { CronJobController } from './cronjob.ts'
import { DaemonSetController } from './daemonset.ts'
import { DeploymentController } from './deployment.ts'
import { DisruptionController } from './disruption.ts'
import { EndpointsController } from './endpoints.ts'
import { EndpointSliceController } from './endpointslice.ts'
import { EndpointSliceMirroringController } from './endpointslice-mirroring.ts'
import { GarbageCollector } from './garbage-collector.ts'
import { NamespaceDefaultsController, PodGarbageCollector } from './housekeeping.ts'
import { InformerFactory } from './informer.ts'
import type { ManagerMetrics } from './metrics.ts'
import { JobController } from './job.ts'
import { NamespaceController } from './namespace.ts'
import { NodeIpamController } from './node-ipam.ts'
import { NodeLifecycleController } from './node-lifecycle.ts'
import { ReplicaSetController, ReplicationManager } from './replicaset.ts'
import { IpAddressRepairController, ServiceCidrController } from './service-cidr.ts'
import { ServiceAccountTokensController } from './service-account-tokens.ts'
import { StatefulSetController } from './statefulset.ts'
import { TaintEvictionController } from './taint-eviction.ts'
import { TtlAfterFinishedController } from './ttl-after-finished.ts'
import { VolumeClaimController } from './volume-claims.ts'

const CONTROLLERS: readonly (new (context: ControllerContext) => Controller)[] = [
  NodeIpamController, NodeLifecycleController, TaintEvictionController, NamespaceDefaultsController, DeploymentController, ReplicaSetController,
  DaemonSetController, ReplicationManager, StatefulSetController, JobController, CronJobController, TtlAfterFinishedController,
  EndpointSliceController, EndpointsController, EndpointSliceMirroringController, NamespaceController, GarbageCollector, PodGarbageCollector, DisruptionController,
  ServiceCidrController, IpAddressRepairController, ClusterRoleAggregationController, VolumeClaimController, ServiceAccountTokensController,
  BootstrapTokensController, AdmissionPolicyStatusController, CertificatesController,
]

/** kube-controller-manager: all controllers over one set of informers. */
export function startControllerManager(clock: Clock, client: KubernetesClient, config: ClusterConfig, options: ManagerOptions = {}, metrics?: ManagerMetrics): Controller {
  const informers = new InformerFactory(client)
  const context: ControllerContext = { clock, client, informers, config, options, ...(metrics ? { metrics, counts: (queue) => metrics.queue(queue) } : {}) }
  const controllers = CONTROLLERS.map((Each) => new Each(context))
  return {
    stop() {
      for (const controller of controllers) controller.stop()
      informers.stop()
    },
  }
}

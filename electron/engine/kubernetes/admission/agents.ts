import { own } from '../../own.ts'
import type { ApiResource } from '../client.ts'
import type { User } from '../rbac/authorizer.ts'
import type { KubeObject } from '../types.ts'
import type { Request } from './request.ts'

/**
 * Who the cluster's own parts are when they write, which come to the server without credentials here: kubeadm's kubelets
 * (system:node:NAME), its scheduler, and the ServiceAccount of each controller (--use-service-account-credentials).
 */
const BY_OWNER: Readonly<Record<string, string>> = {
  ReplicaSet: 'replicaset-controller', ReplicationController: 'replication-controller', DaemonSet: 'daemon-set-controller', StatefulSet: 'statefulset-controller', Job: 'job-controller',
  Deployment: 'deployment-controller', CronJob: 'cronjob-controller',
}
const BY_RESOURCE: Readonly<Record<string, string>> = {
  replicasets: 'replicaset-controller', replicationcontrollers: 'replication-controller', daemonsets: 'daemon-set-controller', statefulsets: 'statefulset-controller', jobs: 'job-controller',
  deployments: 'deployment-controller', cronjobs: 'cronjob-controller', endpoints: 'endpoint-controller', endpointslices: 'endpointslice-controller', nodes: 'node-controller',
  serviceaccounts: 'service-account-controller', configmaps: 'root-ca-cert-publisher', poddisruptionbudgets: 'disruption-controller', namespaces: 'namespace-controller',
  validatingadmissionpolicies: 'validatingadmissionpolicy-status-controller', servicecidrs: 'service-cidrs-controller', clusterroles: 'clusterrole-aggregation-controller',
}
const ACCOUNTS = ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated']

/** Undefined: somebody else writes. */
export function agentOf({ kind: { resource }, name, operation, options }: Request, object: KubeObject | undefined): User | undefined {
  return agentNamed((options as { fieldManager?: string }).fieldManager, resource, name, operation === 'CREATE', object)
}

/** Who writes under the name of a part. */
export function agentNamed(fieldManager: string | undefined, resource: Pick<ApiResource, 'name'>, name: string, creates: boolean, object: KubeObject | undefined): User | undefined {
  switch (fieldManager) {
    case 'kubelet':
      return nodeUser((object as { spec?: { nodeName?: string } } | undefined)?.spec?.nodeName ?? name)
    case 'kube-scheduler':
      return { name: 'system:kube-scheduler', groups: ['system:authenticated'] }
    case 'kube-controller-manager': {
      const owner = creates ? object?.metadata.ownerReferences?.find((each) => each.controller)?.kind : undefined
      const account = own(BY_OWNER, owner ?? '') ?? own(BY_RESOURCE, resource.name)
      return account === undefined ? { name: 'system:kube-controller-manager', groups: ['system:authenticated'] } : { name: `system:serviceaccount:kube-system:${account}`, groups: ACCOUNTS }
    }
    default:
      return undefined
  }
}

/** A node's kubelet. */
export function nodeUser(node: string): User {
  return { name: `system:node:${node}`, groups: ['system:nodes', 'system:authenticated'] }
}

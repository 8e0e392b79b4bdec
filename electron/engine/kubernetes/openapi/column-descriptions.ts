import type { ApiResource } from '../client.ts'
import type { Table } from '../types.ts'
import { publishedDescription, publishedName } from './published.ts'

/**
 * What the API says of a table's columns: upstream takes it from the fields' own documentation (pkg/printers/internalversion).
 * Columns with words of their own there have none here.
 */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ConfigMap: { Data: 'data' },
  DaemonSet: {
    Desired: 'status.desiredNumberScheduled', Current: 'status.currentNumberScheduled', Ready: 'status.numberReady', 'Up-to-date': 'status.updatedNumberScheduled',
    Available: 'status.numberAvailable', 'Node Selector': 'spec.template.spec.nodeSelector', Selector: 'spec.selector',
  },
  Deployment: { 'Up-to-date': 'status.updatedReplicas', Available: 'status.availableReplicas', Selector: 'spec.selector' },
  Endpoints: { Endpoints: 'subsets' },
  Node: {
    Version: 'status.nodeInfo.kubeletVersion', 'Internal-IP': 'status.addresses', 'External-IP': 'status.addresses', 'OS-Image': 'status.nodeInfo.osImage',
    'Kernel-Version': 'status.nodeInfo.kernelVersion', 'Container-Runtime': 'status.nodeInfo.containerRuntimeVersion',
  },
  Pod: { IP: 'status.podIP', Node: 'spec.nodeName', 'Nominated Node': 'status.nominatedNodeName', 'Readiness Gates': 'spec.readinessGates' },
  ReplicaSet: { Desired: 'spec.replicas', Current: 'status.replicas', Ready: 'status.readyReplicas', Selector: 'spec.selector' },
  ReplicationController: { Desired: 'spec.replicas', Current: 'status.replicas', Ready: 'status.readyReplicas', Selector: 'spec.selector' },
  Secret: { Type: 'type', Data: 'data' },
  Service: { Type: 'spec.type', 'Cluster-IP': 'spec.clusterIP', 'External-IP': 'spec.externalIPs', 'Port(s)': 'spec.ports', Selector: 'spec.selector' },
  ServiceAccount: { Secrets: 'secrets' },
}
const OF_ALL: Readonly<Record<string, string>> = { Name: 'metadata.name', Age: 'metadata.creationTimestamp', 'Created At': 'metadata.creationTimestamp' }

export function withDescriptions(table: Table, { group, version, kind }: Pick<ApiResource, 'group' | 'version' | 'kind'>): Table {
  const known = publishedName(group, version, kind)
  const own = known === undefined ? undefined : FIELDS[kind]
  const name = known ?? 'io.k8s.api.core.v1.Pod'
  return {
    ...table,
    columnDefinitions: table.columnDefinitions.map((column) => {
      const path = column.description ? undefined : (own?.[column.name] ?? OF_ALL[column.name])
      return path === undefined ? column : { ...column, description: publishedDescription(name, ...path.split('.')) }
    }),
  }
}

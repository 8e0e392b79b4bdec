/** Antrea's CustomResourceDefinitions, as far as this simulation reads and writes them (build/charts/antrea/crds of v2.4). */
export const AGENT_INFOS = 'antreaagentinfos.crd.antrea.io'
export const CONTROLLER_INFOS = 'antreacontrollerinfos.crd.antrea.io'

const GROUP = 'crd.antrea.io'

interface Definition { plural: string; kind: string; short: string[]; columns: object[] }

const column = (name: string, type: string, jsonPath: string): object => ({ name, type, jsonPath })
const ANY = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const AGE = column('Age', 'date', '.metadata.creationTimestamp')

const DEFINITIONS: readonly Definition[] = [
  {
    plural: 'antreaagentinfos', kind: 'AntreaAgentInfo', short: ['aai'],
    columns: [
      column('Pod', 'string', '.podRef.name'), column('Node', 'string', '.nodeRef.name'), column('Status', 'string', '.agentConditions[?(@.type=="AgentHealthy")].status'),
      { ...column('Node Subnet', 'string', '.nodeSubnets[0]'), priority: 1 }, { ...column('OVS Bridge', 'string', '.ovsInfo.bridgeName'), priority: 1 },
      { ...column('Local Pod Num', 'integer', '.localPodNum'), priority: 1 }, AGE,
    ],
  },
  {
    plural: 'antreacontrollerinfos', kind: 'AntreaControllerInfo', short: ['aci'],
    columns: [column('Pod', 'string', '.podRef.name'), column('Node', 'string', '.nodeRef.name'), column('Status', 'string', '.controllerConditions[?(@.type=="ControllerHealthy")].status'), AGE],
  },
]

export function antreaDefinitions(): object[] {
  return DEFINITIONS.map(({ plural, kind, short, columns }) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}`, labels: { app: 'antrea' } },
    spec: {
      group: GROUP,
      names: { plural, singular: plural.slice(0, -1), kind, listKind: `${kind}List`, shortNames: short },
      scope: 'Cluster',
      versions: [{ name: 'v1beta1', served: true, storage: true, additionalPrinterColumns: columns, schema: { openAPIV3Schema: ANY } }],
    },
  }))
}

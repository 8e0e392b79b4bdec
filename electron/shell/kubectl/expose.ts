import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, RECORD_FLAG } from './flags.ts'
import { intOrString, parseLabels } from './generators.ts'
import { at, isObject, type JsonObject, list, map, text } from './objects.ts'
import { OVERRIDE_FLAGS, overridden } from './overrides.ts'
import { printerFor } from './printers/index.ts'
import { recorded } from './record.ts'
import { type Info, queryOf, resolve } from './resources.ts'
import { createAndPrint, metadataOf } from './saving.ts'

export const expose: Command = {
  name: 'expose',
  short: 'Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service',
  use: 'expose (-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service] [--type=type]',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, OVERRIDE_FLAGS, RECORD_FLAG, `
    --cluster-ip string
    --external-ip string
    --field-manager string=kubectl-expose
    -l --labels string
    --load-balancer-ip string
    --name string
    --port string
    --protocol string
    --save-config bool
    --selector string
    --session-affinity string
    --target-port string
    --type string
  `),
  run,
}

const EXPOSABLE = ['ReplicationController', 'Service', 'Pod', 'Deployment', 'ReplicaSet']

function* run(k: Kubectl): Task<number> {
  yield* k.dryRun()
  printerFor(k)
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: k.args, labelSelector: '' }))
  for (const info of infos) {
    try {
      if (!EXPOSABLE.includes(info.resource.kind)) throw new KubectlError(`cannot expose a ${info.resource.kind}${info.resource.group ? `.${info.resource.group}` : ''}`)
      yield* createAndPrint(k, overridden(k, recorded(k, serviceFor(k, info))), 'exposed')
    } catch (error) {
      errors.push(error)
    }
  }
  throwAll(errors)
  return 0
}

/** What to select, from the object. */
function selectorOf(info: Info): string {
  const { kind } = info.resource
  const why = "couldn't retrieve selectors via --selector flag or introspection: "
  const asText = (labels: unknown): string => Object.entries(map(labels)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${text(value)}`).join(',')
  if (kind === 'Pod') {
    const labels = at(info.object, 'metadata', 'labels')
    if (!isObject(labels) || Object.keys(labels).length === 0) throw new KubectlError(`${why}the pod has no labels and cannot be exposed`)
    return asText(labels)
  }
  if (kind === 'Service' || kind === 'ReplicationController') {
    const selector = at(info.object, 'spec', 'selector')
    if (!isObject(selector)) throw new KubectlError(`${why}the ${kind === 'Service' ? 'service' : 'replication controller'} has no pod selector set`)
    return asText(selector)
  }
  const expressions = list(at(info.object, 'spec', 'selector', 'matchExpressions'))
  if (expressions.length > 0) throw new KubectlError(`${why}couldn't convert expressions - "${expressions.map((e) => text(e)).join(' ')}" to map-based selector format`)
  return asText(at(info.object, 'spec', 'selector', 'matchLabels'))
}

/** Ports of the object, each with its protocols. */
function portsOf(info: Info): { port: string; protocol: string }[] {
  if (info.resource.kind === 'Service') {
    return list(at(info.object, 'spec', 'ports')).map((p) => ({ port: text(at(p, 'port')), protocol: text(at(p, 'protocol')) || 'TCP' }))
  }
  const spec = info.resource.kind === 'Pod' ? at(info.object, 'spec') : at(info.object, 'spec', 'template', 'spec')
  return list(at(spec, 'containers')).flatMap((c) => list(at(c, 'ports'))).map((p) => ({ port: text(at(p, 'containerPort')), protocol: text(at(p, 'protocol')) || 'TCP' }))
}

function serviceFor(k: Kubectl, info: Info): JsonObject {
  const { flags: f } = k
  const selector = f.string('selector') || selectorOf(info)
  const known = portsOf(info)
  const portText = f.string('port') || known.map((p) => p.port).join(',')
  if (portText === '' && f.string('cluster-ip') !== 'None') throw new KubectlError("couldn't find port via --port flag or introspection")
  const labelsText = f.string('labels') || Object.entries(map(at(info.object, 'metadata', 'labels'))).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${text(value)}`).join(',')
  if (selector === '') throw new KubectlError('selector must be specified')
  const wanted = portText === '' ? [] : portText.split(',')
  const ports: JsonObject[] = wanted.flatMap((word, i): JsonObject[] => {
    if (!/^[+-]?\d+$/.test(word)) throw new KubectlError(`strconv.Atoi: parsing ${JSON.stringify(word)}: invalid syntax`)
    const port = Number(word)
    const named = (name: string): JsonObject => (name ? { name } : {})
    const name = wanted.length > 1 ? `port-${i + 1}` : ''
    if (f.string('protocol')) return [{ ...named(name), protocol: f.string('protocol'), port }]
    const protocols = [...new Set(known.filter((p) => p.port === word).map((p) => p.protocol))]
    if (protocols.length > 1) return protocols.map((protocol) => ({ name: `port-${i + 1}-${protocol.toLowerCase()}`, protocol, port }))
    return [{ ...named(name), protocol: protocols[0] ?? 'TCP', port }]
  })
  for (const port of ports) port['targetPort'] = f.string('target-port') ? intOrString(f.string('target-port')) : port['port']
  const spec: JsonObject = {}
  if (ports.length > 0) spec['ports'] = ports
  spec['selector'] = parseLabels(selector)
  if (f.string('cluster-ip')) spec['clusterIP'] = f.string('cluster-ip')
  if (f.string('type')) spec['type'] = f.string('type')
  if (f.string('external-ip')) spec['externalIPs'] = [f.string('external-ip')]
  const affinity = f.string('session-affinity')
  if (affinity !== '') {
    if (affinity !== 'None' && affinity !== 'ClientIP') throw new KubectlError(`unknown session affinity: ${affinity}`)
    spec['sessionAffinity'] = affinity
  }
  if (f.string('type') === 'LoadBalancer' && f.string('load-balancer-ip')) spec['loadBalancerIP'] = f.string('load-balancer-ip')
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: metadataOf(f.string('name') || info.name.slice(0, 63), { labels: labelsText ? parseLabels(labelsText) : undefined }),
    spec,
    status: { loadBalancer: {} },
  }
}

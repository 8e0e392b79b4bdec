import { dns1123Subdomain } from '../../engine/kubernetes/validation/names.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { CREATE_FLAGS, started } from './create-simple.ts'
import { KubectlError, messageOf, quote } from './errors.ts'
import { flags } from './flags.ts'
import type { JsonObject } from './objects.ts'
import { createAndPrint, metadataOf } from './saving.ts'

function service(type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName', name: string, use: string, more: string, aliases?: string[]): Command {
  return {
    name,
    aliases,
    short: `Create ${type === 'ExternalName' ? 'an' : 'a'} ${type} service`,
    use,
    flags: flags(CREATE_FLAGS, more),
    required: type === 'ExternalName' ? ['external-name'] : [],
    run: (k) => run(k, type),
  }
}

export const createService: Command = {
  name: 'service',
  aliases: ['svc'],
  short: 'Create a service using a specified subcommand',
  use: 'service [flags]',
  helpTo: 'stderr',
  commands: [
    service('ClusterIP', 'clusterip', 'clusterip NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none]', '--clusterip string\n--tcp slice'),
    service('ExternalName', 'externalname', 'externalname NAME --external-name external.name [--dry-run=server|client|none]', '--external-name string\n--tcp slice'),
    service('LoadBalancer', 'loadbalancer', 'loadbalancer NAME [--tcp=port:targetPort] [--dry-run=server|client|none]', '--tcp slice'),
    service('NodePort', 'nodeport', 'nodeport NAME [--tcp=port:targetPort] [--dry-run=server|client|none]', '--node-port int\n--tcp slice'),
  ],
}

function* run(k: Kubectl, type: string): Task<number> {
  const name = yield* started(k)
  const { flags: f } = k
  const pairs = f.list('tcp')
  const headless = f.has('clusterip') && f.string('clusterip') === 'None'
  if (pairs.length === 0 && !headless && type !== 'ExternalName') throw new KubectlError('at least one tcp port specifier must be provided')
  const ports = pairs.map((pair): JsonObject => {
    const { port, target } = parsePorts(pair)
    const entry: JsonObject = { name: pair.replaceAll(':', '-'), protocol: 'TCP', port, targetPort: target }
    if (f.has('node-port') && f.int('node-port') !== 0) entry['nodePort'] = f.int('node-port')
    return entry
  })
  if (type === 'ExternalName' && dns1123Subdomain(f.string('external-name')).length > 0) throw new KubectlError(`invalid service external name ${f.string('external-name')}`)
  const spec: JsonObject = {}
  if (ports.length > 0) spec['ports'] = ports
  if (type !== 'ExternalName') spec['selector'] = { app: name }
  if (f.has('clusterip') && f.string('clusterip')) spec['clusterIP'] = f.string('clusterip')
  spec['type'] = type
  if (type === 'ExternalName') spec['externalName'] = f.string('external-name')
  if (type === 'ExternalName') spec['selector'] = { app: name }
  const object: JsonObject = { kind: 'Service', apiVersion: 'v1', metadata: metadataOf(name, { labels: { app: name } }), spec, status: { loadBalancer: {} } }
  try {
    return yield* createAndPrint(k, object)
  } catch (error) {
    const status = (error as { status?: unknown }).status
    if (status !== undefined) throw new KubectlError(`failed to create ${type} service: ${messageOf(error)}`)
    throw error
  }
}

/** "80", "80:8080", "80:http" */
function parsePorts(text: string): { port: number; target: number | string } {
  const [first, second] = text.split(':') as [string, string?]
  const port = Number(first)
  if (!/^\d+$/.test(first)) throw new KubectlError(`strconv.ParseUint: parsing ${quote(first)}: invalid syntax`)
  if (port > 65535) throw new KubectlError(`strconv.ParseUint: parsing ${quote(first)}: value out of range`)
  if (second === undefined) return { port, target: port }
  if (/^[+-]?\d+$/.test(second)) {
    const target = Number(second)
    if (target < 1 || target > 65535) throw new KubectlError('must be between 1 and 65535, inclusive')
    return { port, target }
  }
  const wrong: string[] = []
  if (second.length > 15) wrong.push('must be no more than 15 characters')
  if (!/^[-a-z0-9]+$/.test(second)) wrong.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(second)) wrong.push('must contain at least one letter (a-z)')
  if (second.includes('--')) wrong.push('must not contain consecutive hyphens')
  if (/^-|-$/.test(second)) wrong.push('must not begin or end with a hyphen')
  if (wrong.length > 0) throw new KubectlError(wrong.join(','))
  return { port, target: second }
}

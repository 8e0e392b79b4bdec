import type { Task } from '../../engine/machine/task.ts'
import { put } from '../../engine/own.ts'
import type { Command, Kubectl } from './command.ts'
import { CREATE_FLAGS, started } from './create-simple.ts'
import { KubectlError } from './errors.ts'
import { flags } from './flags.ts'
import { intOrString } from './generators.ts'
import type { JsonObject } from './objects.ts'
import { createNamed, metadataOf } from './saving.ts'

/** kubectl's pkg/cmd/create/create_ingress.go: "host/path=service:port[,tls[=secret]]". */
const RULE = /^[\w*\-.]*\/.*=[\w-]+:[\w-]+(?:,tls=?[\w-]*)?/

export const createIngress: Command = {
  name: 'ingress',
  aliases: ['ing'],
  short: 'Create an ingress with the specified name',
  use: 'ingress NAME --rule=host/path=service:port[,tls[=secret]] ',
  flags: flags(CREATE_FLAGS, `
    --annotation array
    --class string
    --default-backend string
    --rule array
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  const name = yield* started(k)
  const fallback = f.string('default-backend')
  const rules = f.list('rule')
  if (fallback === '' && rules.length === 0) {
    throw new KubectlError(
      'not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)',
    )
  }
  for (const rule of rules) {
    if (!RULE.test(rule)) throw new KubectlError(`rule ${rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]`)
  }
  const annotations: Record<string, string> = {}
  for (const annotation of f.list('annotation')) {
    const at = annotation.indexOf('=')
    if (at < 0) throw new KubectlError(`annotation ${annotation} is invalid and should be in format key=[value]`)
    put(annotations, annotation.slice(0, at), annotation.slice(at + 1))
  }
  if (fallback !== '' && fallback.split(':').length !== 2) throw new KubectlError('default-backend should be in format servicename:serviceport')
  const spec: JsonObject = {}
  if (f.string('class') !== '') spec['ingressClassName'] = f.string('class')
  if (fallback !== '') spec['defaultBackend'] = backend(fallback)
  const tls = certificates(rules)
  if (tls.length > 0) spec['tls'] = tls
  if (rules.length > 0) spec['rules'] = hosts(rules)
  const metadata = metadataOf(name, { annotations: Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1))) })
  return yield* createNamed(k, { kind: 'Ingress', apiVersion: 'networking.k8s.io/v1', metadata, spec, status: { loadBalancer: {} } }, 'ingress')
}

function backend(text: string): JsonObject {
  const [name, port] = text.split(':') as [string, string]
  const value = intOrString(port)
  return { service: { name, port: typeof value === 'number' ? { number: value } : { name: value } } }
}

/** A host is named once, under the secret that it came with first. */
function certificates(rules: readonly string[]): JsonObject[] {
  const found: { hosts: string[]; secret: string }[] = []
  const seen = new Set<string>()
  for (const rule of rules) {
    const parts = rule.split(',')
    if (parts.length !== 2) continue
    const host = rule.slice(0, rule.indexOf('/'))
    const secret = parts[1]!.split('=')[1] ?? ''
    if (seen.has(host)) continue
    seen.add(host)
    const same = found.find((t) => t.secret === secret)
    if (same) same.hosts.push(host)
    else if (host !== '' || secret !== '') found.push({ hosts: host === '' ? [] : [host], secret })
  }
  return found.map(({ hosts: named, secret }) => ({ ...(named.length > 0 ? { hosts: named } : {}), ...(secret ? { secretName: secret } : {}) }))
}

function hosts(rules: readonly string[]): JsonObject[] {
  const paths = new Map<string, JsonObject[]>()
  for (const rule of rules) {
    const bare = rule.split(',')[0]!
    const slash = bare.indexOf('/')
    const host = bare.slice(0, slash)
    const list = paths.get(host) ?? []
    paths.set(host, [...list, httpPath(bare.slice(slash + 1))])
  }
  return [...paths].map(([host, list]) => ({ ...(host ? { host } : {}), http: { paths: list } }))
}

/** "api*=web:80": a star at the end makes it a prefix. */
function httpPath(text: string): JsonObject {
  const [rest, service] = text.split('=') as [string, string]
  const path = `/${rest}`
  const prefix = path.endsWith('*')
  return { path: prefix ? path.slice(0, -1) : path, pathType: prefix ? 'Prefix' : 'Exact', backend: backend(service) }
}

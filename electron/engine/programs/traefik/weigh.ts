import { decodeBase64 } from '../../kubernetes/base64.ts'
import { decodeUtf8 } from '../../text.ts'
import { readCertificates, type Certificate } from '../tls/x509.ts'
import { field, normalized, type Dynamic, type Mirror, type Transport, type WeightedService } from './model.ts'
import type { Picture } from './picture.ts'
import { serversOf } from './servers.ts'
import { stickyOf } from './sticky.ts'

/** The services of Traefik's own kinds, and what TraefikServices make of them (kubernetes_http.go of pkg/provider/kubernetes/crd). */
export interface RouteService { serversTransport?: string; kind?: string; name: string; namespace?: string; port?: number | string; scheme?: string; weight?: number; passHostHeader?: boolean; sticky?: object; tls?: boolean; proxyProtocol?: object; percent?: number; nativeLB?: boolean; nodePortLB?: boolean; strategy?: string; healthCheck?: object }

/** `key`: "" for TCP and UDP. `problem` is told the error. */
export interface About { namespace: string; key: string; problem(error: string): void }
interface Group { weighted?: { services?: RouteService[]; sticky?: object }; mirroring?: RouteService & { mirrors?: RouteService[]; mirrorBody?: boolean; maxBodySize?: number } }

/** The services of a route with their weights; undefined where one of them cannot be made. */
export function weigh(picture: Picture, services: readonly RouteService[], about: About, dynamic: Dynamic, protocol = 'TCP', within: readonly string[] = []): WeightedService[] | undefined {
  const { namespace, problem } = about
  let found: WeightedService[] = []
  // weights are whole numbers: where a group's are parts of its own, all others are so many times as large
  let scale = 1
  for (const service of services) {
    const of = service.namespace ?? namespace
    const weight = (service.weight ?? 1) * scale
    if (!picture.crossNamespace && of !== namespace) {
      const which = service.kind === 'TraefikService' ? '' : about.key !== '' ? 'load balancer ' : protocol === 'UDP' ? 'udp ' : 'tcp '
      problem(`${which}service ${of}/${service.name} ${which === '' ? '' : 'is '}not in the parent resource namespace ${namespace}`)
      return undefined
    }
    if (service.kind === 'TraefikService') {
      const inner = groupOf(picture, `${of}/${service.name}`, { ...about, namespace: of }, services.length > 1 || within.length > 0, dynamic, protocol, within)
      if (!inner) return undefined
      const total = Math.max(1, inner.reduce((sum, s) => sum + s.weight, 0))
      found = [...found.map((s) => ({ ...s, weight: s.weight * total })), ...inner.map((s) => ({ ...s, weight: s.weight * weight }))]
      scale *= total
      continue
    }
    const plain = about.key === ''
    const wrong = plain ? undefined : notToBeHad(service, picture, of)
    const made = wrong === undefined ? serversOf(picture, { namespace: of, name: service.name, port: service.port, nativeLB: service.nativeLB, nodePortLB: service.nodePortLB, by: plain ? 'PLAIN' : 'CRD', protocol }) : { error: wrong }
    if ('error' in made) {
      problem(made.error)
      return undefined
    }
    // a route's only service bears the route's name
    const own = services.length === 1 && within.length === 0 ? about.key : `${normalized(`${of}-${service.name}-${service.port ?? ''}`)}@kubernetescrd`
    const sticky = stickyOf(service.sticky, own)
    const transport = service.serversTransport && protocol === 'TCP' && about.key !== '' ? transportOf(picture, of, service.serversTransport, dynamic) : undefined
    if (transport && 'error' in transport) {
      problem(transport.error)
      return undefined
    }
    found.push({ ...made, ...(own === about.key ? {} : { name: own }), ...(transport ? { transport } : {}), weight, passHost: service.passHostHeader ?? true, ...(service.scheme === 'https' || service.scheme === 'h2c' ? { scheme: service.scheme } : {}), ...(sticky ? { sticky } : {}) })
  }
  return found
}

/** What loadServers refuses before it looks for servers. */
function notToBeHad({ strategy = '', healthCheck, name }: RouteService, picture: Picture, namespace: string): string | undefined {
  if (strategy !== '' && strategy !== 'RoundRobin') return `load balancing strategy ${strategy} is not supported`
  const service = picture.service(namespace, name)
  return healthCheck && service && service.spec.type !== 'ExternalName' ? `healthCheck allowed only for ExternalName services: ${namespace}/${name}` : undefined
}

/** What a TraefikService stands for: its services, each with the cookie that names it and with those that get copies. */
function groupOf(picture: Picture, key: string, about: About, nested: boolean, dynamic: Dynamic, protocol: string, within: readonly string[]): WeightedService[] | undefined {
  const { weighted, mirroring } = ((within.includes(key) ? undefined : picture.traefikService(...(key.split('/') as [string, string])))?.spec ?? {}) as Group
  const id = `${normalized(key)}@kubernetescrd`
  const inside = [...within, key]
  if (weighted) {
    const members = weighted.services ?? []
    const sticky = stickyOf(weighted.sticky, id)
    if (sticky && (nested || members.some((m) => m.kind === 'TraefikService'))) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: sticky of TraefikService ${key} among other groups (requests go round robin)` })
    const inner = weigh(picture, members, about, dynamic, protocol, inside)
    if (!inner || !sticky || nested || inner.length !== members.length) return inner
    return inner.map((s, i) => ({ ...s, group: { ...sticky, member: normalized(`${members[i]!.namespace ?? about.namespace}-${members[i]!.name}-${members[i]!.port ?? ''}`) } }))
  }
  if (mirroring) {
    const main = weigh(picture, [mirroring], about, dynamic, protocol, inside)
    const mirrors: Mirror[] = []
    for (const mirror of mirroring.mirrors ?? []) {
      const services = weigh(picture, [mirror], about, dynamic, protocol, inside)
      if (!services) return undefined
      mirrors.push({ group: id, name: `${id} ${mirrors.length}`, percent: mirror.percent ?? 0, services, body: mirroring.mirrorBody ?? true, most: mirroring.maxBodySize ?? -1 })
    }
    return main?.map((s) => ({ ...s, mirrors: [...(s.mirrors ?? []), ...mirrors] }))
  }
  about.problem(`traefik service ${key} not found`)
  return undefined
}

/** What a TraefikService, "namespace/name", stands for where another provider's route leads to it. */
export function traefikServiceOf(picture: Picture, key: string, dynamic: Dynamic): WeightedService[] | undefined {
  const [namespace = ''] = key.split('/')
  return groupOf(picture, key, { namespace, key: '-', problem: (error) => void dynamic.problems.push({ level: 'ERR', text: `Error while building TraefikService ${field('error', error)} namespace=${namespace} providerName=kubernetescrd` }) }, true, dynamic, 'TCP', [])
}

/** ServersTransport of a service: whom it trusts, and by which name. */
export function transportOf(picture: Picture, namespace: string, reference: string, dynamic: Dynamic): Transport | { error: string } {
  const found = picture.transport(namespace, reference)
  if (!found) return { error: `serversTransport ${namespace}/${reference} not found` }
  const { serverName, insecureSkipVerify = false, rootCAsSecrets = [], rootCAs = [], ...others } = found.spec as { serverName?: string; insecureSkipVerify?: boolean; rootCAsSecrets?: string[]; rootCAs?: { secret?: string; configMap?: string }[] } & Record<string, unknown>
  for (const other of Object.keys(others)) if (!/^(maxIdleConnsPerHost|disableHTTP2|forwardingTimeouts)$/.test(other)) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: ${other} of ServersTransport ${namespace}/${reference} (it is as if it were not there)` })
  if (rootCAs.some((r) => r.configMap)) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: rootCAs in a ConfigMap of ServersTransport ${namespace}/${reference} (use a Secret)` })
  const trusted: Certificate[] = []
  for (const name of [...rootCAsSecrets, ...rootCAs.flatMap((r) => r.secret ?? [])]) {
    const { data = {} } = picture.secret(namespace, name) ?? {}
    const bytes = decodeBase64(data['ca.crt'] ?? data['tls.ca'] ?? '')
    try {
      if (typeof bytes !== 'number') trusted.push(...readCertificates(decodeUtf8(bytes)))
    } catch {
      dynamic.problems.push({ level: 'ERR', text: `Error while loading rootCAs ${field('error', `secret ${namespace}/${name} holds no certificate`)} ${field('secret', name)} providerName=kubernetescrd` })
    }
  }
  return { insecure: insecureSkipVerify, serverName, trusted }
}

import type { Service } from '../../kubernetes/types.ts'
import { Signal, type Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { askUpstream, type UpstreamOutcome } from '../http/client.ts'
import { writeRequest, type Headers } from '../http/message.ts'
import { serveHttp, type HttpResponse, type HttpServer } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import { reason, specialPage } from '../nginx/pages.ts'
import { statusPage, type Load } from '../nginx/status.ts'
import type { Affinity } from './annotations.ts'
import { DEFAULT_BACKEND, type Configuration } from './configuration.ts'

/** What is looked at from inside the controller's Pod: the server at 127.0.0.1:10246, /dbg (cmd/dbg), and nginx itself. */
const STATUS_PORT = 10_246
const CONF = '/etc/nginx/nginx.conf'

/** `service`: of a name, for what /configuration/backends tells. */
export function serveStatus(process: Process, load: () => Load, configuration: () => Configuration, service: (namespace: string, name: string) => Service | undefined): HttpServer {
  const answer = (status: number, body: string, type = 'text/html'): HttpResponse => {
    const bytes = encodeUtf8(body)
    const headers: Headers = [['Date', httpDate(process.clock.wall())], ['Content-Type', type], ['Content-Length', String(bytes.length)], ['Connection', 'close']]
    return { status, reason: reason(status), headers, body: bytes, close: true }
  }
  return serveHttp(process, {
    port: STATUS_PORT, address: '127.0.0.1', program: 'nginx', refuse: (status) => answer(status, specialPage(status, undefined)),
    handle: ({ target }, respond) => {
      const path = target.split('?')[0]!
      if (path.startsWith('/healthz')) return respond(answer(200, ''))
      if (path.startsWith('/nginx_status')) return respond(answer(200, statusPage(load()), 'text/plain'))
      if (path.startsWith('/is-dynamic-lb-initialized')) return respond(answer(200, 'OK'))
      if (target === '/configuration/backends') return respond(answer(200, JSON.stringify(backendsOf(configuration(), service))))
      if (path.startsWith('/configuration')) return respond(answer(404, 'Not found!'))
      respond(answer(404, specialPage(404, undefined)))
    },
  })
}

/** Of pkg/apis/ingress/types.go: what the balancer was told, by name. */
function backendsOf({ servers, backends }: Configuration, service: (namespace: string, name: string) => Service | undefined): object[] {
  const places = [...new Set(servers.values())].flatMap((server) => server.locations.map((location) => ({ host: server.host, ...location })))
  const names = new Set([...backends.keys(), DEFAULT_BACKEND])
  return [...names].sort().map((name) => {
    const own = places.filter((place) => place.backend === name)
    const guest = places.find((place) => place.alternative?.backend === name)?.alternative
    const { about, settings } = own[0] ?? {}
    const spec = about && about.service !== '' ? service(about.namespace, about.service)?.spec : undefined
    const endpoints = backends.get(name) ?? []
    const told = name === DEFAULT_BACKEND && endpoints.length === 0 ? [{ address: '127.0.0.1', port: 8181 }] : endpoints
    const alternatives = [...new Set(own.flatMap((place) => place.alternative?.backend ?? []))]
    const port = about?.port ?? (name === DEFAULT_BACKEND ? '0' : name.split('-').at(-1)!)
    const canary = guest?.canary
    return {
      name,
      ...(spec ? { service: { metadata: { creationTimestamp: null }, spec, status: { loadBalancer: {} } } } : {}),
      port: /^[0-9]+$/.test(port) ? Number(port) : port,
      sslPassthrough: settings?.sslPassthrough ?? false,
      ...(told.length > 0 ? { endpoints: told.map((e) => ({ address: e.address, port: String(e.port) })) } : {}),
      sessionAffinityConfig: affinityOf(settings?.affinity, own.map(({ host, path }) => [host, path] as const)),
      upstreamHashByConfig: { ...(settings?.hashBy === undefined ? {} : { 'upstream-hash-by': settings.hashBy }), ...(settings?.hashSubset === undefined ? {} : { 'upstream-hash-by-subset': true }), ...(settings ? { 'upstream-hash-by-subset-size': settings.hashSubset ?? 3 } : {}) },
      noServer: guest !== undefined,
      trafficShapingPolicy: { weight: canary?.weight ?? 0, weightTotal: canary?.total ?? 0, header: canary?.header ?? '', headerValue: canary?.headerValue ?? '', headerPattern: canary?.headerPattern?.source ?? '', cookie: canary?.cookie ?? '' },
      ...(alternatives.length > 0 ? { alternativeBackends: alternatives } : {}),
    }
  })
}

function affinityOf(affinity: Affinity | undefined, places: readonly (readonly [host: string, path: string])[]): object {
  if (!affinity) return { name: '', mode: '', cookieSessionAffinity: { name: '' } }
  const { name, expires, maxAge, path, domain, sameSite, secure, persistent, changeOnFailure } = affinity
  return {
    name: 'cookie',
    mode: persistent ? 'persistent' : 'balanced',
    cookieSessionAffinity: {
      name, ...(expires === undefined ? {} : { expires: String(expires) }), ...(maxAge ? { maxage: maxAge } : {}), locations: Object.fromEntries(places.map(([host]) => [host, places.filter(([h]) => h === host).map(([, p]) => p)])),
      ...(secure ? { secure } : {}), ...(path ? { path } : {}), ...(domain ? { domain } : {}), ...(sameSite ? { samesite: sameSite } : {}), ...(changeOnFailure ? { change_on_failure: true } : {}),
    },
  }
}

const DBG_HELP = `dbg is a tool for quickly inspecting the state of the nginx instance

Usage:
  dbg [command]

Available Commands:
  backends    Inspect the dynamically-loaded backends information
  certs       Inspect dynamic SSL certificates
  completion  Generate the autocompletion script for the specified shell
  conf        Dump the contents of /etc/nginx/nginx.conf
  general     Output the general dynamic lua state
  help        Help about any command

Flags:
  -h, --help              help for dbg
      --status-port int   Port to use for the lua HTTP endpoint configuration. (default 10246)

Use "dbg [command] --help" for more information about a command.
`

/** /dbg: asks the status server, by packets. */
export const dbg: Program = function* (process) {
  const [command, verb, name, ...rest] = process.argv.slice(1)
  if (command === undefined || command === '-h' || command === '--help' || command === 'help') return yield* say(process, DBG_HELP)
  if (command === 'conf' && verb === undefined) {
    if (!process.fs.exists(CONF)) return yield* say(process, `open ${CONF}: no such file or directory\n`)
    return yield* say(process, `${process.fs.readText(CONF)}\n`)
  }
  if (command === 'general' && verb === undefined) return yield* say(process, '{}\n')
  const known = command === 'backends' && rest.length === 0 && ((verb === 'get' && name !== undefined) || ((verb === 'list' || verb === 'all') && name === undefined))
  if (!known) {
    yield* process.printError(`podhop: not simulated: dbg ${process.argv.slice(1).join(' ')} (backends list, backends all, backends get NAME, conf and general are)\n`)
    return 69
  }
  let outcome: UpstreamOutcome | undefined
  const heard = new Signal()
  askUpstream(process, { address: '127.0.0.1', port: STATUS_PORT, program: 'dbg', method: 'GET', bytes: writeRequest('GET', '/configuration/backends', [['Host', `127.0.0.1:${STATUS_PORT}`], ['User-Agent', 'Go-http-client/1.1'], ['Accept-Encoding', 'gzip']]), connectTimeout: 10_000, readTimeout: 10_000 }, (o) => {
    outcome = o
    heard.notify()
  })
  while (!outcome) yield heard.wait
  const url = `http://127.0.0.1:${STATUS_PORT}/configuration/backends`
  if (!('body' in outcome)) return yield* say(process, `Get "${url}": ${'error' in outcome && outcome.error === 'ECONNREFUSED' ? `dial tcp 127.0.0.1:${STATUS_PORT}: connect: connection refused` : 'EOF'}\n`)
  if (outcome.head.status !== 200) return yield* say(process, `Nginx returned code ${outcome.head.status}\n`)
  const backends = JSON.parse(decodeUtf8(outcome.body)) as { name: string }[]
  if (verb === 'all') return yield* say(process, `${JSON.stringify(backends, undefined, 2)}\n`)
  if (verb === 'list') return yield* say(process, backends.map((backend) => `${backend.name}\n`).join(''))
  const found = backends.find((backend) => backend.name === name)
  return yield* say(process, found ? `${JSON.stringify(sorted(found), undefined, 2)}\n` : 'A backend of this name was not found.\n')
}

/** As encoding/json writes a map: by name. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]))
}

function* say(process: Process, text: string): Task<number> {
  yield* process.print(text)
  return 0
}

/** nginx' own command: what is asked of it while the controller runs it. */
export const nginxInside: Program = function* (process) {
  const [option, ...rest] = process.argv.slice(1)
  const version = 'nginx version: nginx/1.25.5\n'
  if (rest.length === 0 && option === '-v') {
    yield* process.printError(version)
    return 0
  }
  if (rest.length > 0 || (option !== '-t' && option !== '-T')) {
    yield* process.printError(`podhop: not simulated: nginx ${process.argv.slice(1).join(' ')} in the controller's Pod (-v, -t and -T are)\n`)
    return 69
  }
  if (!process.fs.exists(CONF)) {
    yield* process.printError(`nginx: [emerg] open() "${CONF}" failed (2: No such file or directory)\nnginx: configuration file ${CONF} test failed\n`)
    return 1
  }
  // the controller has written it from what it serves
  yield* process.printError(`nginx: the configuration file ${CONF} syntax is ok\nnginx: configuration file ${CONF} test is successful\n`)
  return option === '-T' ? yield* say(process, `# configuration file ${CONF}:\n${process.fs.readText(CONF)}\n`) : 0
}

import { isObject } from '../../kubernetes/json.ts'
import type { Ingress } from '../../kubernetes/types.ts'
import type { Process } from '../../machine/types.ts'
import { decodeUtf8 } from '../../text.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import type { HttpServer } from '../http/server.ts'
import { readCertificates, type Certificate } from '../tls/x509.ts'
import { PREFIX, readAnnotations } from './annotations.ts'
import { byAge } from './configuration.ts'

/** The validating webhook of the controller: internal/admission/controller and CheckIngress of internal/ingress/controller (v1.12). */

export interface Checked {
  /** Those of the controller's class that it has taken. */
  ingresses: readonly Ingress[]
  /** Why an Ingress is not the controller's own. */
  foreign(ingress: Ingress): string | undefined
  /** The controller's ConfigMap. */
  defaults?: Readonly<Record<string, string>>
}

type Log = (source: string, text: string, severity?: 'I' | 'W' | 'E') => void

/** inspector.validPathType: what a path may be that is no regular expression. */
const PLAIN_PATH = /^\/[a-z0-9._\-/]*$/i
const SPECIFIC = 'ImplementationSpecific'
const CANARY = 'nginx.ingress.kubernetes.io/canary'
/** TLS' alert of a server without its certificate. */
const INTERNAL_ERROR = 80

/** Why an Ingress may not be; undefined: it may. */
function checkIngress(ingress: Ingress, { ingresses, foreign, defaults = {} }: Checked, log: Log): string | undefined {
  const { metadata, spec } = ingress
  if (metadata.deletionTimestamp) return undefined
  const why = foreign(ingress)
  if (why !== undefined) {
    log('controller.go:351', `ignoring ingress ${metadata.name} in ${metadata.namespace} based on annotation : ${why}`, 'W')
    return undefined
  }
  const paths = (spec.rules ?? []).flatMap(({ http }) => http?.paths ?? [])
  const strict = !/^(0|f|false)$/i.test(defaults['strict-validate-path-type'] ?? '')
  const wrong = (strict ? paths : []).filter(({ path, pathType }) => path && pathType !== SPECIFIC && !PLAIN_PATH.test(path))
  if (wrong.length > 0) return `ingress contains invalid paths: ${wrong.map(({ path, pathType }) => `path ${path} cannot be used with pathType ${pathType ?? 'nil'}`).join('\n')}`
  const words = defaults['annotation-value-word-blocklist'] ? defaults['annotation-value-word-blocklist'].trim().split(',') : []
  for (const key of Object.keys(metadata.annotations ?? {}).sort()) {
    const forbidden = key.startsWith(PREFIX) ? words.find((word) => metadata.annotations![key]!.includes(word.trim())) : undefined
    if (forbidden !== undefined) return `${key} annotation contains invalid word ${forbidden}`
    if (!/^(1|t|true)$/i.test(defaults['allow-snippet-annotations'] ?? '') && key.endsWith('-snippet')) return `${key} annotation cannot be used. Snippet directives are disabled by the Ingress administrator`
  }
  const parsed = readAnnotations(ingress, defaults)
  if ('refused' in parsed) return parsed.refused
  const others = ingresses.filter((other) => other.metadata.namespace !== metadata.namespace || other.metadata.name !== metadata.name)
  return overlap(ingress, [...others].sort(byAge), defaults)
}

/** The value of `canary`: undefined where it is not said, or not as a boolean. */
function canaryOf({ metadata }: Ingress): boolean | undefined {
  const value = metadata.annotations?.[CANARY]
  return value === undefined || value === '' ? undefined : /^(1|t|T|TRUE|true|True)$/.test(value)
}

/** checkOverlap: a host's path that another Ingress has already, unless one of the two is the other's canary. */
function overlap(ingress: Ingress, others: readonly Ingress[], defaults: Readonly<Record<string, string>>): string | undefined {
  const owners = new Map<string, { exact: boolean; ingress: Ingress }[]>()
  for (const each of [...others, ingress]) {
    // a canary's backends are of no server of their own
    if (canaryOf(each) === true || 'refused' in readAnnotations(each, defaults)) continue
    for (const { host, http } of each.spec.rules ?? []) {
      for (const { path, pathType } of http?.paths ?? []) {
        const place = `${host || '_'} ${path || '/'}`
        const found = owners.get(place) ?? []
        const exact = pathType === 'Exact'
        if (!found.some((one) => one.exact === exact)) owners.set(place, [...found, { exact, ingress: each }])
      }
    }
  }
  const mine = canaryOf(ingress)
  for (const { host, http } of ingress.spec.rules ?? []) {
    for (const { path, backend } of http?.paths ?? []) {
      if (!backend.service) continue
      const present = owners.get(`${host || '_'} ${path || '/'}`) ?? []
      if (present.length === 0) continue
      if (present.some((one) => one.ingress === ingress)) return undefined
      for (const { ingress: other } of present) {
        const theirs = canaryOf(other)
        if ((mine === true && theirs === true) || (mine === undefined && theirs === undefined)) {
          return `host "${host || '_'}" and path "${path || '/'}" is already defined in ingress ${other.metadata.namespace}/${other.metadata.name}`
        }
      }
      return undefined
    }
  }
  return undefined
}

/** Serves it at a port, with the pair that a Secret has. Throws SystemError EADDRINUSE. */
export function serveAdmission(process: Process, port: number, certificateFile: string, picture: () => Checked, log: Log): HttpServer {
  let chain: readonly Certificate[] | undefined
  return serveGo(process, 'nginx-ingress-c', port, undefined, (request) => {
    const { path } = splitTarget(request.target)
    // every path is the same to it
    return path === '' ? GO_NOT_FOUND : answer(decodeUtf8(request.body), picture(), log)
  }, {
    select: () => {
      try {
        return { chain: (chain ??= readCertificates(process.fs.readText(certificateFile))) }
      } catch {
        return { alert: INTERNAL_ERROR }
      }
    },
  })
}

function answer(body: string, picture: Checked, log: Log): GoAnswer {
  let review: unknown
  try {
    review = JSON.parse(body)
  } catch (error) {
    log('server.go:79', `"Unexpected error decoding request" err=${JSON.stringify((error as Error).message)}`, 'E')
    return { status: 400, headers: [['X-Content-Type-Options', 'nosniff']], body: 'couldn\'t get version/kind; json parse error: unexpected end of JSON input\n' }
  }
  const { apiVersion, request } = isObject(review) ? review : {}
  const { uid, object, kind } = (isObject(request) ? request : {}) as { uid?: string; object?: Ingress | null; kind?: { group?: string; kind?: string } }
  const respond = (response: object): GoAnswer => ({ headers: [['Content-Type', 'application/json']], body: `${JSON.stringify({ kind: 'AdmissionReview', apiVersion: apiVersion ?? 'admission.k8s.io/v1', response: { uid, ...response } })}\n` })
  const refuse = (message: string): GoAnswer => respond({ allowed: false, status: { metadata: {}, status: 'Failure', message, reason: 'BadRequest', code: 400 } })
  if (kind?.group !== 'networking.k8s.io' || kind.kind !== 'Ingress' || !object) return refuse(`rejecting admission review because the request does not contain an Ingress resource but ${kind?.group ?? ''}/v1, Kind=${kind?.kind ?? ''}`)
  const key = `${object.metadata.namespace}/${object.metadata.name}`
  const why = checkIngress(object, picture, log)
  if (why !== undefined) {
    log('main.go:96', `"invalid ingress configuration" err=${JSON.stringify(why)} ingress="${key}"`, 'E')
    return refuse(why)
  }
  log('main.go:107', `"successfully validated configuration, accepting" ingress="${key}"`)
  return respond({ allowed: true })
}

import type { Clock } from '../../clock.ts'
import { isObject } from '../json.ts'
import { authorize, type Rbac, type User } from '../rbac/authorizer.ts'
import type { Asked } from '../requests/asked.ts'
import type { RequestMetrics } from '../requests/metrics.ts'
import type { Status } from '../types.ts'
import { judge, type Policy, type Stage, type Verdict } from './policy.ts'

/** A request that the policy wants written down. */
export interface AuditedRequest {
  started(code: number): void
  ended(code: number, answer?: unknown): void
}

interface AuditOptions {
  clock: Clock
  policy: Policy
  /** Who may what: for the annotations of the authorizer. */
  rbac: Rbac
  /** Gets each line, with its end. */
  write(line: string): void
}

/** apiserver/pkg/endpoints/filters/audit.go of v1.33 with the log backend: a line of JSON for each stage of a request (audit.k8s.io/v1 Event). */
export class AuditLog {
  readonly #options: AuditOptions
  #count = 0

  constructor(options: AuditOptions) {
    this.#options = options
  }

  begin(asked: Asked, metrics: RequestMetrics): AuditedRequest | undefined {
    const { clock, policy } = this.#options
    const verdict = judge(policy, asked.user, asked.attributes)
    metrics.add('apiserver_audit_level_total', { level: verdict.level })
    if (verdict.level === 'None') return undefined
    const event = { ...this.#head(asked, verdict) }
    const received = microTime(clock.wall())
    const tell = (stage: Stage, at: string, more: object = {}, annotations?: object): void => {
      if (verdict.omitStages.includes(stage)) return
      metrics.add('apiserver_audit_event_total', {})
      const { objectRef, ...head } = event
      this.#options.write(`${JSON.stringify({ ...head, stage, ...this.#who(asked), ...(objectRef ? { objectRef } : {}), ...more, requestReceivedTimestamp: received, stageTimestamp: at, ...(annotations ? { annotations } : {}) })}\n`)
    }
    if (asked.user) tell('RequestReceived', received)
    const body = asked.body?.()
    const named = isObject(body) && isObject(body['metadata']) ? body['metadata'] : undefined
    if (event.objectRef && named && asked.attributes.verb !== 'patch') {
      const { name, namespace, uid, resourceVersion } = event.objectRef
      event.objectRef = inOrder({ ...event.objectRef, name: name ?? named['name'], namespace: namespace ?? named['namespace'], uid: uid ?? named['uid'], resourceVersion: resourceVersion ?? named['resourceVersion'] })
    }
    const request = verdict.level === 'Metadata' || body === undefined || asked.attributes.resource === undefined ? {} : { requestObject: shown(body, verdict) }
    return {
      started: (code) => tell('ResponseStarted', microTime(clock.wall()), { responseStatus: { metadata: {}, code }, ...request }, this.#annotations(asked, code)),
      ended: (code, answer) => {
        const response = verdict.level === 'RequestResponse' && asked.attributes.resource !== undefined && isObject(answer) ? { responseObject: shown(answer, verdict) } : {}
        const status = { responseStatus: statusOf(code, answer, asked) }
        tell(asked.user ? 'ResponseComplete' : 'ResponseStarted', microTime(clock.wall()), { ...status, ...request, ...response }, asked.user && this.#annotations(asked, code))
      },
    }
  }

  #head(asked: Asked, { level }: Verdict): { kind: string; apiVersion: string; level: string; auditID: string; objectRef?: object & { [key: string]: unknown } } {
    const { clock } = this.#options
    const { attributes, version } = asked
    const auditID = clock.random.fork(`audit ${this.#count++} ${clock.now}`).uuid()
    const head = { kind: 'Event', apiVersion: 'audit.k8s.io/v1', level, auditID }
    if (attributes.resource === undefined) return head
    const { resource, namespace, name, group, subresource } = attributes
    return { ...head, objectRef: inOrder({ resource, namespace, name, apiGroup: group, apiVersion: version, subresource }) }
  }

  /** What follows the stage. */
  #who({ uri, attributes: { verb }, user, impersonated, sourceIp, userAgent }: Asked): object {
    return {
      requestURI: uri, verb, user: user ? userInfo(user) : {}, ...(impersonated ? { impersonatedUser: userInfo(impersonated) } : {}),
      ...(sourceIp === '' ? {} : { sourceIPs: [sourceIp] }), ...(userAgent === '' ? {} : { userAgent }),
    }
  }

  /** endpoints/filters/authorization.go. */
  #annotations({ user, impersonated, attributes }: Asked, code: number): object | undefined {
    const who = impersonated ?? user
    if (!who) return undefined
    const { allowed, reason } = authorize(this.#options.rbac, who, attributes)
    const may = allowed || code !== 403
    return { 'authorization.k8s.io/decision': may ? 'allow' : 'forbid', 'authorization.k8s.io/reason': may ? (allowed ? reason : '') : reason }
  }
}

function userInfo({ name, uid, groups, extra }: User): object {
  return { username: name, ...(uid ? { uid } : {}), ...(groups.length > 0 ? { groups } : {}), ...(extra ? { extra } : {}) }
}

/** ObjectReference, as Go writes the struct: what is empty is not there. */
function inOrder(reference: { [key: string]: unknown }): { [key: string]: unknown } {
  const order = ['resource', 'namespace', 'name', 'uid', 'apiGroup', 'apiVersion', 'resourceVersion', 'subresource']
  return Object.fromEntries(order.flatMap((key) => (reference[key] === undefined || reference[key] === '' ? [] : [[key, reference[key]]])))
}

function statusOf(code: number, answer: unknown, { user, bearer }: Asked): object {
  if (!user) return { metadata: {}, message: `Authentication failed, ${bearer ? 'attempted: bearer' : 'no credentials provided'}`, code }
  if (!isObject(answer) || answer['kind'] !== 'Status') return { metadata: {}, code }
  const { status, message, reason, details } = answer as unknown as Status
  return { metadata: {}, ...(status ? { status } : {}), ...(message ? { message } : {}), ...(reason ? { reason } : {}), ...(details && Object.keys(details).length > 0 ? { details } : {}), code }
}

/** Without the records of who owns which field, where the policy says so. */
function shown(object: unknown, { omitManagedFields }: Verdict): unknown {
  return omitManagedFields ? (JSON.parse(JSON.stringify(object, (key, value: unknown) => (key === 'managedFields' ? undefined : value))) as unknown) : object
}

/** metav1.MicroTime. */
function microTime(wall: number): string {
  const micros = Math.round((wall % 1000) * 1000)
  return `${new Date(Math.floor(wall / 1000) * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`
}

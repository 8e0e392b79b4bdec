import { joinHostPort } from '../network/address.ts'
import { type UpstreamOutcome } from '../programs/http/client.ts'
import { writeRequest } from '../programs/http/message.ts'
import { decodeUtf8 } from '../text.ts'
import type { ListOptions, ObjectList } from './client.ts'
import { componentStatus } from './kinds/component-status.ts'
import { dialError, reasonOf, tlsReason } from './kubelet/dial.ts'
import { selection } from './lists.ts'
import type { NodeAgents } from './node-agents.ts'
import { failure } from './status.ts'
import type { ComponentStatus } from './types.ts'

/** probeTimeOut of pkg/registry/core/componentstatus; ms. */
const PATIENCE = 20_000

interface Component { name: string; port: number; path?: string }

/** serversToValidate of pkg/registry/core/rest: where they stand by default, on the API server's own machine. */
const HTTPS: readonly Component[] = [{ name: 'controller-manager', port: 10_257, path: '/healthz' }, { name: 'scheduler', port: 10_259, path: '/healthz' }]
const ETCD: Component = { name: 'etcd-0', port: 2379 }

type Condition = ComponentStatus['conditions'][number]

/**
 * Whether the parts of the control plane are well, as the API server finds it when somebody asks for ComponentStatuses: it
 * calls each over its own loopback link. What was found stays until the next question.
 */
export class ComponentStatuses {
  #found: readonly ComponentStatus[] = []
  readonly #loopback: string

  /** `advertised`: the API server's address; etcd stands on the loopback address of its family. */
  constructor(advertised = '') {
    this.#loopback = advertised.includes(':') ? '::1' : '127.0.0.1'
  }

  /** Returns what gives up. */
  inquire(ask: NodeAgents['ask'], done: () => void): () => void {
    const all = [...HTTPS, ETCD]
    const conditions = new Map<string, Condition>()
    const undo = all.map((component) => this.#ask(ask, component, (condition) => {
      conditions.set(component.name, condition)
      if (conditions.size < all.length) return
      this.#found = all.map(({ name }) => ({ apiVersion: 'v1', kind: 'ComponentStatus', metadata: { name, creationTimestamp: null }, conditions: [conditions.get(name)!] }) as unknown as ComponentStatus)
      done()
    }))
    return () => undo.forEach((each) => each())
  }

  #ask(ask: NodeAgents['ask'], { port, path }: Component, done: (condition: Condition) => void): () => void {
    const host = path === undefined ? this.#loopback : '127.0.0.1'
    const at = joinHostPort(host, port)
    const bytes = writeRequest('GET', path ?? '/', [['Host', at], ['User-Agent', 'kube-probe/1.33'], ['Accept', '*/*'], ['Connection', 'close']], new Uint8Array(0))
    return ask({ address: host, port, method: 'GET', bytes, connectTimeout: PATIENCE, readTimeout: PATIENCE, tls: { serverName: undefined } }, (outcome) => {
      done({ type: 'Healthy', ...(path === undefined ? etcdHealth(outcome) : httpHealth(outcome, `https://${at}${path}`, host, port)) })
    })
  }

  get(name: string): ComponentStatus {
    const found = this.#found.find(({ metadata }) => metadata.name === name)
    if (!found) throw failure(500, '', `Component not found: ${name}`)
    return found
  }

  list(options: ListOptions): ObjectList<ComponentStatus> {
    const { matches } = selection(componentStatus, options)
    return { resourceVersion: '', items: matches ? this.#found.filter(matches) : this.#found }
  }
}

/** pkg/probe/http: what did not come is no error but its message. */
function httpHealth(outcome: UpstreamOutcome, url: string, host: string, port: number): Omit<Condition, 'type'> {
  if ('error' in outcome) return { status: 'False', message: `Get "${url}": ${words(outcome, host, port)}` }
  const { status } = outcome.head
  if (status >= 200 && status < 400) return { status: 'True', message: 'body' in outcome ? decodeUtf8(outcome.body) : '' }
  return { status: 'False', message: `HTTP probe failed with statuscode: ${status}` }
}

function words({ error, phase, tls }: Extract<UpstreamOutcome, { error: string }>, host: string, port: number): string {
  if (error === 'ETIMEDOUT') return phase === 'connect' ? `${dialError(host, port, 'timeout')} (Client.Timeout exceeded while awaiting headers)` : 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
  if (phase === 'connect') return dialError(host, port, reasonOf(error))
  if (tls) return tlsReason(tls)
  return error === 'EOF' || error === 'SYNTAX' ? 'EOF' : `read tcp ${joinHostPort(host, port)}: read: ${reasonOf(error)}`
}

/** etcd's client tries until its time is over. Here nobody has its certificates: who answers a connection by TLS is well. */
function etcdHealth(outcome: UpstreamOutcome): Omit<Condition, 'type'> {
  return 'error' in outcome && (outcome.phase === 'connect' || outcome.error === 'ETIMEDOUT') ? { status: 'False', error: 'context deadline exceeded' } : { status: 'True', message: 'ok' }
}

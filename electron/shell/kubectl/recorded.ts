import type { ExecOptions, ForwardSession, KubernetesClient, ListOptions, LogSink, RemoteCommand, WatchOptions } from '../../engine/kubernetes/client.ts'
import { requestInfo } from '../../engine/kubernetes/http/request-info.ts'
import type { ProxyAnswer, ProxyRequest } from '../../engine/kubernetes/proxy-location.ts'
import { attributesOf, type Asked } from '../../engine/kubernetes/requests/asked.ts'
import { answered, tellFailure, type OpenRequest, type Requests } from '../../engine/kubernetes/requests/requests.ts'
import type { NetworkNamespace } from '../../engine/network/types.ts'
import { byName } from '../../engine/own.ts'
import type { Identity } from './identity.ts'
import { AGENT } from './request-details.ts'
import { pathOf, REQUESTS, type Request } from './request-log.ts'

type Args = unknown[]

/**
 * The same client; each of its requests is told to the API server's own records (metrics, the audit log), as it would be on the
 * wire: kubectl's calls of the client are requests already, and no bytes.
 */
export function recorded(client: KubernetesClient, requests: Requests | undefined, identity: Identity, network: NetworkNamespace): KubernetesClient {
  if (!requests) return client
  const sourceIp = addressOf(network)
  const begin = (request: Request): OpenRequest => requests.begin(askedOf(client, request, identity, sourceIp))
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      const request = REQUESTS[String(key)] ?? OTHERS[String(key)]
      if (typeof value !== 'function') return value
      const call = (args: Args): unknown => (value as (...args: Args) => unknown).apply(target, args)
      if (!request) return (...args: Args) => call(args)
      const lasting = LASTING[String(key)]
      return (...args: Args) => {
        const asked = request(target, args)
        const open = begin(asked)
        // who he is, the server reads in his certificate
        if (key === 'create' && args[0] === 'selfsubjectreviews' && !identity.as) args[3] = { ...(args[3] as object | undefined), user: identity.shown }
        if (!lasting) return answered(open, asked.success ?? 200, () => call(args))
        try {
          return lasting(open, args, call)
        } catch (error) {
          tellFailure(open, error)
          throw error
        }
      }
    },
  })
}

function askedOf(client: KubernetesClient, { verb, path, query = {}, body, contentType }: Request, { shown, as }: Identity, sourceIp: string): Asked {
  const text = Object.entries(query).filter(([, value]) => value !== undefined && value !== '').map(([name, value]) => `${name}=${encodeURIComponent(value!).replaceAll('%20', '+')}`).join('&')
  const uri = path + (text ? `?${text}` : '')
  const info = requestInfo(uri, client.resources())
  return {
    method: verb, uri, attributes: attributesOf(verb, info), version: info.resource?.version, user: shown, ...(as ? { impersonated: as } : {}), userAgent: AGENT, sourceIp,
    dryRun: query['dryRun'] === 'All', applies: contentType === 'application/apply-patch+yaml', ...(body === undefined ? {} : { body: () => body }),
  }
}

/** Whence its packets would come. */
function addressOf({ links }: NetworkNamespace): string {
  for (const [name, { addresses }] of links ?? []) if (name !== 'lo' && addresses[0]) return addresses[0].address
  return ''
}

/** What is no request of -v's lines but is one. */
const OTHERS: typeof REQUESTS = byName({
  document: (_, [verb, path]) => ({ verb: String(verb).toUpperCase(), path: String(path) }),
  table: (c, [resource, options]) => {
    const { namespace, name, fieldSelector, labelSelector, limit } = (options ?? {}) as ListOptions & { name?: string }
    return { verb: 'GET', path: pathOf(c, resource, namespace, name), query: { fieldSelector, labelSelector, limit: limit === undefined ? undefined : String(limit) } }
  },
  exec: (c, [namespace, pod, options]) => stream(c, namespace, pod, 'exec', options as ExecOptions),
  attach: (c, [namespace, pod, options]) => stream(c, namespace, pod, 'attach', options as ExecOptions),
  openForward: (c, [namespace, pod]) => ({ verb: 'GET', path: pathOf(c, 'pods', namespace, pod, 'portforward') }),
  proxy: (c, [resource, namespace, id, request]) => ({ verb: (request as ProxyRequest).method, path: pathOf(c, resource, namespace, id, 'proxy') }),
})

function stream(client: KubernetesClient, namespace: unknown, pod: unknown, subresource: string, { command = [], container, stdin, stdout, stderr, tty }: Partial<ExecOptions>): Request {
  const options: [string, string][] = [...command.map((each): [string, string] => ['command', each]), ...(container ? [['container', container] as [string, string]] : []), ...Object.entries({ stderr: stderr && !tty, stdin, stdout, tty }).flatMap(([name, on]): [string, string][] => (on ? [[name, 'true']] : []))]
  return { verb: 'GET', path: `${pathOf(client, 'pods', namespace, pod, subresource)}?${options.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%20', '+')}`).join('&')}` }
}

/** What goes on after the answer has begun. */
const LASTING: Record<string, (open: OpenRequest, args: Args, call: (args: Args) => unknown) => unknown> = byName({
  watch(open, args, call) {
    const { onEnd } = (args[1] ?? {}) as WatchOptions
    const stop = call([args[0], { ...(args[1] as WatchOptions), onEnd: () => { open.ended(200); onEnd?.() } }, args[2]]) as () => void
    open.started(200)
    return () => {
      stop()
      open.ended(200)
    }
  },
  logs(open, [namespace, pod, options, given], call) {
    const sink = given as LogSink
    const stop = call([namespace, pod, options, {
      onOpen: () => {
        open.started(200)
        sink.onOpen?.()
      },
      ...(sink.onRefused ? { onRefused: (error) => { open.ended(error.status.code ?? 500, error.status); sink.onRefused!(error) } } : {}),
      onLine: (line) => sink.onLine(line),
      onEnd: (error) => {
        open.ended(200)
        sink.onEnd(error)
      },
    } satisfies LogSink]) as () => void
    return () => {
      stop()
      open.ended(200)
    }
  },
  exec: remote,
  attach: remote,
  openForward(open, [namespace, pod, given], call) {
    const session = given as ForwardSession
    const forward = call([namespace, pod, {
      ...session,
      onOpen: () => { open.started(101); session.onOpen() },
      onRefused: (why) => { open.ended(500); session.onRefused(why) },
      onLost: () => { open.ended(101); session.onLost() },
    } satisfies ForwardSession]) as ReturnType<KubernetesClient['openForward']>
    return { connect: (port, handlers) => forward.connect(port, handlers), hangUp: () => { open.ended(101); forward.hangUp() } } satisfies typeof forward
  },
  proxy(open, [resource, namespace, id, request, done], call) {
    const stop = call([resource, namespace, id, request, (answer: ProxyAnswer) => {
      open.ended('head' in answer ? (answer.head as { status: number }).status : 503)
      ;(done as (answer: ProxyAnswer) => void)(answer)
    }]) as () => void
    return () => {
      stop()
      open.ended(200)
    }
  },
})

function remote(open: OpenRequest, args: Args, call: (args: Args) => unknown): RemoteCommand {
  const command = call(args) as RemoteCommand
  open.started(101)
  return {
    resize: (columns, rows) => command.resize(columns, rows),
    close: () => {
      open.ended(101)
      command.close()
    },
    onExit: (listener) => command.onExit((result) => {
      open.ended(101)
      listener(result)
    }),
  }
}

import type { Clock, Timer } from '../../clock.ts'
import { joinHostPort } from '../../network/address.ts'
import type { NetworkNamespace, TcpConnection } from '../../network/types.ts'
import { HttpSyntaxError, ResponseParser, writeRequest, type Headers } from '../../programs/http/message.ts'
import { TlsClient } from '../../programs/tls/socket.ts'
import { apiServersToken, KUBELET_PORT } from './server.ts'
import { dialError, reasonOf, tlsReason } from './dial.ts'

/** Whose connections they are: the API server's process on its machine. */
export interface Caller {
  readonly clock: Clock
  readonly network: NetworkNamespace
  readonly pid: number
}

export interface KubeletRequest {
  method: 'GET' | 'POST'
  /** "/containerLogs/default/web/nginx?follow=true" */
  target: string
  headers?: Headers
}

export interface CallHandlers {
  /** The kubelet answers, with this status. */
  onAnswer(status: number): void
  /** Of the answer, or after 101 of the other protocol. */
  onBody(data: Uint8Array): void
  /** Nothing answered; Go's words: "dial tcp 172.18.0.3:10250: connect: connection refused", "EOF". */
  onFailure(reason: string): void
  /** The answer is whole, or its connection has ended or broken. */
  onOver(): void
}

export interface KubeletCall {
  /** After 101: what the other protocol is spoken on. Its handlers are the caller's from then on. */
  readonly connection: TcpConnection
  /** Nothing is told any more. */
  hangUp(): void
}

/** net.Dialer's Timeout of the transport to the kubelets, and its TLSHandshakeTimeout (http.DefaultTransport), in ms. */
const DIAL = 30_000
const HANDSHAKE = 10_000
/** net.Dialer's KeepAlive of the same, and what Go has for the rest; in ms. */
const KEEP_ALIVE = { idle: 30_000, interval: 15_000, count: 9 }

/** The API server's request to a kubelet: HTTP/1.1 over TLS on a connection of its own, for as long as a log is read or a stream lasts. */
export function callKubelet({ clock, network, pid }: Caller, address: string, { method, target, headers = [] }: KubeletRequest, handlers: CallHandlers): KubeletCall {
  let answered = false
  let over = false
  const end = (tell: () => void): void => {
    if (over) return
    over = true
    clock.cancel(timer)
    tell()
  }
  const lost = (error?: Error & { code: string }): void => {
    if (answered) end(() => {
      if (connection.state !== 'CLOSED') connection.end()
      handlers.onOver()
    })
    else fail(error ? `read tcp ${joinHostPort(connection.localAddress, connection.localPort)}->${joinHostPort(address, KUBELET_PORT)}: read: ${reasonOf(error.code)}` : 'EOF')
  }
  const fail = (reason: string): void => end(() => {
    if (connection.state !== 'CLOSED') connection.end()
    handlers.onFailure(reason)
  })
  const within = (limit: number, reason: string): Timer => clock.schedule(limit, () => {
    if (!over) connection.abort()
    fail(reason)
  }, { background: true })
  const parser = new ResponseParser({
    onHead: ({ status }) => {
      answered = true
      handlers.onAnswer(status)
    },
    onBody: (data) => {
      if (!over) handlers.onBody(data.slice())
    },
    onComplete: () => lost(),
  })
  parser.bodyAfterSwitch = true
  const answer = {
    onData: (data: Uint8Array): void => {
      if (over) return
      try {
        parser.push(data)
      } catch (error) {
        if (!(error instanceof HttpSyntaxError)) throw error
        fail('net/http: HTTP/1.x transport connection broken: malformed HTTP response')
      }
    },
    onEnd: () => lost(),
    onClose: lost,
  }
  let timer = within(DIAL, dialError(address, KUBELET_PORT, 'timeout'))
  let connection: TcpConnection = network.sockets.connect({ address, port: KUBELET_PORT, owner: { pid, program: 'kube-apiserver' } }, {
    onConnect: () => {
      if (over) return
      connection.keepAlive?.(KEEP_ALIVE)
      clock.cancel(timer)
      timer = within(HANDSHAKE, 'net/http: TLS handshake timeout')
      const secure = new TlsClient(connection, {
        random: clock.random.fork(`kube-apiserver to ${address} ${clock.now} ${connection.localPort}`),
        blind: true,
        alpn: ['http/1.1'],
        onSecure: () => {
          clock.cancel(timer)
          if (!over) secure.send(writeRequest(method, target, [['Host', joinHostPort(address, KUBELET_PORT)], ['User-Agent', USER_AGENT], ...(method === 'POST' ? CONTENTLESS : []), ['Authorization', `Bearer ${apiServersToken(clock)}`], ...headers]))
        },
        onFailure: (failure) => fail(tlsReason(failure)),
      })
      secure.handlers = answer
      connection = secure
    },
    onClose: (error) => fail(dialError(address, KUBELET_PORT, reasonOf(error?.code ?? 'ECONNRESET'))),
  })
  return {
    get connection() {
      return connection
    },
    hangUp: () => end(() => (answered ? connection.end() : connection.abort())),
  }
}

/** rest.DefaultKubernetesUserAgent of the API server. */
const USER_AGENT = 'kube-apiserver/v1.33.1 (linux/amd64) kubernetes/8adc0f0'
const CONTENTLESS: Headers = [['Content-Length', '0']]

/** "https://172.18.0.3:10250/exec/…" */
export function kubeletUrl(address: string, target: string): string {
  return `https://${joinHostPort(address, KUBELET_PORT)}${target}`
}

/** "/exec/default/web/nginx?command=sh&output=1": url.Values' order. */
export function kubeletTarget(path: string, query: readonly (readonly [name: string, value: string])[] = []): string {
  const escape = (text: string): string => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll('%20', '+')
  const encoded = [...query].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([name, value]) => `${name}=${escape(value)}`).join('&')
  return `/${path}${encoded === '' ? '' : `?${encoded}`}`
}

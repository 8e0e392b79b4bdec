import type { ForwardCall, ForwardedConnection } from '../../engine/kubernetes/client.ts'
import type { Pod, Service } from '../../engine/kubernetes/types.ts'
import { isSystemError, SystemError } from '../../engine/machine/errors.ts'
import { Signal, type Task } from '../../engine/machine/task.ts'
import type { TcpConnection, TcpListener } from '../../engine/network/types.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, messageOf, NotSimulatedError, quote } from './errors.ts'
import { flags } from './flags.ts'
import { attachablePod, oneObject, podRunningTimeout } from './pods.ts'

/** kubectl port-forward, as client-go's tools/portforward does it, on the laptop's sockets and the real machine's port. */
export const portForward: Command = {
  name: 'port-forward',
  short: 'Forward one or more local ports to a pod',
  use: 'port-forward TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]',
  flags: flags(`
    --address slice=localhost
    --pod-running-timeout duration=1m0s
  `),
  run,
}

/** net.ipv4.ip_unprivileged_port_start: below it, only root listens. */
const FIRST_UNPRIVILEGED = 1024

interface Forwarded { local: number; remote: number }
interface Address { host: string; family: 4 | 6; strict: boolean }

function* run(k: Kubectl): Task<number> {
  const { args } = k
  if (args.length < 2) throw k.usageError('TYPE/NAME and list of ports are required for port-forward')
  const timeout = podRunningTimeout(k)
  if (k.flags.list('address').every((name) => name === '')) throw new KubectlError('you must specify at least 1 address')
  const info = yield* oneObject(k, [args[0]!])
  const pod = yield* attachablePod(k, info, timeout)
  const specs = info.resource.kind === 'Service' ? servicePorts(args.slice(1), info.object as unknown as Service, pod) : podPorts(args.slice(1), pod)
  if (pod.status.phase !== 'Running') throw new KubectlError(`unable to forward port because pod is not running. Current status=${pod.status.phase ?? ''}`)
  return yield* new Forwarder(k, pod, parseAddresses(k.flags.list('address')), specs.map(parsePort)).run()
}

function splitPort(spec: string): [string, string] {
  const parts = spec.split(':')
  return parts.length === 2 ? [parts[0]!, parts[1]!] : [parts[0]!, parts[0]!]
}
const isNumber = (text: string): boolean => /^[+-]?\d+$/.test(text)

/** Ports that are only UDP are refused; names become numbers. */
function podPorts(specs: readonly string[], pod: Pod): string[] {
  const all = pod.spec.containers.flatMap((c) => c.ports ?? [])
  const of = (protocol: string): Set<number> => new Set(all.filter((p) => (p.protocol ?? 'TCP') === protocol).map((p) => p.containerPort))
  const named = (name: string): number => {
    const found = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap((c) => c.ports ?? []).find((p) => p.name === name)
    if (!found) throw new KubectlError(`Pod '${pod.metadata.name}' does not have a named port '${name}'`)
    return found.containerPort
  }
  refuseUdp(specs, of('UDP'), of('TCP'), named)
  return specs.map((spec) => {
    const [local, remote] = splitPort(spec)
    const port = isNumber(remote) ? remote : String(named(remote))
    return local === remote ? port : `${local}:${port}`
  })
}

function servicePorts(specs: readonly string[], service: Service, pod: Pod): string[] {
  const ports = service.spec.ports ?? []
  const of = (protocol: string): Set<number> => new Set(ports.filter((p) => (p.protocol ?? 'TCP') === protocol).map((p) => p.port))
  const named = (name: string): number => {
    const found = ports.find((p) => p.name === name)
    if (!found) throw new KubectlError(`Service '${service.metadata.name}' does not have a named port '${name}'`)
    return found.port
  }
  refuseUdp(specs, of('UDP'), of('TCP'), named)
  return specs.map((spec) => {
    const [given, remote] = splitPort(spec)
    const port = isNumber(remote) ? Number(remote) : named(remote)
    const local = !isNumber(remote) && given === remote ? String(port) : given
    const found = ports.find((p) => p.port === port)
    if (!found) throw new KubectlError(`Service ${service.metadata.name} does not have a service port ${port}`)
    let target = found.port
    if (service.spec.clusterIP !== 'None' && found.targetPort !== undefined) {
      target = typeof found.targetPort === 'number' ? found.targetPort || found.port : Number(podPorts([String(found.targetPort)], pod)[0])
    }
    return local === String(target) ? local : `${local}:${target}`
  })
}

function refuseUdp(specs: readonly string[], udp: ReadonlySet<number>, tcp: ReadonlySet<number>, named: (name: string) => number): void {
  for (const spec of specs) {
    const [, remote] = splitPort(spec)
    const port = isNumber(remote) ? Number(remote) : named(remote)
    if (udp.has(port) && !tcp.has(port)) throw new KubectlError(`UDP protocol is not supported for ${remote}`)
  }
}

function parsePort(spec: string): Forwarded {
  const parts = spec.split(':')
  if (parts.length > 2) throw new KubectlError(`invalid port format '${spec}'`)
  const localText = parts.length === 2 ? parts[0] || '0' : parts[0]!
  const remoteText = parts.length === 2 ? parts[1]! : parts[0]!
  const number = (text: string, which: string): number => {
    if (!/^\d+$/.test(text)) throw new KubectlError(`error parsing ${which} port '${text}': strconv.ParseUint: parsing ${quote(text)}: invalid syntax`)
    if (Number(text) > 65535) throw new KubectlError(`error parsing ${which} port '${text}': strconv.ParseUint: parsing ${quote(text)}: value out of range`)
    return Number(text)
  }
  const local = number(localText, 'local')
  const remote = number(remoteText, 'remote')
  if (remote === 0) throw new KubectlError('remote port must be > 0')
  return { local, remote }
}

function parseAddresses(names: readonly string[]): Address[] {
  const found = new Map<string, Address>()
  for (const name of names) {
    if (name === 'localhost') {
      if (!found.has('127.0.0.1')) found.set('127.0.0.1', { host: '127.0.0.1', family: 4, strict: false })
      if (!found.has('::1')) found.set('::1', { host: '::1', family: 6, strict: false })
    } else if (/^\d{1,3}(\.\d{1,3}){3}$/.test(name)) found.set(name, { host: name, family: 4, strict: true })
    else if (/^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(name)) found.set(name, { host: name, family: 6, strict: true })
    else throw new KubectlError(`${name} is not a valid IP`)
  }
  // what listens on the real machine listens for itself only
  const outward = [...found.keys()].find((host) => !host.startsWith('127.') && host !== '::1')
  if (outward !== undefined) throw new NotSimulatedError(`kubectl port-forward --address ${outward}`, 'ports are opened for this machine alone: localhost, 127.0.0.1 or ::1')
  return [...found.values()].sort((a, b) => (a.host < b.host ? -1 : 1))
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

class Forwarder {
  readonly #k: Kubectl
  readonly #pod: Pod
  readonly #addresses: readonly Address[]
  readonly #ports: readonly Forwarded[]
  readonly #listeners: TcpListener[] = []
  readonly #hostPorts: number[] = []
  readonly #connections = new Set<TcpConnection | ForwardedConnection>()
  #call: ForwardCall | undefined
  readonly #changed = new Signal()
  readonly #output: { text: string; error: boolean }[] = []
  #stopped = false
  #lost = false

  constructor(k: Kubectl, pod: Pod, addresses: readonly Address[], ports: readonly Forwarded[]) {
    this.#k = k
    this.#pod = pod
    this.#addresses = addresses
    this.#ports = ports
  }

  *run(): Task<number> {
    const { process } = this.#k
    process.onSignal('SIGINT', () => {
      this.#stopped = true
      this.#changed.notify()
    })
    const deaf = this.#k.client.way?.onSilence(() => {
      this.#lost = true
      this.#changed.notify()
    })
    try {
      this.#call = yield* this.#upgrade()
      let listening = 0
      const ports = this.#ports.map((p) => ({ ...p }))
      for (const port of ports) {
        const wrong = yield* this.#listen(port)
        if (wrong === undefined) listening++
        else yield* this.#k.err(`Unable to listen on port ${port.local}: ${wrong}\n`)
      }
      if (this.#stopped) return 0
      if (listening === 0) throw new KubectlError(`unable to listen on any of the requested ports: [${ports.map((p) => `{${p.local} ${p.remote}}`).join(' ')}]`)
      for (;;) {
        const next = this.#output.shift()
        if (next) yield* next.error ? this.#k.err(next.text) : this.#k.out(next.text)
        else if (this.#stopped) return 0
        else if (this.#lost) throw new KubectlError('lost connection to pod')
        else yield this.#changed.wait
      }
    } finally {
      deaf?.()
      for (const listener of this.#listeners) listener.close()
      for (const port of this.#hostPorts) this.#k.cluster.ports.close(port)
      for (const connection of this.#connections) {
        connection.handlers = {}
        connection.end()
      }
      this.#call?.hangUp()
    }
  }

  /** The stream's own connection, by WebSocket and, when that is refused, by SPDY (portforward's fallback dialer). */
  *#upgrade(): Task<ForwardCall> {
    const { metadata } = this.#pod
    let why: string | undefined
    for (let tries = 0; tries < 2; tries++) {
      const changed = this.#changed
      let open = false
      why = undefined
      const call = yield* this.#k.decided(() => this.#k.client.openForward(metadata.namespace, metadata.name, {
        onOpen: () => {
          open = true
          changed.notify()
        },
        onRefused: (reason) => {
          why = reason
          changed.notify()
        },
        onLost: () => {
          this.#lost = true
          this.#changed.notify()
        },
      }))
      let kept = false
      try {
        while (!open && why === undefined && !this.#stopped) yield changed.wait
        kept = open || this.#stopped
      } finally {
        if (!kept) call.hangUp()
      }
      if (kept) return call
    }
    throw new KubectlError(`error upgrading connection: ${why}`)
  }

  /** What is wrong, or undefined when at least one address listens. */
  *#listen(port: Forwarded): Task<string | undefined> {
    const { process, cluster } = this.#k
    const local = this.#addresses.some((a) => !a.strict || a.host.startsWith('127.') || a.host === '0.0.0.0')
    let hostError: string | undefined
    let opened = 0
    const errors: string[] = []
    let successes = 0
    let strictFailures = 0
    const owned: TcpListener[] = []
    const wanted = port.local
    // A port of choice is taken from the simulated side first: what is taken there needs no real one.
    if (wanted === 0 && local) {
      const result = yield* this.#openReal(0)
      if ('error' in result) hostError = result.error
      else opened = port.local = result.port
    }
    const lines: string[] = []
    for (const address of this.#addresses) {
      try {
        if (port.local > 0 && port.local < FIRST_UNPRIVILEGED && process.user.uid !== 0) throw new SystemError('EACCES')
        const listener = process.network.sockets.listen(
          { port: port.local, address: address.host, owner: { pid: process.pid, program: 'kubectl' } },
          (connection) => this.#accept(connection, port),
        )
        if (port.local === 0) port.local = listener.port
        owned.push(listener)
        successes++
        lines.push(`Forwarding from ${hostPort(address.host, port.local)} -> ${port.remote}\n`)
      } catch (error) {
        errors.push(`unable to create listener: Error listen tcp${address.family} ${hostPort(address.host, port.local)}: bind: ${messageOf(error).toLowerCase()}`)
        if (address.strict) strictFailures++
      }
    }
    if (successes > 0 && local && wanted !== 0) {
      const result = yield* this.#openReal(port.local)
      if ('error' in result) hostError = result.error
      else opened = result.port
    }
    if (hostError !== undefined) {
      for (const listener of owned) listener.close()
      const all = this.#addresses.map((a) => `unable to create listener: Error listen tcp${a.family} ${hostPort(a.host, port.local)}: ${hostError}`)
      return `Listeners failed to create with the following errors: [${all.join(' ')}]`
    }
    if (successes === 0 || strictFailures > 0) {
      for (const listener of owned) listener.close()
      if (opened) cluster.ports.close(opened)
      return `Listeners failed to create with the following errors: [${errors.join(' ')}]`
    }
    this.#listeners.push(...owned)
    if (opened) this.#hostPorts.push(opened)
    yield* this.#k.out(lines.join(''))
    return undefined
  }

  /** The student's real port; the answer comes as an event. */
  *#openReal(port: number): Task<{ port: number } | { error: string }> {
    const answered = new Signal()
    let result: { port: number } | { error: string } | undefined
    let abandoned = false
    this.#k.cluster.ports.open(port, (answer) => {
      result = answer
      if (abandoned && 'port' in answer) this.#k.cluster.ports.close(answer.port)
      answered.notify()
    })
    try {
      while (!result) yield answered.wait
      return result
    } finally {
      if (!result) abandoned = true
    }
  }

  #say(text: string, error = false): void {
    this.#output.push({ text, error })
    this.#changed.notify()
  }

  /** Both bytes, from either side to the other, until both have ended. */
  #accept(local: TcpConnection, port: Forwarded): void {
    this.#say(`Handling connection for ${port.local}\n`)
    this.#connections.add(local)
    let remote: ForwardedConnection | undefined
    let failed = false
    const waiting: Uint8Array[] = []
    let localEnded = false
    const fail = (message: string): void => {
      if (failed) return
      failed = true
      const text = `an error occurred forwarding ${port.local} -> ${port.remote}: ${message}`
      this.#say(`${this.#k.logHead('E')} portforward.go:424] "Unhandled Error" err=${quote(text)}\n`, true)
      this.#lost = true
      this.#changed.notify()
    }
    local.handlers = {
      onData: (data) => {
        if (remote) pass(data, remote, local)
        else waiting.push(data)
      },
      onEnd: () => {
        localEnded = true
        remote?.end()
      },
      onClose: () => {
        this.#connections.delete(local)
        if (!failed) remote?.end()
      },
    }
    try {
      remote = this.#call!.connect(port.remote, {
        onData: (data) => pass(data, local, remote),
        onEnd: () => local.end(),
        onClose: (error) => {
          if (remote) this.#connections.delete(remote)
          local.end()
          if (error && error.code !== 'ECONNRESET') fail(error.message)
        },
      })
      this.#connections.add(remote)
      for (const data of waiting.splice(0)) pass(data, remote, local)
      if (localEnded) remote.end()
    } catch (error) {
      local.end()
      fail(messageOf(error))
    }
  }
}

/** One side may be gone already, as a browser is that did not wait for the whole page: then the other is not needed either. */
function pass(data: Uint8Array, to: Pick<TcpConnection, 'send'>, from: Pick<TcpConnection, 'abort'> | undefined): void {
  try {
    to.send(data)
  } catch (error) {
    if (!isSystemError(error, 'EPIPE')) throw error
    from?.abort()
  }
}

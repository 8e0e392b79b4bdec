import type { ExecOptions, KubernetesClient, LogOptions, LogSink, RemoteCommand } from '../client.ts'
import { StatusError } from '../client.ts'
import type { NodeAgents } from '../node-agents.ts'
import { internalError, internalFailure } from '../status.ts'
import type { Node, Pod } from '../types.ts'
import { callKubelet, kubeletUrl, type Caller } from './call.ts'
import type { ContainerRun } from './container.ts'
import type { Kubelet } from './kubelet.ts'
import type { PodWorker } from './pod-worker.ts'
import type { ContainerRecord } from './record.ts'
import { CONTAINERD_GONE } from './runtime-gone.ts'
import { isMirror } from './static-pods.ts'
import { attach, exec, portForward, readLog, type Result } from './streams.ts'

type Query = [name: string, value: string][]

/** The kubelets' streaming side: pkg/kubelet/server. The API server has chosen the container, and calls the kubelet from its machine. */
export function kubeletAgents(client: KubernetesClient, kubelets: ReadonlyMap<string, Kubelet>, caller: () => Caller): Omit<NodeAgents, 'ask' | 'laptop'> {
  const find = (pod: Pod): { kubelet: Kubelet; worker: PodWorker | undefined } | undefined => {
    const kubelet = kubelets.get(pod.spec.nodeName ?? '')
    if (!kubelet || kubelet.stopped) return undefined
    return { kubelet, worker: kubelet.workers.get(isMirror(pod) ? pod.metadata.annotations!['kubernetes.io/config.hash']! : pod.metadata.uid) }
  }
  const locate = (namespace: string, name: string): { pod: Pod; address: string } => {
    const pod = client.get<Pod>('pods', namespace, name)
    return { pod, address: addressOf(client.get<Node>('nodes', undefined, pod.spec.nodeName ?? '')) }
  }
  const join = (namespace: string, name: string, path: string, options: Omit<ExecOptions, 'command'>, query: Query, make: (kubelet: Kubelet, run: ContainerRun, record: ContainerRecord) => RemoteCommand): RemoteCommand => {
    const container = options.container!
    const { pod, address } = locate(namespace, name)
    const url = kubeletUrl(address, `${path}/${namespace}/${name}/${container}`, [...streamsOf(options), ...query])
    const from = caller()
    return new CalledRemote((called) => callKubelet(from, address, {
      onOpen: () => {
        const { kubelet, worker } = find(pod) ?? {}
        if (!kubelet) return called.finish({ error: `error sending request: Post "${url}": EOF` })
        const record = worker?.record(container)
        const silent = kubelet.runtimeDown !== undefined
        if (record?.run && !silent) called.begin(make(kubelet, record.run, record))
        else called.finish({ error: `unable to upgrade connection: ${silent ? CONTAINERD_GONE : `container not found ("${container}")`}` })
      },
      onFailure: (why) => called.finish({ error: `error sending request: Post "${url}": ${why}` }),
      onLost: () => called.cut(),
    }))
  }
  return {
    logs(namespace, name, options, sink) {
      const { pod, address } = locate(namespace, name)
      const url = kubeletUrl(address, `containerLogs/${namespace}/${name}/${options.container}`, askedLog(options))
      const from = caller()
      return new CalledLog(sink).begin((log) => callKubelet(from, address, {
        onOpen: () => {
          const { kubelet, worker } = find(pod) ?? {}
          if (!kubelet) return log.refuse(internalFailure(`Get "${url}": EOF`))
          log.read((heard) => readLog(worker, pod, options, heard, kubelet.runtimeDown !== undefined))
        },
        onFailure: (why) => log.refuse(internalFailure(`Get "${url}": ${why}`)),
        onLost: () => log.end(),
      }))
    },
    exec(namespace, name, options) {
      const command = options.command.map((word): [string, string] => ['command', word])
      return join(namespace, name, 'exec', options, command, (kubelet, run) => exec(kubelet.context.clock, run, options, kubelet.random.hex(64)))
    },
    attach(namespace, name, options) {
      return join(namespace, name, 'attach', options, [], (kubelet, run, record) => attach(kubelet.context.clock, run, record, options))
    },
    openForward(namespace, name, session) {
      const { address } = locate(namespace, name)
      return callKubelet(caller(), address, {
        onOpen: () => session.onOpen(),
        onFailure: (why) => session.onRefused(`error dialing backend: ${why}`),
        onLost: () => session.onLost(),
      })
    },
    portForward(namespace, name, port, handlers, uid) {
      const former = [...kubelets.values()].map((k) => k.formerSandboxes.get(uid ?? '')).find((id) => id !== undefined)
      if (former) throw new Error(`error forwarding port ${port} to pod ${former}, uid : failed to find sandbox "${former}" in store: not found`)
      const { kubelet, worker } = find(client.get<Pod>('pods', namespace, name)) ?? {}
      if (kubelet?.runtimeDown !== undefined) throw internalError(CONTAINERD_GONE)
      if (!worker?.sandbox) throw internalError(`pod not found ("${name}_${namespace}")`)
      return portForward(worker.sandbox, port, handlers)
    },
  }
}

/** --kubelet-preferred-address-types of kubeadm: InternalIP before all others. */
function addressOf({ status }: Node): string {
  const addresses = status.addresses ?? []
  const found = ['InternalIP', 'ExternalIP', 'Hostname'].map((type) => addresses.find((a) => a.type === type)).find((a) => a !== undefined)
  if (!found) throw internalFailure(`no preferred addresses found; known addresses: [${addresses.map(({ type, address }) => `{${type} ${address}}`).join(' ')}]`)
  return found.address
}

/** pkg/registry/core/pod streamParams. */
function streamsOf({ stdin, stdout, stderr, tty }: Omit<ExecOptions, 'command'>): Query {
  const on: [string, unknown][] = [['input', stdin], ['output', stdout], ['error', stderr], ['tty', tty]]
  return on.filter(([, value]) => value).map(([name]) => [name, '1'])
}

/** pkg/registry/core/pod LogLocation. */
function askedLog({ follow, previous, timestamps, sinceSeconds, tailLines }: LogOptions): Query {
  const flags = Object.entries({ follow, previous, timestamps }).filter(([, on]) => on).map(([name]): [string, string] => [name, 'true'])
  const numbers = Object.entries({ sinceSeconds, tailLines }).filter(([, value]) => value !== undefined).map(([name, value]): [string, string] => [name, String(value)])
  return [...flags, ...numbers]
}

/** A log that is asked for over a call: told until the kubelet has ended it, or the call is over. */
class CalledLog {
  readonly #sink: LogSink
  #hangUp: () => void = () => undefined
  #stop: () => void = () => undefined
  #open = false
  #over = false

  constructor(sink: LogSink) {
    this.#sink = sink
  }

  begin(call: (log: this) => () => void): () => void {
    this.#hangUp = call(this)
    return () => this.#finish()
  }

  refuse(error: StatusError): void {
    if (!this.#finish()) return
    if (this.#sink.onRefused) this.#sink.onRefused(error)
    else this.#sink.onEnd(error.message)
  }

  read(open: (heard: LogSink) => () => void): void {
    try {
      const stop = open({
        onLine: (line) => {
          if (this.#over) return
          this.#begun()
          this.#sink.onLine(line)
        },
        onEnd: (error) => this.end(error),
      })
      if (this.#over) return stop()
      this.#stop = stop
      this.#begun()
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      this.refuse(error)
    }
  }

  end(error?: string): void {
    if (this.#over) return
    this.#begun()
    this.#finish()
    this.#sink.onEnd(error)
  }

  #begun(): void {
    if (this.#open) return
    this.#open = true
    this.#sink.onOpen?.()
  }

  #finish(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#stop()
    this.#hangUp()
    return true
  }
}

/** A stream that begins when the kubelet is reached. */
class CalledRemote implements RemoteCommand {
  readonly #hangUp: () => void
  #inner: RemoteCommand | undefined
  #size: [number, number] | undefined
  #listener: ((result: Result) => void) | undefined
  #result: Result | undefined
  #over = false

  constructor(call: (called: CalledRemote) => () => void) {
    this.#hangUp = call(this)
  }

  begin(inner: RemoteCommand): void {
    this.#inner = inner
    if (this.#size) inner.resize(...this.#size)
    inner.onExit((result) => this.finish(result))
  }

  finish(result: Result): void {
    if (this.#over) return
    this.#over = true
    this.#result = result
    this.#hangUp()
    this.#listener?.(result)
  }

  /** The kubelet is gone: no stream brings anything any more, not even an error. */
  cut(): void {
    this.#inner?.close()
    this.finish({ code: 0 })
  }

  resize(columns: number, rows: number): void {
    this.#size = [columns, rows]
    this.#inner?.resize(columns, rows)
  }

  close(): void {
    if (!this.#over) this.#hangUp()
    this.#over = true
    this.#inner?.close()
  }

  onExit(listener: (result: Result) => void): void {
    this.#listener = listener
    if (this.#result) listener(this.#result)
  }
}

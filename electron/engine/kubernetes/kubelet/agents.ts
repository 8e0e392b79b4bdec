import type { ExecOptions, KubernetesClient, LogOptions } from '../client.ts'
import type { NodeAgents } from '../node-agents.ts'
import { internalFailure } from '../status.ts'
import type { Node, Pod } from '../types.ts'
import { kubeletTarget, type Caller } from './call.ts'
import { CalledForward } from './called-forward.ts'
import { CalledLog } from './called-log.ts'
import { CalledRemote } from './called-remote.ts'

type Query = [name: string, value: string][]

/** The API server's side of the kubelets' streams: it has chosen the container, and calls the kubelet from its machine. */
export function kubeletAgents(client: KubernetesClient, caller: () => Caller): Omit<NodeAgents, 'ask' | 'laptop' | 'lookUp'> {
  const locate = (namespace: string, name: string): string => {
    const { spec } = client.get<Pod>('pods', namespace, name)
    return addressOf(client.get<Node>('nodes', undefined, spec.nodeName ?? ''))
  }
  const join = (kind: 'exec' | 'attach', namespace: string, name: string, options: Omit<ExecOptions, 'command'>, query: Query): CalledRemote => {
    const target = kubeletTarget(`${kind}/${namespace}/${name}/${options.container}`, [...streamsOf(options), ...query])
    return new CalledRemote(caller(), locate(namespace, name), target, options)
  }
  return {
    logs(namespace, name, options, sink) {
      const target = kubeletTarget(`containerLogs/${namespace}/${name}/${options.container}`, askedLog(options))
      return new CalledLog(sink).begin(caller(), locate(namespace, name), target)
    },
    exec(namespace, name, options) {
      return join('exec', namespace, name, options, options.command.map((word): [string, string] => ['command', word]))
    },
    attach(namespace, name, options) {
      return join('attach', namespace, name, options, [])
    },
    openForward(namespace, name, session) {
      return new CalledForward(caller(), locate(namespace, name), kubeletTarget(`portForward/${namespace}/${name}`), session)
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

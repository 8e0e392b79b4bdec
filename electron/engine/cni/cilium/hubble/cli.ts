import { StatusError, type KubernetesClient } from '../../../kubernetes/client.ts'
import type { ConfigMap, KubeObject } from '../../../kubernetes/types.ts'
import { CallbackFile } from '../../../machine/files.ts'
import { isSystemError } from '../../../machine/errors.ts'
import { Signal, type Task } from '../../../machine/task.ts'
import type { Process } from '../../../machine/types.ts'
import { decodeUtf8 } from '../../../text.ts'
import { HUBBLE_OBJECTS, hubbleManifests, relayManifests } from './relay-manifests.ts'

/** `cilium hubble`: makes hubble-relay and takes it away as Helm would, and forwards its port (cilium-cli/hubble of cilium/cilium). */
const HELP = `Hubble observability

Usage:
  cilium hubble [command]

Available Commands:
  disable      Disable Hubble observability using Helm
  enable       Enable Hubble observability using Helm
  port-forward Forward the relay port to the local machine
  ui           Open the Hubble UI

Flags:
  -h, --help   help for hubble

Global Flags:
      --as string                  Username to impersonate for the operation. User could be a regular user or a service account in a namespace.
      --as-group stringArray       Group to impersonate for the operation, this flag can be repeated to specify multiple groups.
      --context string             Kubernetes configuration context
      --helm-release-name string   Helm release name (default "cilium")
      --kubeconfig string          Path to the kubeconfig file
  -n, --namespace string           Namespace Cilium is running in (default "kube-system")

Use "cilium hubble [command] --help" for more information about a command.
`
const RESOURCES: Readonly<Record<string, string>> = { Secret: 'secrets', Service: 'services', ServiceAccount: 'serviceaccounts', ConfigMap: 'configmaps', Deployment: 'deployments' }

export function* hubbleCli(process: Process, client: KubernetesClient, args: readonly string[]): Task<number> {
  const [verb, ...rest] = args
  if (verb === undefined || verb === '-h' || verb === '--help') {
    yield* process.print(HELP)
    return 0
  }
  const known: Readonly<Record<string, readonly string[]>> = { enable: ['--relay', '--relay=true', '--ui=false'], disable: [], 'port-forward': [] }
  const place = rest.findIndex((word) => word.startsWith('--port-forward'))
  const port = verb === 'port-forward' && place >= 0 ? (rest[place]!.split('=')[1] ?? rest[place + 1] ?? '') : '4245'
  const others = rest.filter((word, i) => !(known[verb]?.includes(word) ?? false) && !(verb === 'port-forward' && place >= 0 && (i === place || (i === place + 1 && !rest[place]!.includes('=')))))
  if (!Object.hasOwn(known, verb) || others.length > 0) {
    yield* process.printError(`podhop: not simulated: cilium hubble ${[verb, ...others].join(' ')} (use cilium hubble enable, disable or port-forward, and the command hubble)\n`)
    return 69
  }
  if (verb === 'port-forward') return yield* portForward(process, port)
  const failed = (error: unknown): string => {
    if (!(error instanceof StatusError)) throw error
    return `Error: Unable to ${verb} Hubble: ${error.message}\n`
  }
  try {
    if (verb === 'enable') enable(client)
    else disable(client)
    return 0
  } catch (error) {
    yield* process.printError(failed(error))
    return 1
  }
}

function enable(client: KubernetesClient): void {
  for (const object of [...hubbleManifests(), ...relayManifests()] as KubeObject[]) {
    try {
      client.create(RESOURCES[object.kind]!, 'kube-system', object)
    } catch (error) {
      // what is there is what it makes
      if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error
    }
  }
  setHubble(client, 'true')
}

function disable(client: KubernetesClient): void {
  for (const [resource, name] of HUBBLE_OBJECTS) {
    try {
      client.delete(resource, 'kube-system', name)
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'NotFound') throw error
    }
  }
  setHubble(client, 'false')
}

/** The agents' Pods are other ones then: the chart's template of the DaemonSet has Hubble's volumes. */
function setHubble(client: KubernetesClient, enabled: 'true' | 'false'): void {
  const { data } = client.get<ConfigMap>('configmaps', 'kube-system', 'cilium-config')
  if ((data?.['enable-hubble'] ?? 'false') === enabled) return
  client.patch('configmaps', 'kube-system', 'cilium-config', 'application/merge-patch+json', { data: { 'enable-hubble': enabled } })
  client.deleteCollection('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium' })
}

/** Stays until it is ended, as kubectl does that it stands for. */
function* portForward(process: Process, port: string): Task<number> {
  let [said, error] = [false, '']
  const more = new Signal()
  let child: Process
  try {
    child = process.spawn({
      argv: ['kubectl', '-n', 'kube-system', 'port-forward', 'service/hubble-relay', '--address', '127.0.0.1', `${port}:80`],
      files: new Map([
        [1, new CallbackFile(process.clock, () => {
          said = true
          more.notify()
        })],
        [2, new CallbackFile(process.clock, (bytes) => (error += decodeUtf8(bytes)))],
      ]),
    })
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    yield* process.printError('podhop: not simulated: cilium hubble port-forward without kubectl (use it on the laptop)\n')
    return 69
  }
  process.onExit(() => child.signal('SIGTERM'))
  process.spawnThread((function* () {
    yield* process.wait(child)
    more.notify()
  })())
  while (!said && !child.status) yield more.wait
  if (!child.status) yield* process.print(`ℹ️  Hubble Relay is available at 127.0.0.1:${port}\n`)
  yield* process.wait(child)
  yield* process.printError(`Error: Unable to port forward: failed to port forward: ${error.trim().replace(/^(error|Error from server \(\w+\)): /i, '')}\n`)
  return 1
}

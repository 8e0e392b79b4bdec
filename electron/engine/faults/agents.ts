import { cniBinary } from '../cni/binaries.ts'
import { replacesKubeProxy } from '../cni/options.ts'
import type { Deployment } from '../kubernetes/types.ts'
import { FaultError, runningNode, type FaultKind, type FaultNode } from './fault.ts'

/** The cluster's own agents: proxy-stopped, cni-down and dns-down. */

/** A program that is missing from its image on a node's disk: its containers end, and starting them again fails. */
function stopProgram({ kubelet }: FaultNode, program: string): void {
  kubelet.images.spoil(program, true)
  for (const { run, spec } of [...kubelet.workers.values()].flatMap((w) => w.records)) {
    if (!run?.running) continue
    // what its Pod says, or its image: two containers of one image are two programs (Antrea's agent and its Open vSwitch)
    const word = spec.command?.[0] ?? run.image.entrypoint[0] ?? ''
    const path = Object.keys(run.image.programs).find((p) => p === word || p.endsWith(`/${word}`))
    if (path !== undefined && run.image.programs[path] === program) run.signal('SIGKILL')
  }
}

function mendProgram(node: FaultNode, program: string): void {
  node.kubelet.images.spoil(program, false)
  retryNow(node)
}

/** What waits for its back-off is tried at once, as after a restart of the kubelet. */
function retryNow({ on, kubelet }: FaultNode): void {
  if (!on) return
  for (const worker of kubelet.workers.values()) {
    for (const record of worker.records) record.forgetBackOff()
    worker.wake()
  }
}

const PROXY = 'kube-proxy'

export const proxyStopped: FaultKind = {
  name: 'proxy-stopped',
  places: ['NODE'],
  options: [],
  summary: "stops kube-proxy on a node: the node's Service rules stay as they are",
  help: [
    "kube-proxy's executable is lost from its image on the node's disk, and its container is killed:",
    'the Pod goes to CrashLoopBackOff. What its rules say stays true for the Services and endpoints of this',
    'moment; the node does not learn of new ones, and sends connections to Pods that are gone.',
  ],
  apply(world, { places: [name] }) {
    const node = runningNode(world, name!)
    if (replacesKubeProxy(world.config)) throw new FaultError(`there is no kube-proxy in this cluster: ${world.config.cni === 'cilium' ? 'Cilium' : world.config.cni} does its work (cni-down stops the agent)`)
    if (node.kubelet.images.isSpoilt(PROXY)) throw new FaultError(`kube-proxy of ${name} has stopped already`)
    stopProgram(node, PROXY)
    return {
      text: `kube-proxy of ${name} has stopped`,
      nodes: [name!],
      broken: () => node.kubelet.images.isSpoilt(PROXY),
      clear: () => mendProgram(node, PROXY),
    }
  },
}

export const cniDown: FaultKind = {
  name: 'cni-down',
  places: ['NODE'],
  options: [],
  summary: "stops the network plugin on a node: new Pods stay ContainerCreating",
  help: [
    "The plugin's agent on the node is stopped as kube-proxy is by proxy-stopped, and its executable in",
    '/opt/cni/bin is removed: a new Pod gets no network (event FailedCreatePodSandBox) and waits. Pods that',
    'run keep their network. Clearing puts the executable back; the kubelet tries again by itself.',
  ],
  apply(world, { places: [name] }) {
    const node = runningNode(world, name!)
    const { fs } = node.machine
    const { agentProgram, config } = world
    const path = cniBinary(config.cni)
    if (!fs.exists(path)) throw new FaultError(`${path} of ${name} is missing already`)
    const program = fs.programAt(path) ?? 'cni-plugin'
    fs.remove(path)
    if (agentProgram === undefined) node.stopAgent()
    else stopProgram(node, agentProgram)
    return {
      text: `the network plugin of ${name} is gone`,
      nodes: [name!],
      // an init container may bring the executable back, and the agent still has no program
      broken: () => !fs.exists(path) || (agentProgram !== undefined && node.kubelet.images.isSpoilt(agentProgram)),
      clear: () => {
        if (!fs.exists(path)) fs.installProgram(path, program)
        if (agentProgram !== undefined) return mendProgram(node, agentProgram)
        node.startAgent()
        retryNow(node)
      },
    }
  },
}

const NAMESPACE = 'kube-system'
const COREDNS = 'coredns'

export const dnsDown: FaultKind = {
  name: 'dns-down',
  places: [],
  options: [],
  summary: 'takes CoreDNS away: names fail, addresses work',
  help: [
    'Scales the Deployment coredns to 0, as an administrator in a hurry would. The Service kube-dns stays and',
    'has no endpoints: questions are rejected at once. Scaling it up again mends it, and so does clearing.',
  ],
  apply(world) {
    const find = (): Deployment | undefined => world.client.list<Deployment>('deployments', { namespace: NAMESPACE, fieldSelector: `metadata.name=${COREDNS}` }).items[0]
    const before = find()?.spec.replicas
    if (before === undefined) throw new FaultError('there is no Deployment coredns in kube-system, so there is nothing to take away')
    if (before === 0) throw new FaultError('CoreDNS has no replicas already')
    const scale = (replicas: number): void => void world.client.patch('deployments', NAMESPACE, COREDNS, 'application/merge-patch+json', { spec: { replicas } })
    scale(0)
    return {
      text: 'CoreDNS does not run',
      nodes: [],
      broken: () => find()?.spec.replicas === 0,
      clear: () => {
        if (find()?.spec.replicas === 0) scale(before)
      },
    }
  },
}

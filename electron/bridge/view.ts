import type { ClusterChoices } from '../engine/config.ts'
import type { Header, Hop, Journey, Verdict } from '../engine/journey/types.ts'

/**
 * The view model: everything that the window shows, as records keyed by id, so that a change is a small patch.
 * The host sends it whole, then as patches; the window keeps nothing else about the cluster.
 */
export interface ViewModel {
  app: AppView
  cluster: ClusterView
  topology: TopologyView
  /** The lab that is open; null in the catalogue. */
  lab: LabView | null
  catalog: Record<string, LabCard>
  /** Packs of labs that were imported. */
  packs: Record<string, PackView>
  terminals: Record<string, TerminalView>
  /** By id: the newest 50 of the student's programs, and the newest 30 of the cluster's own. */
  journeys: Record<string, JourneySummary>
  portForwards: Record<string, PortForwardView>
}

/** The person's own tools on the real machine, and how they reach the cluster. */
export interface ToolsView {
  /** Set while the Kubernetes API is served to real clients. */
  api: { url: string; kubeconfig: string } | null
  /** Whether this Podhop offers terminals of the real machine. */
  hostTerminal: boolean
  /** Why there is none although it is offered: words for the person. */
  hostTerminalMissing: string | null
}

export interface AppView {
  version: string
  host: 'electron' | 'web'
  /** The window works on it: opening a lab, replaying a session. null when idle. `done` in 0…1, or null. */
  busy: { text: string; done: number | null } | null
  tools: ToolsView
  /** Set when the host was started with --test: the window then offers `podhopTest`. */
  test?: boolean
}

export interface ClusterView {
  /** Counts the clusters of this host: with another number everything of the same name is something else. */
  world: number
  name: string
  kubernetesVersion: string
  cni: string
  /** How it was laid out, in the words of the cluster file (design 5.3). */
  settings: ClusterSettings
  /** What a cluster can be told to be. */
  choices: ClusterChoices
  /** What serves the Services: kube-proxy's mode, or the plugin that does its work. */
  proxyMode: string
  nodes: number
  /** What is broken on purpose, by id: "link-down/worker-1/worker-2". */
  faults: Record<string, FaultView>
  /** What can be broken. */
  faultKinds: FaultKindView[]
  clock: ClockView
}

export interface ClusterSettings {
  nodes: number
  cni: string
  cniOptions: Record<string, string>
  proxyMode: string
  /** "IPv4", "IPv4,IPv6", "IPv6,IPv4" or "IPv6". */
  ipFamilies: string
  cloud: string
  ingressController: string
}

export interface FaultView {
  id: string
  /** "the wire between worker-1 and worker-2 is cut" */
  text: string
}

export interface FaultKindView {
  name: string
  /** "packet-loss A B [--loss PERCENT]" */
  usage: string
  summary: string
  /** NODE: a node; MACHINE: a node or "outside"; CIDR: a prefix such as 10.244.2.0/24. */
  places: readonly ('NODE' | 'MACHINE' | 'CIDR')[]
  options: readonly { name: string; value: string; preset: string; about: string }[]
}

export interface ClockView {
  /** Virtual ms since the cluster was born; the window counts on from here by itself while not paused. */
  now: number
  /** Wall-clock ms at virtual time 0. */
  epoch: number
  paused: boolean
  /** 1 is real time. */
  speed: number
}

export interface TopologyView {
  /** What lies outside: the laptop, the outside network. */
  outside: Record<string, OutsideNode>
  nodes: Record<string, NodeView>
  /** Keyed "namespace/name". */
  pods: Record<string, PodView>
  services: Record<string, ServiceView>
  /** Keyed by the two ends. */
  links: Record<string, LinkView>
}

export interface OutsideNode { id: string; kind: 'laptop' | 'network' | 'client' | 'load-balancer'; label: string; address?: string }

export interface NodeView {
  name: string
  role: 'control-plane' | 'worker'
  ready: boolean
  /** The machine is switched off; the control plane may not know yet. */
  down: boolean
  /** What is broken on it on purpose: "kube-proxy of worker-1 has stopped". */
  faults: string[]
  address: string
  podCIDR: string
  /** Bridges and tunnels of the node's network namespace: cbr0, cni0, flannel.1, and its NIC eth0. */
  interfaces: Record<string, InterfaceView>
}

export interface InterfaceView { name: string; kind: 'nic' | 'bridge' | 'vxlan' | 'loopback' | 'veth' | 'dummy' | 'ipip' | 'geneve' | 'wireguard' | 'openvswitch' | 'vlan' | 'macvlan' | 'ipvlan' | 'bond'; addresses: string[]; mac: string; mtu: number; up: boolean }

export interface PodView {
  namespace: string
  name: string
  node: string | null
  ip: string | null
  /** kubectl's STATUS column. */
  status: string
  ready: boolean
  terminating: boolean
  /** kube-system and the plugin's own: drawn small or hidden. */
  system: boolean
  labels: Record<string, string>
  /** It has no network namespace of its own. */
  hostNetwork: boolean
  /** Its node is switched off, whatever the control plane still says of it. */
  down: boolean
  /** The end of its veth pair on the node, and the bridge that this is a port of. */
  hostInterface: string | null
  bridge: string | null
  containers: Record<string, ContainerView>
}

export interface ContainerView { name: string; image: string; state: 'waiting' | 'running' | 'terminated'; reason: string | null; ready: boolean; restarts: number; ports: number[] }

export interface ServiceView {
  namespace: string
  name: string
  type: string
  clusterIP: string
  ports: { name: string | null; port: number; targetPort: string; nodePort: number | null; protocol: string }[]
  selector: Record<string, string>
  /** Pods ("namespace/name") behind it, from its EndpointSlices. */
  endpoints: { pod: string; ip: string; ready: boolean }[]
  system: boolean
}

export interface LinkView { id: string; from: LinkEnd; to: LinkEnd; kind: 'wire' | 'veth' | 'tunnel' | 'fault'; up: boolean; /** Kind fault, between two nodes: "cut", "20% loss". */ word?: string }
/** `machine` is a node, pod ("ns/name") or outside id. */
export interface LinkEnd { machine: string; interface: string }

export interface LabCard {
  id: string
  title: string
  summary: string
  track: string
  level: 'beginner' | 'intermediate' | 'advanced'
  minutes: number
  steps: number
  /** Steps passed so far. */
  passed: number
  state: 'new' | 'started' | 'finished'
  /** Set when the lab folder has a mistake: file, line and what was expected. */
  error?: string
  /** The title of the imported pack that it came with. */
  pack?: string
}

export interface PackView {
  id: string
  title: string
  labs: number
  /** Why it cannot be read any more. */
  problem?: string
}

/** What a person is shown of a pack before taking it. */
export interface PackOffer {
  id: string
  title: string
  labs: { id: string; title: string; summary: string; level: string; minutes: number; steps: number; images: string[] }[]
  /** The pack of the same id that is here; `same`: it holds the same. */
  replaces: { title: string; same: boolean } | null
  /** Why it cannot be taken. */
  clashes: string[]
}

export interface LabView {
  id: string
  title: string
  track: string
  /** Keyed "1", "2", … */
  steps: Record<string, StepView>
  active: number
  finished: boolean
  /** The text at the end. */
  finish: string | null
}

export interface StepView {
  number: number
  title: string
  /** Markdown; the window sanitises it. Code blocks marked `console` can be run in the terminal. */
  text: string
  state: 'todo' | 'active' | 'passed'
  checks: Record<string, CheckView>
}

export interface CheckView {
  id: string
  title: string
  kind: string
  state: 'waiting' | 'failing' | 'passed'
  /** What was found instead, when it fails. */
  found: string | null
  /** Hints given so far, and how many there are. */
  hints: string[]
  hintsLeft: number
  /** Quiz only. */
  quiz?: { question: string; choices: string[] | null; answered: string | null }
}

/** What a terminal printed while it had one size; `text` with its escape sequences. */
export interface Printed { columns: number; rows: number; text: string }

export interface TerminalView { id: string; title: string; kind: 'lab' | 'host'; columns: number; rows: number }

export interface JourneySummary {
  id: number
  at: number
  protocol: string
  from: string
  to: string | null
  program: string | null
  /** "10.244.1.2:80" */
  source: string
  destination: string
  finalDestination: string | null
  verdict: Verdict
  reason: string | null
  hops: number
  /** Of the cluster's own: a probe, an agent of the network plugin. */
  system: boolean
}

/** `path` from the student's home on, size in bytes. */
export interface LaptopFile { path: string; size: number }

export interface PortForwardView { id: string; localPort: number; target: string; real: boolean }

export type { Header, Hop, Journey, Verdict }

/** What the inspector shows of one thing in the topology. */
export interface Inspection {
  kind: string
  title: string
  facts: { label: string; value: string }[]
  yaml: string | null
  /** Text tables: routes, bridge fdb, iptables chains… each as the tool prints it. */
  sections: { title: string; command: string; text: string }[]
}

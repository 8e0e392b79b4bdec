import { ipVersion } from '../../network/address.ts'
import type { Direction, Policy, PolicyPod, PolicyPort, PolicyRule, PolicyView } from '../../policy/types.ts'
import { namedPortSet, peerSet, policyChain, targetSet, type Family } from './names.ts'
import type { SetEntry } from './sets.ts'

/** The rules and sets of one policy's chain, as pkg/controllers/netpol/policy.go writes them. */
export interface PolicyChain {
  readonly chain: string
  /** Arguments of each rule after "-A CHAIN ". */
  readonly rules: readonly string[]
  readonly sets: readonly { name: string; type: 'hash:ip' | 'hash:net'; entries: readonly SetEntry[] }[]
}

interface PortMatch { protocol: string; dport: string }
interface NamedPort { protocol: string; port: number; ips: string[] }

/** Named ports become one set of addresses for each number that Pods have under the name. */
function splitPorts(ports: readonly PolicyPort[], pods: readonly PolicyPod[], version: 4 | 6): { numeric: PortMatch[]; named: NamedPort[] } {
  const numeric: PortMatch[] = []
  const named: NamedPort[] = []
  for (const { protocol, port, endPort, name } of ports) {
    if (name === undefined) {
      numeric.push({ protocol, dport: port === undefined ? '' : endPort === undefined ? String(port) : `${port}:${endPort}` })
      continue
    }
    const byNumber = new Map<number, NamedPort>()
    for (const pod of pods) {
      const number = pod.namedPorts.get(`${protocol}/${name}`)
      if (number === undefined) continue
      let entry = byNumber.get(number)
      if (!entry) byNumber.set(number, (entry = { protocol, port: number, ips: [] }))
      entry.ips.push(...addressesOf(pod, version))
    }
    named.push(...byNumber.values())
  }
  return { numeric, named }
}

export function addressesOf(pod: PolicyPod, version: 4 | 6): string[] {
  return pod.ips.filter((ip) => ipVersion(ip) === version)
}

/** kube-router cannot have /0 in a hash:net, so it takes the two halves. */
function blocks(rule: PolicyRule, version: 4 | 6): SetEntry[] {
  const halves = (cidr: string): string[] => (!cidr.endsWith('/0') ? [cidr] : version === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['2000::/3', 'fd00::/8'])
  return (rule.peers ?? []).flatMap((peer): SetEntry[] => {
    if (peer.kind !== 'cidr' || (peer.cidr.includes(':') ? 6 : 4) !== version) return []
    return [...halves(peer.cidr), ...peer.except.flatMap(halves).map((element) => ({ element, nomatch: true as const }))]
  })
}

export function buildPolicyChain(view: PolicyView, policy: Policy, version: string, family: Family): PolicyChain {
  const chain = policyChain(policy.namespace, policy.name, version, family)
  const rules: string[] = []
  const sets = new Map<string, { name: string; type: 'hash:ip' | 'hash:net'; entries: readonly SetEntry[] }>()
  const builder = new ChainBuilder(view, policy, family, rules, (name, type, entries) => sets.set(name, { name, type, entries }))
  for (const direction of ['ingress', 'egress'] as const) if (policy.isolates[direction]) builder.direction(direction)
  return { chain, rules, sets: [...sets.values()] }
}

class ChainBuilder {
  readonly #view: PolicyView
  readonly #policy: Policy
  readonly #family: Family
  readonly #version: 4 | 6
  readonly #rules: string[]
  readonly #set: (name: string, type: 'hash:ip' | 'hash:net', entries: readonly SetEntry[]) => void

  constructor(view: PolicyView, policy: Policy, family: Family, rules: string[], set: (name: string, type: 'hash:ip' | 'hash:net', entries: readonly SetEntry[]) => void) {
    this.#view = view
    this.#policy = policy
    this.#family = family
    this.#version = family === 'IPv4' ? 4 : 6
    this.#rules = rules
    this.#set = set
  }

  direction(direction: Direction): void {
    const { namespace, name, key } = this.#policy
    const targets = this.#view.selected(key).filter((pod) => pod.ips.length > 0)
    const target = targetSet(direction, namespace, name, this.#family)
    this.#set(target, 'hash:ip', targets.flatMap((pod) => addressesOf(pod, this.#version)))
    this.#policy.rules[direction].forEach((rule, i) => this.#rule(direction, rule, i, target, targets))
  }

  #rule(direction: Direction, rule: PolicyRule, index: number, target: string, targets: readonly PolicyPod[]): void {
    const { namespace, name } = this.#policy
    const ingress = direction === 'ingress'
    const view = this.#view
    const pods = new Map((rule.peers ?? []).flatMap((peer) => (peer.kind === 'pods' ? view.members(peer.set.id).map((pod) => [pod.key, pod] as const) : [])))
    const havePorts = ingress ? targets : rule.peers === undefined ? this.#ownNamespace() : [...pods.values()]
    const { numeric, named } = splitPorts(rule.ports ?? [], havePorts, this.#version)
    const by = `selected by policy name${rule.peers !== undefined ? '' : ':'} ${name} namespace ${namespace}`
    /** `source` and `destination` in the packet's direction. */
    const add = (comment: string, peer: string, ports: readonly PortMatch[] | undefined): void => {
      const [source, destination] = ingress ? [peer, target] : [target, peer]
      if (!ports) this.#append(comment, source, destination)
      else for (const port of ports) this.#append(comment, source, destination, port)
    }
    const addNamed = (comment: string, peer: string, type: 'hash:ip' | 'hash:net'): void => {
      named.forEach(({ protocol, port, ips }, n) => {
        const set = namedPortSet(direction, namespace, name, index, n, this.#family)
        this.#set(set, type, ips)
        this.#append(comment, ingress ? peer : target, set, { protocol, dport: String(port) })
      })
    }
    if (pods.size > 0) {
      const set = peerSet(direction, namespace, name, index, 'pod', this.#family)
      this.#set(set, 'hash:ip', [...pods.values()].flatMap((pod) => addressesOf(pod, this.#version)))
      const comment = `rule to ACCEPT traffic from source pods to dest pods ${by}`
      if (numeric.length > 0) add(comment, set, numeric)
      addNamed(comment, set, 'hash:ip')
      if (numeric.length === 0 && named.length === 0) add(comment, set, undefined)
    }
    if (rule.peers === undefined) {
      const comment = `rule to ACCEPT traffic from ${ingress ? 'all sources to dest pods' : 'source pods to all destinations'} ${by}`
      if (!rule.ports) add(comment, '', undefined)
      else {
        add(comment, '', numeric)
        if (ingress) addNamed(comment, '', 'hash:ip')
        else for (const { protocol, port } of named) this.#append(comment, target, '', { protocol, dport: String(port) })
      }
    }
    const entries = blocks(rule, this.#version)
    if (entries.length > 0) {
      const set = peerSet(direction, namespace, name, index, 'ipblock', this.#family)
      this.#set(set, 'hash:net', entries)
      const comment = `rule to ACCEPT traffic from ${ingress ? 'specified ipBlocks to dest pods' : 'source pods to specified ipBlocks'} selected by policy name: ${name} namespace ${namespace}`
      add(comment, set, rule.ports && numeric)
      if (ingress && rule.ports) addNamed(comment, set, 'hash:net')
    }
  }

  #ownNamespace(): PolicyPod[] {
    return [...this.#view.pods.values()].filter((pod) => pod.namespace === this.#policy.namespace && pod.ips.length > 0 && !pod.hostNetwork && !pod.finished)
  }

  /** Each thing that is let through gets the mark and leaves the chain. */
  #append(comment: string, source: string, destination: string, port?: PortMatch): void {
    let match = `-m comment --comment "${comment}"`
    if (source) match += ` -m set --match-set ${source} src`
    if (destination) match += ` -m set --match-set ${destination} dst`
    if (port) match += ` -p ${port.protocol.toLowerCase()}${port.dport ? ` --dport ${port.dport}` : ''}`
    this.#rules.push(`${match} -j MARK --set-xmark 0x10000/0x10000`, `${match} -m mark --mark 0x10000/0x10000 -j RETURN`)
  }
}

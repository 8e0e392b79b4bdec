import type { PolicyPod, PolicyView } from '../../policy/types.ts'
import { COMMON, DEFAULT, FORWARD, INPUT, OUTPUT, podChain, policyChain, type Family } from './names.ts'
import { addressesOf } from './policy-rules.ts'

/** One local Pod's firewall chain and the rules that lead into it: pkg/controllers/netpol/pod.go. */
export interface PodChain {
  readonly chain: string
  readonly rules: readonly string[]
  /** Rules of KUBE-ROUTER-INPUT, -FORWARD and -OUTPUT: chain and arguments. */
  readonly jumps: readonly (readonly [chain: string, rule: string])[]
}

/** Undefined: the Pod has no address of the family. */
export function buildPodChain(view: PolicyView, pod: PolicyPod, version: string, family: Family): PodChain | undefined {
  const ip = addressesOf(pod, family === 'IPv4' ? 4 : 6)[0]
  if (ip === undefined) return undefined
  const { namespace, name } = pod
  const chain = podChain(namespace, name, version)
  const [ingress, egress] = [view.selecting(pod, 'ingress'), view.selecting(pod, 'egress')]
  const comment = (text: string): string => `-m comment --comment "${text}"`
  // kube-router inserts all these at the top, so the last one comes first.
  const inserted: string[] = []
  for (const policy of [...new Set([...ingress, ...egress])].sort((a, b) => (a.key < b.key ? -1 : 1))) {
    const which = policy.isolates.ingress && policy.isolates.egress ? '' : policy.isolates.ingress ? `-d ${ip} ` : `-s ${ip} `
    inserted.push(`${which}${comment(`run through nw policy ${policy.name}`)} -j ${policyChain(policy.namespace, policy.name, version, family)}`)
  }
  if (ingress.length === 0) inserted.push(`-d ${ip} ${comment('run through default ingress network policy chain')} -j ${DEFAULT}`)
  if (egress.length === 0) inserted.push(`-s ${ip} ${comment('run through default egress network policy chain')} -j ${DEFAULT}`)
  inserted.push(`${comment("rule to permit the traffic traffic to pods when source is the pod's local node")} -m addrtype --src-type LOCAL -d ${ip} -j ACCEPT`)
  inserted.push(`${comment('common bi-directional traffic policy rules')} -j ${COMMON}`)
  const who = `POD name:${name} namespace: ${namespace}`
  const rules = [
    ...inserted.reverse(),
    `${comment(`rule to log dropped traffic ${who}`)} -m mark ! --mark 0x10000/0x10000 -j NFLOG --nflog-group 100 -m limit --limit 10/minute --limit-burst 10`,
    `${comment(`rule to REJECT traffic destined for ${who}`)} -m mark ! --mark 0x10000/0x10000 -j REJECT`,
    '-j MARK --set-mark 0/0x10000',
    `${comment('set mark to ACCEPT traffic that comply to network policies')} -j MARK --set-mark 0x20000/0x20000`,
  ]
  const to = comment(`rule to jump traffic destined to ${who} to chain ${chain}`)
  const from = comment(`rule to jump traffic from ${who} to chain ${chain}`)
  const bridged = '-m physdev --physdev-is-bridged'
  return {
    chain,
    rules,
    jumps: [
      [FORWARD, `${to} -d ${ip} -j ${chain}`],
      [OUTPUT, `${to} -d ${ip} -j ${chain}`],
      [FORWARD, `${bridged} ${to} -d ${ip} -j ${chain}`],
      [INPUT, `${from} -s ${ip} -j ${chain}`],
      [FORWARD, `${from} -s ${ip} -j ${chain}`],
      [OUTPUT, `${from} -s ${ip} -j ${chain}`],
      [FORWARD, `${bridged} ${from} -s ${ip} -j ${chain}`],
    ],
  }
}

import { base32, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'

/** Names of kube-router v2.6's chains and sets: pkg/controllers/netpol (policy.go, pod.go, network_policy_controller.go). */
export type Family = 'IPv4' | 'IPv6'

export const INPUT = 'KUBE-ROUTER-INPUT'
export const FORWARD = 'KUBE-ROUTER-FORWARD'
export const OUTPUT = 'KUBE-ROUTER-OUTPUT'
export const DEFAULT = 'KUBE-NWPLCY-DEFAULT'
export const COMMON = 'KUBE-NWPLCY-COMMON'
/** The kernel's chain → kube-router's own, which its first rule jumps to. */
export const TOP_LEVEL = [['INPUT', INPUT], ['FORWARD', FORWARD], ['OUTPUT', OUTPUT]] as const

/** Chains that every sync writes anew under other names: their hash has the sync's version in it. */
export function isVersioned(chain: string): boolean {
  return (chain.startsWith('KUBE-POD-FW-') || chain.startsWith('KUBE-NWPLCY-')) && chain !== DEFAULT && chain !== COMMON
}

export function isPolicySet(set: string): boolean {
  return /^(inet6:)?KUBE-(SRC|DST)-/.test(set)
}

export function hash16(text: string): string {
  return base32(sha256(encodeUtf8(text))).slice(0, 16)
}

export function podChain(namespace: string, pod: string, version: string): string {
  return `KUBE-POD-FW-${hash16(namespace + pod + version)}`
}

export function policyChain(namespace: string, policy: string, version: string, family: Family): string {
  return `KUBE-NWPLCY-${hash16(namespace + policy + version + family)}`
}

export function setName(name: string, family: Family): string {
  return family === 'IPv6' ? `inet6:${name}` : name
}

/** The Pods that a policy selects: as destinations for its ingress rules, as sources for its egress rules. */
export function targetSet(direction: 'ingress' | 'egress', namespace: string, policy: string, family: Family): string {
  return setName(`KUBE-${direction === 'ingress' ? 'DST' : 'SRC'}-${hash16(namespace + policy + family)}`, family)
}

/** The peers of one rule: its Pods or its blocks of addresses. */
export function peerSet(direction: 'ingress' | 'egress', namespace: string, policy: string, rule: number, kind: 'pod' | 'ipblock', family: Family): string {
  return setName(`KUBE-${direction === 'ingress' ? 'SRC' : 'DST'}-${hash16(`${namespace}${policy}${direction}rule${rule}${family}${kind}`)}`, family)
}

/** The Pods that have a named port under one number. */
export function namedPortSet(direction: 'ingress' | 'egress', namespace: string, policy: string, rule: number, port: number, family: Family): string {
  return setName(`KUBE-DST-${hash16(`${namespace}${policy}${direction}rule${rule}${port}${family}namedport`)}`, family)
}

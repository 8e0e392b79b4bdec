import type { KubernetesClient } from '../../kubernetes/client.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { KubeObject, LabelSelector } from '../../kubernetes/types.ts'
import { tryParseCidr } from '../../network/address.ts'
import type { Cidr } from '../../network/types.ts'
import { liesIn, type Identity } from './identity.ts'

/** CiliumCIDRGroups: names and labels for prefixes that policies share (pkg/policy/k8s/cilium_cidr_group.go of cilium/cilium v1.17). */
export const CIDR_GROUPS = 'ciliumcidrgroups.cilium.io'

/** pkg/policy/api/cidr.go */
export const GROUP_NAME = 'io.cilium.policy.cidrgroupname'

export interface CidrGroup extends KubeObject { spec: { externalCIDRs?: string[] } }
/** How a policy names groups: one by its name, or those with labels. */
export interface GroupReference { cidrGroupRef?: string; cidrGroupSelector?: LabelSelector }

export class CidrGroups {
  readonly #groups = new Map<string, { labels: Readonly<Record<string, string>>; cidrs: readonly Cidr[] }>()
  readonly #stop: () => void

  constructor(client: KubernetesClient, changed: () => void) {
    this.#stop = client.watch<CidrGroup>(CIDR_GROUPS, {}, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const { metadata: { name, labels }, spec } = event.object
      const group = { labels: { ...labels }, cidrs: (spec.externalCIDRs ?? []).flatMap((text) => wholePrefix(text) ?? []) }
      if (event.type !== 'DELETED' && JSON.stringify(this.#groups.get(name)) === JSON.stringify(group)) return
      if (event.type === 'DELETED') this.#groups.delete(name)
      else this.#groups.set(name, group)
      changed()
    })
  }

  stop(): void {
    this.#stop()
  }

  /** All prefixes that some group has. */
  prefixes(): Cidr[] {
    return [...this.#groups.values()].flatMap((g) => g.cidrs)
  }

  /** The labels that a prefix has from the groups around it: their own, and their names. */
  labelsOf(cidr: Cidr): string[] {
    const inside = { cidr } as Identity
    return [...this.#groups].flatMap(([name, { labels, cidrs }]) => (cidrs.some((c) => liesIn(inside, c)) ? [...Object.entries(labels).map(([k, v]) => `cidrgroup:${k}${v === '' ? '' : `=${v}`}`), `cidrgroup:${GROUP_NAME}/${name}`] : [])).sort()
  }

  /** The prefixes that a rule means now; a group that is not there has none. */
  meant({ cidrGroupRef, cidrGroupSelector }: GroupReference): Cidr[] {
    if (cidrGroupRef !== undefined) return [...(this.#groups.get(cidrGroupRef)?.cidrs ?? [])]
    const selector = compileLabelSelector(cidrGroupSelector)
    return [...this.#groups].flatMap(([name, { labels, cidrs }]) => (selector.matches({ ...labels, [`${GROUP_NAME}/${name}`]: '' }) ? cidrs : []))
  }
}

function wholePrefix(text: string): Cidr | undefined {
  const prefix = tryParseCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`)
  return prefix && `${prefix.network}/${prefix.length}`
}

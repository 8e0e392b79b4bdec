import type { Kind } from '../kinds/kind.ts'
import { antreaGroup, antreaPolicy, antreaTier, nameRules } from './antrea-admission.ts'

/**
 * What controllers' webhooks do with their own kinds, by the name of the definition: without them an object would be kept that
 * changes nothing, or that says less than on a real cluster. Webhooks that a cluster is given travel as packets (admission/).
 */
export const WEBHOOKS: Readonly<Record<string, Webhooks>> = {
  'clusternetworkpolicies.crd.antrea.io': { mutate: nameRules, deny: antreaPolicy('acnpvalidator.antrea.io') },
  'networkpolicies.crd.antrea.io': { mutate: nameRules, deny: antreaPolicy('annpvalidator.antrea.io') },
  'tiers.crd.antrea.io': { deny: antreaTier },
  'clustergroups.crd.antrea.io': { deny: antreaGroup('clustergroups.crd.antrea.io', 'clustergroupvalidator.antrea.io') },
  'groups.crd.antrea.io': { deny: antreaGroup('groups.crd.antrea.io', 'groupvalidator.antrea.io') },
}

interface Webhooks { mutate?(object: object): void; deny: NonNullable<Kind['deny']> }

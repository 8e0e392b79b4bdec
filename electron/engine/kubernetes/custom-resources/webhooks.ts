import type { Kind } from '../kinds/kind.ts'

/**
 * What controllers' validating webhooks deny of their own kinds, by the name of the definition. Webhooks in general are not
 * simulated; these are, since without them an object would be kept that changes nothing.
 */
export const WEBHOOKS: Readonly<Record<string, NonNullable<Kind['deny']>>> = {
  'clusternetworkpolicies.crd.antrea.io': antreaTier('acnpvalidator.antrea.io'),
  'networkpolicies.crd.antrea.io': antreaTier('annpvalidator.antrea.io'),
}

/** validateTierForPolicy of Antrea's pkg/controller/networkpolicy/validate.go; the static tiers need no object. */
const STATIC_TIERS = ['', 'emergency', 'securityops', 'networkops', 'platform', 'application', 'baseline']

function antreaTier(webhook: string): NonNullable<Kind['deny']> {
  return (object, { store }) => {
    const { tier = '' } = (object as { spec?: { tier?: string } }).spec ?? {}
    return STATIC_TIERS.includes(tier.toLowerCase()) || store.get('tiers.crd.antrea.io', '', tier) ? undefined : { webhook, why: `tier ${tier} does not exist` }
  }
}

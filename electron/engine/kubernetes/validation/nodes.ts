import { tryParseCidr } from '../../network/address.ts'
import type { FieldErrors } from '../field-errors.ts'
import { deepEqual } from '../json.ts'
import type { Node } from '../types.ts'
import { validateTaints } from './scheduling.ts'

/** Nodes: pkg/apis/core/validation ValidateNode, ValidateNodeUpdate (v1.33). */
export function validateNode({ spec }: Node, errors: FieldErrors): void {
  validateTaints(spec.taints, 'spec.taints', errors)
  spec.podCIDRs?.forEach((cidr, i) => {
    if (!tryParseCidr(cidr)) errors.invalid(`spec.podCIDRs[${i}]`, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')
  })
  if ((spec.podCIDRs?.length ?? 0) > 2) errors.invalid('spec.podCIDRs', spec.podCIDRs, 'may specify no more than one CIDR for each IP family')
}

export function validateNodeUpdate(node: Node, old: Node, errors: FieldErrors): void {
  validateNode(node, errors)
  if (old.spec.podCIDRs?.length && !deepEqual(node.spec.podCIDRs, old.spec.podCIDRs)) {
    errors.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')
  }
  if (old.spec.providerID && node.spec.providerID !== old.spec.providerID) {
    errors.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid')
  }
}

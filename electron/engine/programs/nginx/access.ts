import { cidrContains, isIpv4 } from '../../network/address.ts'
import type { Cidr } from '../../network/types.ts'

/** allow and deny (ngx_http_access_module, ngx_stream_access_module): the first that fits decides. */
export interface AccessRule { allow: boolean; net: Cidr | 'all' }

export function accessRule<R extends AccessRule>(rules: readonly R[], address: string): R | undefined {
  return rules.find(({ net }) => net === 'all' || (isIpv4(net.split('/')[0]!) === isIpv4(address) && cidrContains(net.includes('/') ? net : `${net}/${isIpv4(net) ? 32 : 128}`, address)))
}

import { canonicalIp, SystemError, type NetworkNamespace } from '../../../engine/cluster.ts'
import type { Options } from './common.ts'
import { ipJson } from './json.ts'

/** `ip -6 route get`. */
export function getRoute6(network: NetworkNamespace, written: string, flow: { source?: string; out?: string; in?: string; mark?: number }, options: Options): string {
  const destination = canonicalIp(written) ?? written
  const resolved = network.routes.resolve(destination, flow)
  if (!resolved) throw new SystemError('ENETUNREACH')
  const found = resolved.route
  if (found.type === 'unreachable') throw new SystemError('EHOSTUNREACH')
  if (found.type === 'blackhole') throw new SystemError('EINVAL')
  if (found.type === 'prohibit') throw new SystemError('EACCES')
  // the route's own choice, whatever was asked for (rt6_fill_node)
  const { source } = resolved
  const local = found.type === 'local' || found.type === 'anycast' || found.type === 'multicast'
  const device = found.type === 'local' || found.type === 'anycast' ? 'lo' : found.device
  const from = flow.source ?? '::'
  const protocol = found.protocol === 'boot' ? undefined : found.protocol
  if (options.json) {
    return ipJson.route({
      ...(local ? { type: found.type } : {}), dst: destination, from, ...(found.via ? { gateway: found.via } : {}), dev: device,
      ...(local ? { table: 'local' } : {}), ...(protocol ? { protocol } : {}), ...(source ? { prefsrc: source } : {}), metric: found.metric ?? 0, flags: [], pref: 'medium',
    }, options.pretty)
  }
  const words = [
    ...(local ? [found.type] : []), destination, 'from', from, ...(found.via ? ['via', found.via] : []), 'dev', device, ...(local ? ['table local'] : []),
    ...(protocol ? ['proto', protocol] : []), ...(source ? ['src', source] : []), 'metric', found.metric ?? 0, 'pref medium',
  ]
  return `${words.join(' ')}\n`
}

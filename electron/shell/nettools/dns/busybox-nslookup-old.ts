import { resolveHost, type Process, type Task } from '../../../engine/cluster.ts'
import { serverAddresses } from './bind.ts'
import { resolverConfig } from './query.ts'
import { nameOfAddress } from '../names.ts'

const USAGE = 'BusyBox v1.28.4 (2018-05-22 17:00:17 UTC) multi-call binary.\n\nUsage: nslookup [HOST] [SERVER]\n\nQuery the nameserver for the IP address of the given HOST\noptionally using a specified DNS server\n'

/**
 * The applet of busybox up to 1.28 (networking/nslookup.c), which tutorials use because it asks as programs do: the
 * libc's resolver, with the search list and ndots, and for every address its name.
 */
export function* oldBusyboxNslookup(process: Process): Task<number> {
  const [, name, asked, more] = process.argv
  if (name === undefined || name.startsWith('-') || more !== undefined) {
    yield* process.printError(USAGE)
    return name === '--help' ? 0 : 1
  }
  const [given] = asked === undefined ? [undefined] : yield* serverAddresses(process, asked)
  if (asked !== undefined && given === undefined) {
    yield* process.printError(`nslookup: bad address '${asked}'\n`)
    return 1
  }
  const server = given ?? resolverConfig(process).nameservers[0] ?? '127.0.0.1'
  // in one piece: who attaches to a Pod that does nothing else sees all of it or none
  let output = ''
  const block = function* (heading: string, host: string, addresses: readonly string[]): Task<void> {
    output += `${heading.padEnd(10)} ${host}\n`
    for (const [i, address] of addresses.entries()) {
      const back = yield* nameOfAddress(process, address, undefined, server)
      output += `Address ${i + 1}: ${address}${back === undefined ? '' : ` ${back}`}\n`
    }
  }
  yield* block('Server:', server, [server])
  output += '\n'
  const resolved = yield* resolveHost(process, name, { server })
  if (!('error' in resolved)) yield* block('Name:', name, resolved.addresses)
  yield* process.print(output)
  if (!('error' in resolved)) return 0
  yield* process.printError(`nslookup: can't resolve '${name}'\n`)
  return 1
}

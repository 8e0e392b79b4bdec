import { expect, test } from 'vitest'
import { Clock } from '../clock.ts'
import { ObjectStore } from '../cni/objects.samples.ts'
import type { Conntrack, ConntrackEntry } from '../network/types.ts'
import { ServiceCache } from './cache.ts'
import { cleanStaleEntries } from './conntrack.ts'
import { putService, putSlice } from './services.samples.ts'

/** TestCleanStaleEntries and TestServiceWithoutEndpoints of pkg/proxy/conntrack/cleanup_test.go of v1.33, told again. */
const [CLUSTER, EXTERNAL, BALANCER] = ['172.30.1.1', '192.168.99.100', '1.2.3.4']
const [SERVING, NOT_SERVING, GONE] = ['10.240.0.4', '10.240.1.5', '10.240.2.6']
const [PORT, NODE_PORT, OTHER] = [8000, 32_000, 3000]

/** "udp 172.30.1.1:8000 from 10.240.0.4" */
const said = (e: ConntrackEntry): string => `${e.original.protocol} ${e.original.destination}:${e.original.destinationPort} from ${e.reply.source}`

function entry(protocol: string, destination: string, destinationPort: number, from: string): ConntrackEntry {
  const tuple = { protocol, source: '10.0.0.9', sourcePort: 5000, destination, destinationPort }
  return { original: tuple, reply: { protocol, source: from, sourcePort: 9090, destination: '10.0.0.9', destinationPort: 5000 } } as unknown as ConntrackEntry
}

function clean(entries: readonly ConntrackEntry[], endpoints: { ip: string; serving?: boolean; ready?: boolean }[]): { gone: string[]; count: number } {
  const clock = new Clock({ seed: 1 })
  const store = new ObjectStore(clock)
  const ports = ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ name: protocol.toLowerCase(), port: PORT, protocol, ...(protocol === 'TCP' ? {} : { nodePort: NODE_PORT }) }))
  putService(store, 'test', 'cleanup-test', CLUSTER, ports, { externalIPs: [EXTERNAL] }, [BALANCER])
  if (endpoints.length > 0) putSlice(store, 'test', 'cleanup-test', ports.map((p) => ({ name: p.name, protocol: p.protocol, port: 9090 })), endpoints)
  const cache = new ServiceCache(store.client, 4, () => undefined)
  const gone: ConntrackEntry[] = []
  const count = cleanStaleEntries({ remove: (filter: (e: ConntrackEntry) => boolean) => gone.push(...entries.filter(filter)) } as unknown as Conntrack, cache)
  cache.stop()
  return { gone: gone.map(said).sort(), count }
}

const all = [SERVING, NOT_SERVING, GONE].flatMap((from) => ['tcp', 'udp', 'sctp'].flatMap((protocol) => [
  ...[CLUSTER, BALANCER, EXTERNAL].flatMap((to) => [PORT, OTHER].map((port) => entry(protocol, to, port, from))),
  entry(protocol, '192.168.0.2', NODE_PORT, from),
]))

test('what a UDP Service has sent to endpoints that do not serve is forgotten, on its own ports alone', () => {
  // those that were not translated: from before there were rules
  const untranslated = [CLUSTER, BALANCER, EXTERNAL].flatMap((to) => [PORT, OTHER].map((port) => entry('udp', to, port, to)))
  const { gone, count } = clean([...all, ...untranslated], [{ ip: SERVING }, { ip: NOT_SERVING, ready: false, serving: false }])
  expect(gone).toEqual([
    ...[NOT_SERVING, GONE].flatMap((from) => [...[CLUSTER, BALANCER, EXTERNAL].map((to) => `udp ${to}:${PORT} from ${from}`), `udp 192.168.0.2:${NODE_PORT} from ${from}`]),
    ...[CLUSTER, BALANCER, EXTERNAL].map((to) => `udp ${to}:${PORT} from ${to}`),
  ].sort())
  expect(count).toBe(11)
})

test('a Service without endpoints leaves its entries: there is nothing better', () => {
  expect(clean(all, [])).toEqual({ gone: [], count: 0 })
  expect(clean(all, [{ ip: NOT_SERVING, ready: false, serving: false }])).toEqual({ gone: [], count: 0 })
})

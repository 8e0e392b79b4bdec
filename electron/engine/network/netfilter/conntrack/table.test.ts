import { expect, test } from 'vitest'
import { Random } from '../../../random.ts'
import type { ConntrackTuple } from '../../types.ts'
import { TrackedConnection } from './connection.ts'
import { ConnectionTable, hashOf } from './table.ts'
import { invert } from './tuple.ts'

const udp = (source: string, sourcePort: number, destination: string, destinationPort: number): ConntrackTuple => ({ source, destination, sourcePort, destinationPort, protocol: 'udp' })

/** `hash`: of few values, so that connections stand in each other's places. */
const put = (table: ConnectionTable, id: number, original: ConntrackTuple, reply: ConntrackTuple, hash = hashOf): TrackedConnection => {
  const connection = new TrackedConnection(table, id, original, hash(original))
  connection.reply = reply
  connection.replyHash = hash(reply)
  table.add(connection)
  return connection
}

test.each([['as it hashes', hashOf], ['with hashes that clash', (tuple: ConntrackTuple) => hashOf(tuple) & 0x3000_0007]] as const)('finds each connection by both its tuples and no other, %s, while others come and go', (_, hash) => {
  const random = new Random(7)
  const table = new ConnectionTable()
  let live: TrackedConnection[] = []
  for (let i = 0; i < 1200; i++) {
    if (random.below(5) < 3 || live.length === 0) {
      const original = udp('10.0.0.1', i, '10.96.0.1', 53)
      live.push(put(table, i, original, i % 3 ? invert(original) : udp('10.244.1.7', 5353, '10.0.0.1', i), hash))
    } else {
      const [gone] = live.splice(random.below(live.length), 1)
      table.delete(gone!)
      expect(table.get(gone!.original, hash(gone!.original))).toBeUndefined()
      expect(table.get(gone!.reply, hash(gone!.reply))).toBeUndefined()
    }
    if (i % 40 > 0) continue
    for (const connection of live) {
      expect(table.get(connection.original, hash(connection.original))).toEqual({ connection, direction: 'original' })
      expect(table.get(connection.reply, hash(connection.reply))).toEqual({ connection, direction: 'reply' })
    }
    expect([...table.connections()]).toEqual(live)
  }
  for (const connection of live) table.delete(connection)
  live = []
  expect([...table.connections()]).toEqual(live)
})

test('what a connection with itself sends is its reply', () => {
  const table = new ConnectionTable()
  const tuple = udp('10.0.0.1', 53, '10.0.0.1', 53)
  const connection = put(table, 1, tuple, invert(tuple))
  expect(table.get(tuple, hashOf(tuple))).toEqual({ connection, direction: 'reply' })
  table.delete(connection)
  expect(table.get(tuple, hashOf(tuple))).toBeUndefined()
})

import { expect, test } from 'vitest'
import type { Cluster, Journey } from '../../engine/cluster.ts'
import type { CheckContext } from './context.ts'
import { checkJourney } from './journey.ts'

/** What a student reads who did something else. */
const made = (id: number, verdict: Journey['verdict'], destination: string, destinationPort?: number): Partial<Journey> => ({ id, from: 'default/client', destination, destinationPort, protocol: 'tcp', program: 'curl', verdict, hops: [], reply: [] })

function found(recent: Partial<Journey>[], wanted: object, journeysAfter = 0): string | undefined {
  const context = { cluster: { journeys: { recent } } as unknown as Cluster, variables: new Map(), journeysAfter } as unknown as CheckContext
  const check = { id: 'x', title: 'x', needs: [], hints: [], fail: '{found}', kind: 'journey', verdict: ['delivered'], via: [], without: [], interfaces: [], count: { atLeast: 1 }, from: 'default/client', ...wanted } as unknown as Parameters<typeof checkJourney>[0]
  const result = checkJourney(check, context)
  return 'found' in result ? (result.found as string) : undefined
}

test('nothing yet is not the same as nothing since the step began', () => {
  expect(found([], {})).toBe('nothing has been sent from default/client yet')
  expect(found([made(3, 'delivered', '10.96.0.9', 80)], {}, 3)).toBe('nothing has been sent from default/client since this step began')
  expect(found([], { from: undefined })).toBe('no such connection yet')
})

test('the last connection is told in a sentence, whatever became of it', () => {
  const last = (verdict: Journey['verdict'], ip = '10.244.1.5', port?: number) => found([made(1, verdict, ip, port)], { destination: '10.96.0.9' })
  expect(last('delivered', '10.244.1.5', 5678)).toBe('the last connection, from default/client to 10.244.1.5:5678, was delivered')
  expect(last('timeout', 'fd00::1', 80)).toBe('the last connection, from default/client to [fd00::1]:80, timed out')
  expect(last('pending')).toBe('the last connection, from default/client to 10.244.1.5, is still on its way')
  expect(last('unreachable')).toBe('the last connection, from default/client to 10.244.1.5, found its destination unreachable')
  expect(found([made(1, 'timeout', '10.96.0.9', 80)], { port: 80 })).toBe('the connection from default/client to 10.96.0.9:80 timed out')
})

test('a check may take several ends of a connection, and no others', () => {
  const lost = { verdict: ['timeout', 'unreachable'], port: 80 }
  expect(found([made(1, 'unreachable', '10.96.0.9', 80)], lost)).toBeUndefined()
  expect(found([made(1, 'timeout', '10.96.0.9', 80)], lost)).toBeUndefined()
  expect(found([made(1, 'refused', '10.96.0.9', 80)], lost)).toBe('the connection from default/client to 10.96.0.9:80 was refused')
})

import type { Process } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { resolvConfOf, resolveHost } from './resolver.ts'

export type Found = { address: string } | { error: string }

/** Looks a name up as a Go program does; an error has the words of net.DNSError. `done` is called once, never at once; what is returned gives up. */
export function lookUpHost(process: Process, host: string, done: (found: Found) => void): () => void {
  let over = false
  const thread = process.spawnThread((function* () {
    const found = yield* resolveHost(process, host)
    const server = joinHostPort(resolvConfOf(process).nameservers[0] ?? '127.0.0.1', 53)
    const answer: Found = 'error' in found
      ? { error: `lookup ${host} on ${server}: ${found.error === 'EAI_AGAIN' ? 'server misbehaving' : 'no such host'}` }
      : { address: found.addresses.find((each) => !each.includes(':')) ?? found.addresses[0]! }
    process.clock.schedule(0, () => {
      if (!over) done(answer)
    })
  })())
  return () => {
    over = true
    thread.kill()
  }
}

import type { Task } from '../../engine/machine/task.ts'
import type { Command } from './command.ts'
import { CREATE_FLAGS, started } from './create-simple.ts'
import { flags } from './flags.ts'
import { resourceAmount } from './generators.ts'
import { byBytes, type JsonObject } from './objects.ts'
import { createNamed, metadataOf } from './saving.ts'

/** kubectl's pkg/cmd/create/create_quota.go. The server does not enforce quotas, and says so. */
export const createQuota: Command = {
  name: 'quota',
  aliases: ['resourcequota'],
  short: 'Create a quota with the specified name',
  use: 'quota NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, `
    --hard string
    --scopes string
  `),
  *run(k): Task<number> {
    const spec: JsonObject = {}
    const name = yield* started(k)
    const hard = k.flags.string('hard')
    if (hard !== '') spec['hard'] = Object.fromEntries(hard.split(',').map((pair) => resourceAmount(pair)).sort(([a], [b]) => byBytes(a, b)))
    const scopes = k.flags.string('scopes')
    if (scopes !== '') spec['scopes'] = scopes.split(',')
    return yield* createNamed(k, { kind: 'ResourceQuota', apiVersion: 'v1', metadata: metadataOf(name), spec, status: {} }, 'quota')
  },
}

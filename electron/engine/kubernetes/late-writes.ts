import { Random } from '../random.ts'
import { type LateBody, LateChange, type LateWrite, type WriteOptions } from './client.ts'
import { timestamp } from './human-duration.ts'
import { deepFreeze } from './json.ts'
import { type Kind, storeKey } from './kinds/kind.ts'
import { ownersOfNew, setEntries } from './managed-fields/record.ts'
import { decodeBody } from './object-body.ts'
import { patchObject } from './patching.ts'
import type { DraftMeta, KubeObject } from './types.ts'
import { checkNamespace } from './writes.ts'
import type { Server } from './server.ts'

/**
 * Writes of what hardly anybody reads. They count, take their uid and are refused at once; the objects are put together
 * when somebody looks at their resource, as they would have been then: nobody can tell the difference.
 */
export class LateWrites {
  readonly #server: Server
  /** What it made up to now, and what their uids come from. */
  #count = 0
  #seed: number | undefined
  readonly #makers = new Map<Kind, (write: LateWrite) => KubeObject>()

  constructor(server: Server) {
    this.#server = server
  }

  create(kind: Kind, namespace: string, body: LateBody, options: WriteOptions): void {
    checkNamespace(this.#server, kind, { namespace, name: '' })
    this.#seed ??= this.#server.uids.fork('late').uint32()
    body.number = this.#count++
    this.#put(kind, body, options)
  }

  /** A merge patch of what is not yet put together. */
  patch(kind: Kind, change: LateChange, options: WriteOptions): void {
    this.#put(kind, change, options)
  }

  #put(kind: Kind, write: LateWrite, { fieldManager }: WriteOptions): void {
    write.at = this.#server.clock.now
    if (fieldManager !== undefined) write.manager = fieldManager
    let make = this.#makers.get(kind)
    if (!make) this.#makers.set(kind, (make = (late) => (late instanceof LateChange ? this.#patched(kind, late) : this.#created(kind, late as LateBody))))
    this.#server.store.putLate(storeKey(kind), write, make, this.#server.freeze ? deepFreeze : undefined)
  }

  #created(kind: Kind, body: LateBody): KubeObject {
    const { epoch } = this.#server.clock
    const wall = epoch + body.at
    const object = decodeBody(kind, body.make(), undefined, optionsOf(body))
    const metadata: DraftMeta = object.metadata
    if (this.#server.recordsOwners) setEntries(object, ownersOfNew({ wall: () => wall }, kind, object, optionsOf(body)))
    // Odd, so that no two of 4 billion come from one seed.
    metadata.uid = new Random(this.#seed! + Math.imul(body.number, 0x9e3779b1)).uuid()
    metadata.creationTimestamp = timestamp(wall)
    body.taken = true
    return object
  }

  #patched(kind: Kind, change: LateChange): KubeObject {
    const { namespace, name, patch } = change.make()
    return patchObject(asOf(this.#server, this.#server.clock.epoch + change.at), kind, namespace, name, 'application/merge-patch+json', patch, optionsOf(change))
  }
}

function optionsOf({ manager }: LateWrite): WriteOptions {
  return { fieldValidation: 'Ignore', ...(manager === undefined ? {} : { fieldManager: manager }) }
}

/** The server as it was at a time, for one object that the store counts by itself. */
function asOf(server: Server, wall: number): Server {
  const { store, services, names, uids, freeze, recordsOwners } = server
  const clock = { wall: () => wall } as Server['clock']
  return { clock, store, services, names, uids, freeze, recordsOwners, kind: (resource) => server.kind(resource), context: (dryRun) => server.context(dryRun), commit: (_, object) => object }
}
